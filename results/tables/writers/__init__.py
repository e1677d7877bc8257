"""A laid-out table as Markdown, as LaTeX, or on a terminal: one module per format."""
