"""Paper scale rehearsed on made-up data and made-up weights: planned whole, and each method's first day lived through.

`tox run -e rehearsal` is the whole of it; docs/rehearsal.md says what was measured. Nothing in it is a result.
"""
