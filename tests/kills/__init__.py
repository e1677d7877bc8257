"""Kill every verb at random moments, let the same command finish, and compare all that it made with an undisturbed one's.

`tox run -e kills -- --kills 100 --seed 0` is the whole of it; docs/reliability.md says what is promised and what was seen.
"""
