"""What plugin authors write against, and how their plugins are found."""
