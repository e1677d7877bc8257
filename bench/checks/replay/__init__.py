"""Recorded training steps of the originals, run again and compared."""
