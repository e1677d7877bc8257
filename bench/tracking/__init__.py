"""MLflow as a live projection of the run folders: never the source of truth, always possible to make anew.

`ledger_view` says what should be shown, as `record`s, with the tables and comparisons of `groups`; `shown` asks MLflow what
it has; `projector` writes the difference, with `sheet`'s sample grids, to what `store` opens; `follow` repeats that every
few seconds, `background` does so beside a command that trains, and `server` is the `ui` verb. mlflow takes seconds to
import, so that only functions of `store` and `projector` do.
"""
