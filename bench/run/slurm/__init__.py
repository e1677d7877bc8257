"""What the executor `slurm` is made of: its options, what goes into which job, the queue, and what a job does."""
