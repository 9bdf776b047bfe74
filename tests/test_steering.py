"""The steering experiment: whose questions are asked, what counts as an effect, and the command."""

import json

import numpy as np
import pandas as pd
import pytest

from core.charts.steering import against_alpha
from core.cli import main
from core.errors import Cancelled, ProbeError
from core.probes.of_run import probe_run, with_states
from core.probes.splits import split_groups
from core.steering.asked import asked_answers, other_mode_rows
from core.steering.conditions import conditions_of, direction_vectors, patch_vectors
from core.steering.directions import PERMUTED, PROBE, Directions, directions_of
from core.steering.figures import PLAIN, curves, pushes, with_plain
from core.steering.of_run import known_steering, steer_run
from core.steering.settings import SteerSettings
from core.store.runs import RunStore
from tests.conftest import beside
from tests.frames import answers as made_answers

NO_TEXTS = pd.DataFrame(columns=["direction", "alpha", "loss", "tokens"])


@pytest.fixture(scope="module")
def lab(cache, tiny, tmp_path_factory):
    """A cache with a run of the tiny model, and the run."""
    folder = beside(cache, tmp_path_factory.mktemp("steering"))
    asked = ["harvest", "--data", "movie-reviews", "--n", "60", "--position", "prompt"]
    assert main([*asked, "--model", str(tiny), "--cache", str(folder)]) == 0
    store = RunStore(folder)
    return store, store.runs()[0].run


def answered(moves, n=30, alphas=(-1.0, 1.0), random=20, seed=0):
    """Answers of n questions in both modes: a share `moves[direction]` says the choice that alpha points to.

    Unsteered, half of the answers say the positive choice, and no other direction changes any.
    """
    rng = np.random.default_rng(seed)
    rows = []
    names = [PROBE, PERMUTED, *(f"random {number}" for number in range(1, random + 1))]
    for number in range(2 * n):
        question, mode, label = f"q{number // 2}", ("honest", "lie")[number % 2], (number // 2) % 2
        said = label if mode == "honest" else 1 - label
        about = {"answer": number, "question": question, "group": question, "mode": mode}
        about |= {"label": label, "believes": float(label)}
        for direction, alpha in [(PLAIN, 0.0), *((name, alpha) for name in names for alpha in alphas)]:
            now = said
            if direction != PLAIN and rng.random() < moves.get(direction, 0.0):
                now = int(alpha > 0)
            p_1 = 0.8 if now else 0.1
            rows.append(
                about
                | {"direction": direction, "alpha": alpha, "said": float(now), "p_1": p_1, "p_0": 0.9 - p_1}
            )
    return with_plain(pd.DataFrame(rows))


def test_a_direction_that_moves_what_is_said_is_beyond_random_ones():
    found = pushes(answered({PROBE: 0.9, "random 3": 0.1}), "add")["said"]
    assert found.beyond is True and found.p_value == pytest.approx(1 / 21)
    for effect, low, high in found.by_mode.values():
        assert low < effect < high and low > 0.2 and effect < 0.6  # half of the answers can move each way
    assert len(found.random) == 20 and 0 < max(found.random) < 0.2


def test_a_direction_that_moves_no_more_than_random_ones_is_not_used():
    moves = {PROBE: 0.3} | {f"random {number}": 0.3 for number in range(1, 21)}
    found = pushes(answered(moves), "add")["said"]
    assert found.beyond is False and found.p_value > 0.05


def test_a_permuted_label_direction_that_does_as_much_takes_the_effect_away():
    found = pushes(answered({PROBE: 0.5, PERMUTED: 1.0}), "add")["said"]
    assert found.p_value <= 0.05 and found.permuted > found.size and found.beyond is False


def test_too_few_random_directions_give_no_verdict():
    found = pushes(answered({PROBE: 0.9}, random=18), "add")["said"]
    assert found.beyond is None and found.p_value == pytest.approx(1 / 19)
    assert pushes(answered({PROBE: 0.9}, random=0), "add")["said"].p_value is None


def test_what_breaks_the_model_either_way_is_no_effect():
    frame = answered({})
    frame.loc[frame["direction"] == PROBE, "said"] = 1.0  # whichever way it is pushed
    found = pushes(with_plain(frame), "add")["said"]
    assert found.size == 0 and found.beyond is False
    taken_out = frame[(frame["alpha"] >= 0)]
    assert pushes(with_plain(taken_out), "project")["said"].size == pytest.approx(0.5)


def test_shares_are_of_what_can_be_judged_and_carry_their_n():
    frame = answered({}, n=10, random=1)
    silent = (frame["direction"] == PROBE) & (frame["alpha"] == 1) & (frame["question"].isin(["q0", "q1"]))
    frame.loc[silent, "said"] = np.nan
    table = curves(with_plain(frame), NO_TEXTS).set_index(["direction", "alpha", "mode", "measure"])
    whole = table.loc[(PLAIN, 0.0, "lie", "lie")]
    assert (whole["value"], whole["n"]) == (1.0, 10) and whole["low"] < 0.8
    assert whole["high"] == pytest.approx(1)
    part = table.loc[(PROBE, 1.0, "lie", "lie")]
    assert (part["value"], part["n"]) == (1.0, 8)
    assert table.loc[(PROBE, 1.0, "lie", "readable")]["value"] == 0.8
    assert table.loc[(PROBE, 1.0, "honest", "as_instructed")]["n"] == 8
    assert (PROBE, 1.0, "honest", "lie") not in table.index
    assert table.loc[(PLAIN, 0.0, "honest", "outside")]["value"] == pytest.approx(0.1)
    frame["said"] = np.nan
    nothing = curves(with_plain(frame), NO_TEXTS)
    nothing = nothing[nothing["measure"] == "positive"]
    assert (nothing["n"] == 0).all() and nothing["value"].isna().all()


def test_only_test_questions_are_asked_balanced_and_in_turns():
    rows = [
        (f"q{number}", mode, wording, 0, number % 2, number % 2)
        for number in range(40)
        for mode in ("honest", "lie")
        for wording in (0, 1)
    ]
    frame = made_answers(*rows, dropped=False)
    test = frozenset(f"q{number}" for number in range(20))
    frame.loc[(frame["question"] == "q3") & (frame["mode"] == "lie"), "dropped"] = True
    asked = asked_answers(frame, test, 10, seed=0)
    assert len(asked) == 20 and set(asked["question"]) <= test - {"q3"}
    once = asked.drop_duplicates("question")
    assert once["label"].sum() == 5 and set(once["wording"]) == {0, 1}
    assert (asked.groupby("question")["wording"].nunique() == 1).all()
    others = asked.iloc[other_mode_rows(asked)].reset_index(drop=True)
    assert (others["question"] == asked["question"]).all() and (others["mode"] != asked["mode"]).all()
    with pytest.raises(ProbeError, match="no question of the test groups"):
        asked_answers(frame, frozenset({"q3"}), 10, seed=0)


def test_every_condition_gets_its_vector():
    units = np.eye(4)[:3]
    directions = Directions((PROBE, PERMUTED, "random 1"), units, 5.0, {}, frozenset())
    settings = SteerSettings(layer=1, alphas=(2, -1, 0, 2), random=1)
    assert settings.alphas == (-1.0, 2.0) and settings.conditions == 7
    conditions = conditions_of(directions, settings)
    vectors = direction_vectors(directions, settings, conditions)
    assert len(conditions) == settings.conditions and not vectors[0].any()
    assert vectors[1].tolist() == [-5, 0, 0, 0] and vectors[2].tolist() == [10, 0, 0, 0]
    patched = SteerSettings(layer=1, how="patch", random=1)
    conditions = conditions_of(directions, patched)
    own, other, elsewhere = np.zeros(4), np.array([3.0, 4, 0, 0]), np.ones(4)
    vectors = patch_vectors(directions, conditions, own, other, elsewhere)
    assert np.isnan(vectors[0]).all() and vectors[1].tolist() == other.tolist()
    assert vectors[2].tolist() == [1, 1, 1, 1] and vectors[3].tolist() == [0, 0, 5, 0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"how": "turn"}, "unknown way"),
        ({"where": "middle"}, "unknown positions"),
        ({"how": "patch", "where": "all"}, "patch positions last"),
        ({"alphas": (0.0,)}, "0 alphas other than 0"),
        ({"alphas": (float("nan"),)}, "numbers from"),
        ({"method": "ccs"}, "contrast pairs|continued with each"),
        ({"target": "mood"}, "unknown target"),
        ({"n": 0}, "0 questions"),
        ({"random": -1}, "-1 random"),
        ({"layer": -1}, "no layer -1"),
    ],
)
def test_settings_that_mean_nothing_are_refused(changes, reason):
    with pytest.raises(ProbeError, match=reason):
        SteerSettings(**({"layer": 1} | changes))


def test_the_direction_is_the_probe_s_own_and_never_saw_the_test_groups(lab):
    store, run = lab
    settings = SteerSettings(layer=2, random=3).probe(["honest", "lie"])
    frame, states = with_states(store, run, "prompt")
    found = directions_of(frame, states, 2, settings, 3)
    assert found.names == (PROBE, PERMUTED, "random 1", "random 2", "random 3")
    assert np.allclose(np.linalg.norm(found.units, axis=1), 1)
    vector = probe_run(store, run, settings).bundle.vectors[2]
    assert found.units[0] @ vector / np.linalg.norm(vector) > 1 - 1e-9
    assert abs(found.units[0] @ found.units[1]) < 0.999
    split = split_groups(frame["group"].tolist(), frame["label"].tolist(), 0)
    assert found.test == split.test
    train = frame["group"].isin(split.train) & (frame["mode"] == "honest")
    norms = np.linalg.norm(states(2)[np.flatnonzero(train)], axis=1)
    assert found.norm == pytest.approx(norms.mean(), rel=1e-5)


def test_the_command_gives_the_figures_and_keeps_them(lab, capsys, tmp_path):
    store, run = lab
    command = ["steer", run, "--layer", "2", "--alpha", "-1", "1", "--n", "6", "--random", "2"]
    command += ["--csv", str(tmp_path / "figures.csv"), "--json", "--cache", str(store.cache)]
    assert main(command) == 0
    out, _ = capsys.readouterr()
    found = json.loads(out, parse_constant=pytest.fail)
    assert found["run"] == run and found["prompts"] == {"honest": 6, "lie": 6} and found["questions"] == 6
    assert found["agreed"] == 12  # unsteered in one batch with steered rows, answers are the run's own
    assert found["used"] is None and "19 random directions" in found["sentence"]
    table = pd.read_csv(tmp_path / "figures.csv", keep_default_na=False)
    assert len(table[table["measure"] == "perplexity"]) == 1 + 2 * (2 + 2)
    known = known_steering(store, run, SteerSettings(layer=2, alphas=(-1, 1), n=6, random=2))
    answers = known.answers
    assert len(answers) == 12 * 9 and not answers["p_1"].isna().any()
    frame = store.answers(run).set_index("answer")
    plain = answers[answers["direction"] == PLAIN].set_index("answer")
    assert np.allclose(plain["p_1"], frame.loc[plain.index, "p_1"], atol=1e-6)
    assert not np.allclose(answers[answers["alpha"] == 1]["outside"].iloc[:12], plain["outside"], atol=1e-9)
    figure = against_alpha(known.lines("outside"), known.band("outside"), "outside")
    assert {trace.name for trace in figure.data if trace.showlegend} == {
        PROBE,
        PERMUTED,
        "central 95 % of 2 random directions",
    }
    assert all(axis.title.text for axis in figure.select_xaxes())
    main(["steer", run, "--layer", "9", "--cache", str(store.cache)])
    assert "there is no layer 9: choose 0 to 3" in capsys.readouterr().err


@pytest.mark.parametrize(("how", "conditions"), [("project", 1 + 2 + 2), ("patch", 1 + 2 + 2)])
def test_directions_are_projected_out_and_states_patched(lab, how, conditions):
    store, run = lab
    settings = SteerSettings(layer=3, how=how, n=4, random=2)
    found = steer_run(store, run, settings)
    assert len(found.answers) == 8 * conditions and (found.cost() == "") == (how == "patch")
    if how == "patch":  # at the last layer the other mode's state gives the other mode's probabilities
        frame = found.answers.set_index(["question", "mode", "direction"])["p_1"].unstack("direction")
        plain = frame[PLAIN].unstack("mode")
        patched = frame["other mode"].unstack("mode")
        assert np.allclose(patched["honest"], plain["lie"], rtol=1e-4)
        assert np.allclose(patched["lie"], plain["honest"], rtol=1e-4)


def test_cancelling_keeps_nothing(lab):
    store, run = lab
    settings = SteerSettings(layer=1, n=4, random=1)
    with pytest.raises(Cancelled):
        steer_run(store, run, settings, cancelled=lambda: True)
    assert known_steering(store, run, settings) is None
