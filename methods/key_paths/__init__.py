"""Where the keys of a patch-wise loss come from: CUT's own way and the variants its paper compares it with."""
