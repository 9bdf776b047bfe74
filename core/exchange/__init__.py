"""Runs out to other tools' formats, and what was made with other tools in as runs."""
