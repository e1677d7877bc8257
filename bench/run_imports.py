"""What a run's process imports anyway, gathered so that the local executor's server does it once for all runs."""

import torch._dynamo  # noqa: F401  every optimizer's first step imports it

import bench.checkpoint
import bench.data.dataset
import bench.data.loader
import bench.data.pairs
import bench.evaluate
import bench.method
import bench.sampling
import bench.train  # noqa: F401
