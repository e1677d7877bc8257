"""Where runs execute. A run is idempotent and content-addressed, which is what makes every executor simple."""
