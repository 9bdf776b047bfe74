"""Elicit: a search over wordings, templates, shots and roles for what gets truths and lies out of a model."""
