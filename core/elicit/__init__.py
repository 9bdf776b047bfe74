"""Elicit: a search for what gets truths and lies out of a model: wording, template, shots, role, order."""
