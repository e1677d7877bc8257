"""The short address of what a method plugin is written against."""

from bench.plugin.method import (
    Generator,
    LatentGenerator,
    Method,
    MethodConfig,
    MultiDomainConfig,
    MultiDomainTranslator,
    PairedConfig,
    RequiredRun,
    Segmenter,
    StepContext,
    Synthesizer,
    Task,
    Translator,
)

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
    "StepContext",
    "Synthesizer",
    "Task",
    "Translator",
]
