"""Metrics: one per file, the same functions in the same order; this package imports nothing, so listing is quick."""
