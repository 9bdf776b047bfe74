"""Faults injected into the real program, and counted: `python -m tests.faults` prints what came of each."""
