"""Splits by group: no question, in any mode or wording, stands on both sides."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import ProbeError

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Disjoint sets of groups."""

    train: frozenset[str]
    validation: frozenset[str]
    test: frozenset[str]


def split_groups(
    groups: Sequence[str],
    labels: Sequence[int],
    seed: int = 0,
    fractions: tuple[float, float, float] = (0.5, 0.2, 0.3),
) -> Split:
    """Split groups at random, balanced over their labels (a group's label is its mean).

    Args:
        groups: one per answer.
        labels: 0 or 1 per answer.

    Raises:
        ProbeError: fewer groups than can be split.
    """
    ordered = _placed(groups, labels, f"split {seed}")
    first, second = fractions[0], fractions[0] + fractions[1]
    parts: dict[str, set[str]] = {part: set() for part in PARTS}
    for group, place in ordered.items():
        parts["train" if place < first else "validation" if place < second else "test"].add(group)
    if not all(parts.values()):
        raise ProbeError("too few groups of each label to split into train, validation and test")
    return Split(*(frozenset(parts[part]) for part in PARTS))


def fold_of_groups(
    groups: Sequence[str], labels: Sequence[int], folds: int = 5, seed: int = 0
) -> dict[str, int]:
    """The fold of each group, 0 to `folds` - 1, for cross-validation; balanced as in `split_groups`.

    Raises:
        ProbeError: fewer groups than can be split.
    """
    placed = _placed(groups, labels, f"folds {seed}")
    return {group: int(place * folds) for group, place in placed.items()}


def _placed(groups: Sequence[str], labels: Sequence[int], seed: str) -> dict[str, float]:
    """A random place for each group, 0 to 1, evenly spread within the groups of each mean label."""
    of_group: dict[str, list[int]] = defaultdict(list)
    for group, label in zip(groups, labels, strict=True):
        of_group[group].append(int(label))
    if len(of_group) < 10:
        raise ProbeError(f"{len(of_group)} groups of questions are too few to split: harvest at least 10")
    strata: dict[float, list[str]] = defaultdict(list)
    for group in sorted(of_group):
        strata[round(sum(of_group[group]) / len(of_group[group]), 3)].append(group)
    generator = random.Random(seed)
    placed: dict[str, float] = {}
    for members in strata.values():
        generator.shuffle(members)
        placed |= {group: (place + 0.5) / len(members) for place, group in enumerate(members)}
    return placed
