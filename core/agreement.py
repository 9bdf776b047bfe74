"""How far two people who prune the same run agree: Cohen's kappa, and the answers on which they differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from core.labels import share_with_interval
from core.store.decision import ACTIONS, Decision

BY_RULE = "rules"
Judgements = Mapping[int, Decision]


@dataclass(frozen=True)
class Agreement:
    """What two people's judgements of the same answers come to.

    Attributes:
        people: their names.
        n: answers that both judged by hand.
        agree, agree_ci: the share with the same action, and its 95 % interval; None where n is 0.
        kappa, kappa_ci: agreement beyond chance; None where n is 0 or both always chose one and the same
            action, which leaves nothing to agree on beyond chance.
    """

    people: tuple[str, str]
    n: int
    agree: float | None = None
    agree_ci: tuple[float, float] | None = None
    kappa: float | None = None
    kappa_ci: tuple[float, float] | None = None

    def to_json(self) -> dict:
        """Plain values under the names that scripts count on."""
        return {
            "people": list(self.people),
            "n": self.n,
            "agree": self.agree,
            "agree_ci": self.agree_ci and list(self.agree_ci),
            "kappa": self.kappa,
            "kappa_ci": self.kappa_ci and list(self.kappa_ci),
        }


def agreement(
    people: tuple[str, str], one: Judgements, other: Judgements, groups: Mapping[int, str]
) -> Agreement:
    """Cohen's kappa over keep, drop and unsure: (p - e) / (1 - e), with p the share of answers on which two
    people agree and e what their own shares of each action would give by chance.

    Drops made by rules are left out: a rule agrees with itself. The interval holds e fixed, as Cohen's own
    does, and takes p's from `share_with_interval`: answers of one group, often decided in one go, are not
    independent, and at full agreement it does not shrink to a point.

    Source: Cohen 1960, "A coefficient of agreement for nominal scales", Educational and Psychological
    Measurement 20.

    Args:
        one, other: their standing decisions, by answer.
        groups: of every answer.
    """
    both = sorted(answer for answer in by_hand(one) & by_hand(other) if answer in groups)
    if not both:
        return Agreement(people, 0)
    first = np.array([one[answer].action for answer in both])
    second = np.array([other[answer].action for answer in both])
    same = pd.Series((first == second).astype(float))
    agree, (low, high) = share_with_interval(same, pd.Series([groups[answer] for answer in both]))
    chance = float(sum((first == action).mean() * (second == action).mean() for action in ACTIONS))
    if chance >= 1:
        return Agreement(people, len(both), agree, (low, high))
    kappa, *ends = ((share - chance) / (1 - chance) for share in (agree, low, high))
    return Agreement(people, len(both), agree, (low, high), kappa, (ends[0], ends[1]))


def by_hand(judgements: Judgements) -> set[int]:
    """The answers that a person judged, not a rule that they applied."""
    return {answer for answer, made in judgements.items() if made.origin != BY_RULE}


def agreements(by_person: Mapping[str, Judgements], frame: pd.DataFrame) -> list[Agreement]:
    """Every pair of people who judged some of the same answers by hand, by name.

    Args:
        by_person: what `DecisionStore.by_person` gives.
        frame: the run's answers, with answer and group.
    """
    if len(by_person) < 2:
        return []
    groups = dict(zip(frame["answer"], frame["group"], strict=True))
    pairs = combinations(sorted(by_person), 2)
    found = [agreement(pair, by_person[pair[0]], by_person[pair[1]], groups) for pair in pairs]
    return [pair for pair in found if pair.n]


def disagreements(by_person: Mapping[str, Judgements], frame: pd.DataFrame) -> pd.DataFrame:
    """The answers on which two people's own judgements differ.

    Returns:
        One row per answer and pair: answer, one, action, reason, other, other_action, other_reason.
    """
    there = set(frame["answer"])
    rows = []
    for one, other in combinations(sorted(by_person), 2):
        mine, theirs = by_person[one], by_person[other]
        for answer in sorted(by_hand(mine) & by_hand(theirs) & there):
            a, b = mine[answer], theirs[answer]
            if a.action != b.action:
                rows.append((answer, one, a.action, a.reason, other, b.action, b.reason))
    columns = ["answer", "one", "action", "reason", "other", "other_action", "other_reason"]
    return pd.DataFrame(rows, columns=columns)
