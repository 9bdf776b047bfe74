"""The figures of a run: one list of them, for its report and for files.

Nothing that takes long is computed for them, and no test set is opened: what was computed before is drawn.
"""
