"""Reference numbers of the methods, which `contrastbench doctor` recomputes: one check a file."""
