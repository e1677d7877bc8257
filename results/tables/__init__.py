"""From cells to the papers' tables: tidy and wide pandas frames, one layout, and a writer per file format."""
