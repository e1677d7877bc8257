"""contrastbench's harness: trains methods under fixed protocols, scores them and fills the papers' tables.

Nothing in this package knows a particular method or table; plugins live in `methods`, `protocols` and `results`.
"""

__version__ = "0.1.0"
