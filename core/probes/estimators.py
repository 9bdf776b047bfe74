"""The names under which probes were first made; see `core.probes.methods` and `core.probes.pipeline`."""

from core.probes.methods import METHODS
from core.probes.methods.difference_of_means import DifferenceOfMeans
from core.probes.pipeline import SpanRotation, direction, make_classifier, make_probe

__all__ = ["METHODS", "DifferenceOfMeans", "SpanRotation", "direction", "make_classifier", "make_probe"]
