"""`compare`: one loss or method against others, everything else equal, paired by seed."""
