"""What people look at while runs work and afterwards: live view, curves, sample sheets, table files."""
