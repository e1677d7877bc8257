"""What a run's process imports anyway, gathered so that the local executor's server does it once for all runs."""

import torch._dynamo  # noqa: F401  every optimizer's first step imports it

import bench.data.dataset
import bench.data.training_images
import bench.plugin.method
import bench.run.checkpoint
import bench.run.score_checkpoint
import bench.run.train
import bench.tasks.task  # noqa: F401
