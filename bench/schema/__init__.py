"""What files hold: protocols, tables, cells, run specifications, data sets, printed numbers."""
