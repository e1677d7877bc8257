"""What methods are asked to do, one task per file: its data, how images are made of test inputs, and what they meet."""
