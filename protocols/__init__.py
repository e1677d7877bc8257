"""Protocols (what is measured, on what, how) and tables (which paper asks for it), as versioned YAML."""
