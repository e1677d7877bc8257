"""The papers' printed numbers and the pandas code that lays their tables out again."""
