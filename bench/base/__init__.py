"""The lowest layer: errors, files, folders of a home, random streams, words. Imports nothing of contrastbench."""
