"""A package that adds a method to contrastbench."""
