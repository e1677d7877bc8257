"""The short address of what a method plugin is written against."""

from bench.plugin.capabilities import (
    Generator,
    LatentGenerator,
    MultiDomainTranslator,
    Segmenter,
    Synthesizer,
    Translator,
)
from bench.plugin.config import MethodConfig, MultiDomainConfig, PairedConfig, SingleImageConfig
from bench.plugin.method import Method, RequiredRun, StepContext, Task

__all__ = [
    "Generator",
    "LatentGenerator",
    "Method",
    "MethodConfig",
    "MultiDomainConfig",
    "MultiDomainTranslator",
    "PairedConfig",
    "RequiredRun",
    "Segmenter",
    "SingleImageConfig",
    "StepContext",
    "Synthesizer",
    "Task",
    "Translator",
]
