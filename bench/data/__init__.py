"""Data sets, one family per file; the originals' transforms; training batches that are a function of seed and step."""
