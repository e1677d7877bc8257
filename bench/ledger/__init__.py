"""Run folders read back: states, losses, scores and their keys."""
