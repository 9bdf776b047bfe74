"""Read or said: what a planted direction follows, and where it turns."""

import numpy as np
import pandas as pd
import pytest

from core.errors import Cancelled, ProbeError
from core.probes.read_or_said import read_or_said

LAYERS, TURN, WIDTH = 6, 3, 40


def answers(n=120, lies=1.0, seed=0):
    """n questions in both modes; under lie a share of them is answered falsely."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 2
    lied = rng.random(n) < lies
    parts = []
    for mode in ("honest", "lie"):
        said = np.where(lied, 1 - label, label) if mode == "lie" else label
        parts.append(
            pd.DataFrame(
                {
                    "question": [f"q{i}" for i in range(n)],
                    "group": [f"g{i}" for i in range(n)],
                    "mode": mode,
                    "label": label,
                    "said": said.astype(float),
                    "dropped": False,
                    "sample": 0,
                }
            )
        )
    return pd.concat(parts, ignore_index=True).assign(answer=lambda f: np.arange(len(f)))


def planted(frame, seed=1):
    """States in which one direction follows the truth below layer TURN, and from it on what is said."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=WIDTH)
    other = rng.normal(size=WIDTH)
    noise = rng.normal(size=(LAYERS, len(frame), WIDTH))
    truth, said = (2 * frame[name].to_numpy() - 1 for name in ("label", "said"))

    def states(layer):
        first, second = (truth, said) if layer < TURN else (said, truth)
        return noise[layer] + np.outer(first, direction) + 0.4 * np.outer(second, other)

    return states


def test_the_crossover_is_where_the_direction_turns():
    frame = answers()
    found = read_or_said(frame, planted(frame), LAYERS, resamples=30)
    assert found.apart is None and found.n == {"honest": 120, "lie": 120} and found.groups == 120
    assert found.crossover.layer == TURN and found.crossover.ci == (TURN, TURN)
    assert found.crossover.without == 0
    for at in found.layers:
        follows, other = (at.read, at.said) if at.layer < TURN else (at.said, at.read)
        assert follows.ci[0] > 0.5 and follows.ci[0] <= follows.value <= 1.05
        assert abs(other.value) < follows.ci[0]
        assert at.truth.auroc > 0.7 and at.choice.auroc > 0.7  # both are still there to be read
        lie = at.truth_under["lie"].auroc
        assert lie > 0.9 if at.layer < TURN else lie < 0.1


def test_where_nothing_turns_there_is_no_crossover():
    frame = answers()
    states = planted(frame)
    found = read_or_said(frame, lambda layer: states(0), 3, resamples=20)
    assert found.crossover.layer is None and found.crossover.ci is None and found.crossover.without == 1


def test_noise_follows_nothing():
    frame = answers()
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(len(frame), WIDTH))
    found = read_or_said(frame, lambda layer: noise, 1, resamples=100)
    at = found.layers[0]
    assert at.read.ci[0] < 0.1 and at.said.ci[0] < 0 < at.said.ci[1]
    assert at.truth_under["lie"].ci[0] < 0.5 < at.truth_under["lie"].ci[1]


def test_a_model_that_never_lies_cannot_tell_the_two_apart_and_says_so():
    frame = answers(lies=0.02)
    found = read_or_said(frame, planted(frame), LAYERS, resamples=10)
    assert "one and the same" in found.apart and found.crossover is None
    assert all(at.read is None and at.said is None and at.truth is not None for at in found.layers)
    constant = frame.assign(said=1.0)
    found = read_or_said(constant, planted(frame), LAYERS, resamples=10)
    assert "one choice in all" in found.apart and found.layers[0].choice is None
    assert found.to_frame()["beta_read"].isna().all()


def test_unreadable_answers_count_for_the_truth_but_not_for_what_was_said():
    frame = answers()
    states = planted(frame)
    frame.loc[::7, "said"] = np.nan
    found = read_or_said(frame, states, LAYERS, resamples=10)
    assert found.n == {"honest": 120, "lie": 120} and found.crossover.layer == TURN
    assert found.layers[0].choice.n < found.layers[0].truth.n == 240


def test_dropped_answers_and_other_modes_are_left_out():
    frame = answers()
    states = planted(frame)
    more = pd.concat([frame, frame[frame["mode"] == "lie"].assign(mode="flip")], ignore_index=True)
    rows = np.concatenate([np.arange(len(frame)), np.flatnonzero(frame["mode"] == "lie")])
    found = read_or_said(more, lambda layer: states(layer)[rows], LAYERS, resamples=10)
    assert found.n == {"honest": 120, "lie": 120}
    dropped = frame.assign(dropped=frame["question"] == "q3")
    assert read_or_said(dropped, states, LAYERS, resamples=10).n == {"honest": 119, "lie": 119}


def test_a_missing_mode_and_too_few_questions_are_refused():
    frame = answers()
    with pytest.raises(ProbeError, match="no lie answers"):
        read_or_said(frame[frame["mode"] == "honest"].reset_index(drop=True), planted(frame), LAYERS)
    few = answers(n=8)
    with pytest.raises(ProbeError, match="too few"):
        read_or_said(few, planted(few), LAYERS)


def test_cancelling_keeps_nothing():
    frame = answers()
    with pytest.raises(Cancelled):
        read_or_said(frame, planted(frame), LAYERS, cancelled=lambda: True)
