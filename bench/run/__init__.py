"""One run in one process: training, checkpoints, samples, scores; and the executors that start such processes."""
