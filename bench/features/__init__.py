"""Evaluation networks: one per file, each with an id, a source, checked weights and a fixed preprocessing."""
