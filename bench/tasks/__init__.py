"""What methods are asked to do, one task per file: its data, how test images are made, and what they are compared with."""
