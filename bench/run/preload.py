"""What a run's process imports anyway, gathered so that the local executor's server does it once for all runs."""

import pytorch_fid.inception  # noqa: F401  with torchvision, before the first score
import scipy.ndimage
import scipy.special  # noqa: F401
import torch._dynamo  # noqa: F401  every optimizer's first step imports it
from PIL import Image

import bench.data.dataset
import bench.data.training_images
import bench.plugin.method
import bench.run.execute
import bench.tasks.task  # noqa: F401

Image.init()  # the readers of all formats
