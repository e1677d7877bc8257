"""Patch-wise losses, one per file: the mathematics as pure functions, the plugin class thin around it."""
