"""What a cell says: its state, whether it may stand against the published number, and whether they agree."""
