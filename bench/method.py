"""The short address of what a method plugin is written against."""

from bench.plugin.method import (
    CAPABILITY_OF_TASK,
    Generator,
    Method,
    MethodConfig,
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
    "CAPABILITY_OF_TASK",
    "Generator",
    "Method",
    "MethodConfig",
    "MultiDomainTranslator",
    "PairedConfig",
    "RequiredRun",
    "Segmenter",
    "StepContext",
    "Synthesizer",
    "Task",
    "Translator",
]
