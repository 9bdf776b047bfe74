"""Does it matter? What a model says while a direction in its states is added, taken out or patched."""
