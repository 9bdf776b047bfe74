"""Cohen's kappa: against scikit-learn's, with an interval that knows of groups."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from core.agreement import agreement, agreements, disagreements
from core.store.decision import Decision
from tests.frames import answers


def judged(actions, origin="queue"):
    return {n: Decision(n, action, "", origin=origin) for n, action in enumerate(actions) if action}


def test_kappa_is_cohens():
    generator = np.random.default_rng(0)
    one = generator.choice(["keep", "drop", "unsure"], 200, p=[0.5, 0.4, 0.1])
    other = np.where(generator.random(200) < 0.7, one, generator.choice(["keep", "drop", "unsure"], 200))
    groups = {n: str(n) for n in range(200)}
    found = agreement(("ann", "ben"), judged(one), judged(other), groups)
    assert found.n == 200 and found.agree == pytest.approx((one == other).mean())
    assert found.kappa == pytest.approx(cohen_kappa_score(one, other))
    chance = (found.agree - found.kappa) / (1 - found.kappa)
    half = 1.96 * np.sqrt(found.agree * (1 - found.agree) / 200) / (1 - chance)  # Cohen 1960
    assert found.kappa_ci == pytest.approx((found.kappa - half, found.kappa + half), abs=0.02)
    both_modes = judged(np.repeat(one, 2)), judged(np.repeat(other, 2))
    together = agreement(("ann", "ben"), *both_modes, {n: str(n // 2) for n in range(400)})
    assert together.n == 400 and together.kappa_ci == pytest.approx(found.kappa_ci)


def test_full_agreement_is_no_certainty_and_one_action_alone_has_no_kappa():
    groups = {n: str(n // 2) for n in range(8)}
    same = judged(["keep", "drop"] * 4)
    found = agreement(("ann", "ben"), same, same, groups)
    assert found.kappa == 1 and found.kappa_ci[0] < 0.3 and found.kappa_ci[1] == pytest.approx(1)
    kept = judged(["keep"] * 8)
    assert agreement(("ann", "ben"), kept, kept, groups).kappa is None
    assert agreement(("ann", "ben"), kept, {}, groups).n == 0


def test_only_answers_that_both_judged_by_hand_count():
    frame = answers(*[("q", "lie", 0, n, 1, 0) for n in range(4)])
    people = {
        "ann": judged(["drop", "keep", "drop"]),
        "ben": judged(["drop", "drop", "", "keep"]),
        "cem": judged(["drop"] * 4, origin="rules"),
    }
    (found,) = agreements(people, frame)
    assert found.people == ("ann", "ben") and found.n == 2 and found.agree == 0.5
    assert found.to_json()["people"] == ["ann", "ben"]
    rows = disagreements(people, frame)
    assert rows[["answer", "one", "action", "other", "other_action"]].to_numpy().tolist() == [
        [1, "ann", "keep", "ben", "drop"]
    ]
