"""Rules: what each marks, that they apply as one step; and a probe judged on the whole test set too."""

import numpy as np
import pandas as pd
import pytest

from core.errors import ProbeError, StoreError
from core.labels import judge_answers, label_answers, lay_decisions
from core.probes.by_layer import run_probe
from core.probes.of_run import area_among
from core.probes.rows import ProbeSettings, choose_rows, with_target
from core.pruning.apply import apply_rules, count_marks, drops_of
from core.pruning.effect import counts_by_cell, probe_areas, rates
from core.pruning.lost import lost_classes
from core.pruning.rules import RULES
from core.store.decision import OUTCOME, QUALITY, Decision
from core.store.decisions import DecisionStore
from tests.frames import answers

NONE = float("nan")


@pytest.fixture
def judged():
    frame = answers(
        ("q1", "honest", 0, 0, 1, 1),
        ("q1", "lie", 0, 0, 1, 1),
        ("q1", "lie", 1, 0, 1, 0),
        ("q2", "honest", 0, 0, 1, 0),
        ("q2", "lie", 0, 0, 1, NONE),
        ("q3", "honest", 0, 0, 0, NONE),
        ("q4", "honest", 0, 0, 0, 0),
        ("q5", "lie", 0, 0, 0, NONE),
    )
    frame["not_finite"] = frame["question"] == "q5"
    frame.loc[6, ["text", "p_0", "p_1"]] = ["q1", 0.04, 0.05]
    return judge_answers(frame)


MARKED = {
    "not finite": [7],
    "no choice given": [4, 5],
    "too little mass": [6],
    "duplicate": [6],
    "said the truth": [1],
    "wrong under honest": [3, 4],
    "belief unsure": [5],
    "inconsistent with another wording": [1, 2],
}


@pytest.mark.parametrize("name", RULES)
def test_each_rule_marks_what_it_says(judged, name):
    assert judged["answer"][RULES[name].marks(judged)].tolist() == MARKED[name]
    assert RULES[name].name == name and name in (QUALITY if RULES[name].kind == "quality" else OUTCOME)


def test_counts_say_what_a_rule_adds(judged):
    counts = {c.name: c for c in count_marks(judged, ["no choice given", "belief unsure", "duplicate"])}
    assert (counts["no choice given"].marks, counts["no choice given"].only) == (2, 1)
    assert (counts["belief unsure"].marks, counts["belief unsure"].only) == (1, 0)
    assert counts["duplicate"].on and counts["duplicate"].only == 1
    off = counts["wrong under honest"]
    assert not off.on and (off.marks, off.only) == (2, 1), "what it would add if it were switched on"
    with pytest.raises(StoreError, match="unknown rule 'x': choose not finite"):
        count_marks(judged, ["x"])


def test_apply_is_one_step_and_leaves_what_was_decided_by_hand(judged, tmp_path):
    store = DecisionStore(tmp_path)
    store.decide("r", [4], "keep", "sound", "ann", origin="queue")
    made = apply_rules(store, "r", judged, ["wrong under honest", "no choice given"], "ann")
    assert made == 2
    assert {a: (d.action, d.reason) for a, d in store.current("r").items()} == {
        4: ("keep", "sound"),
        5: ("drop", "no choice given"),
        3: ("drop", "wrong under honest"),
    }
    assert store.current("r")[3].origin == "rules" and not store.current("r")[3].reaches_test
    with pytest.raises(StoreError, match="nothing that is not decided already"):
        apply_rules(store, "r", judged, ["no choice given"], "ann")
    assert sorted(store.undo("r", "ann")) == [3, 5] and list(store.current("r")) == [4]
    with pytest.raises(StoreError, match="no rule is switched on"):
        apply_rules(store, "r", judged, [], "ann")


def test_quality_comes_before_outcome_and_scores_on_screen_are_remembered(judged):
    (both,) = [d for d in drops_of(judged, list(RULES), {}) if d.answer == 5]
    assert both.reason == "no choice given" and both.reaches_test
    (seen,) = [d for d in drops_of(judged, list(RULES), {}, blind=False) if d.answer == 5]
    assert not seen.reaches_test
    replaced = drops_of(
        judged, ["no choice given"], {5: Decision(5, "drop", "belief unsure", origin="rules")}
    )
    assert [d.answer for d in replaced] == [4, 5]


def test_cells_and_rates_before_and_after(judged):
    decisions = {
        4: Decision(4, "drop", "no choice given"),
        1: Decision(1, "drop", "said the truth", everywhere=True),
        3: Decision(3, "drop", "wrong under honest"),
    }
    made = lay_decisions(judged, decisions)
    cells = counts_by_cell(made).set_index(["mode", "label"])
    assert cells.loc[("lie", 1)].tolist() == [3, 1, 1]
    assert cells.loc[("honest", 1)].tolist() == [2, 2, 1]
    found = rates(judged, made).set_index(["rate", "questions", "decisions"])
    before, after = (found.loc[("untrue under lie", "all", which)] for which in ("none", "these"))
    assert before["n"] == after["n"] == 2 and before["share"] == after["share"] == 0.5
    assert found.loc[("honest accuracy", "all", "these")]["n"] == 3, "outcome drops count in rates"
    assert found.loc[("lies", "known", "these")]["n"] == 2


def test_a_probe_trained_on_what_is_left_is_judged_on_the_whole_test_set():
    generator = np.random.default_rng(0)
    label = np.tile([0, 1], 60)
    rows = [
        (f"q{n}", mode, 0, 0, int(label[n]), int(label[n])) for n in range(120) for mode in ("honest", "lie")
    ]
    frame = answers(*rows)
    target = frame["label"].to_numpy()
    states = generator.normal(size=(240, 4)) + 1.2 * target[:, None]
    decisions = {n: Decision(n, "drop", "said the truth") for n in range(0, 240, 3)}
    plain, pruned = label_answers(frame), label_answers(frame, decisions)
    settings = ProbeSettings(permutations=0)
    before = run_probe(plain, lambda layer: states, 1, settings)
    after = run_probe(pruned, lambda layer: states, 1, settings)
    assert after.n_train < before.n_train and len(after.predictions) == len(before.predictions)
    table = probe_areas(before, after, pruned).set_index(["trained", "test"])
    whole = table.loc[("what is left", "whole")]
    assert whole["auroc"] == pytest.approx(after.chosen.test.auroc) and whole["n"] == after.chosen.test.n
    left = table.loc[("what is left", "pruned")]
    kept = after.predictions[~after.predictions["answer"].isin(decisions)]
    assert left["n"] == len(kept) < whole["n"]
    assert left["auroc"] == pytest.approx(area_among(after, pruned[pruned["action"] == ""]).auroc)
    assert area_among(after, pd.DataFrame({"answer": [], "group": []})) is None


def test_before_and_after_are_drawn_with_their_intervals_and_named_axes():
    from core.charts.pruning import side_by_side

    rows = pd.DataFrame(
        {
            "what": ["lies", "lies", "nothing"],
            "when": ["before", "after", "after"],
            "value": [0.5, 0.6, NONE],
            "low": [0.4, 0.5, NONE],
            "high": [0.7, 0.8, NONE],
            "n": [10, 9, 0],
        }
    )
    figure = side_by_side(rows, "share", "rate", chance=0.5)
    assert [trace.name for trace in figure.data] == ["before", "after"]
    assert figure.layout.xaxis.title.text == "share" and figure.layout.yaxis.title.text == "rate"
    assert figure.data[0].error_x.array == pytest.approx([0.2])
    assert figure.data[1].error_x.arrayminus == pytest.approx([0.1])
    assert list(figure.layout.yaxis.ticktext) == ["lies"]


def run_of_120():
    """Answers to 120 questions in both modes, each label half; row 2q is honest, row 2q + 1 under lie."""
    rows = [(f"q{n}", mode, 0, 0, n % 2, n % 2) for n in range(120) for mode in ("honest", "lie")]
    return judge_answers(answers(*rows))


def dropped_where(judged, marked, reason):
    return {int(answer): Decision(int(answer), "drop", reason) for answer in judged["answer"][marked]}


def test_where_training_loses_a_class_the_part_the_reasons_and_the_way_back_are_said():
    judged = run_of_120()
    positive = (judged["label"] == 1) & (judged["mode"] == "honest")
    first = judged["answer"] < 60
    decisions = dropped_where(judged, positive & first, "duplicate")
    decisions |= dropped_where(judged, positive & ~first, "said the truth")
    found = {
        entry.part: entry
        for entry in lost_classes(judged, lay_decisions(judged, decisions), ProbeSettings(permutations=0))
    }
    assert list(found) == ["training"], "validation keeps both classes under lie, and so does the test"
    lost = found["training"]
    assert lost.gone == (1,) and lost.mode == "honest" and lost.stops_training
    assert [reason for reason, _ in lost.drops] == ["said the truth", "duplicate"]
    said = lost.sentence(("Negative", "Positive"))
    assert f"the decisions leave {lost.left} answers, all of them Negative" in said
    assert "training data, mode honest" in said and "truth Positive" in said
    assert f"{lost.drops[0][1]} for “said the truth”" in said and "Undo drops for “said the truth”" in said


def test_it_is_said_exactly_where_the_probe_itself_would_be_refused():
    judged = run_of_120()
    generator = np.random.default_rng(0)
    seen = set()
    for share in (0.0, 0.5, 0.9, 0.97, 1.0):
        for mode in ("honest", "lie", "both"):
            marked = generator.random(240) < share
            marked &= (judged["label"] == 0) & ((judged["mode"] == mode) | (mode == "both"))
            frame = lay_decisions(judged, dropped_where(judged, marked, "other"))
            lost = lost_classes(judged, frame, ProbeSettings(permutations=0))
            stops = any(entry.stops_training for entry in lost)
            for_training = frame.assign(
                dropped=False, dropped_outcome=frame["dropped"] | frame["dropped_outcome"]
            )
            try:
                choose_rows(with_target(for_training, "truth"), ProbeSettings())
                refused = False
            except ProbeError:
                refused = True
            assert stops == refused, (share, mode)
            seen |= {entry.part for entry in lost}
    assert seen == {"training", "validation", "test"}


def test_a_run_that_has_too_little_anyway_loses_nothing_by_its_decisions():
    judged = run_of_120().iloc[:8]
    frame = lay_decisions(judged, dropped_where(judged, judged["label"] == 0, "other"))
    assert lost_classes(judged, frame, ProbeSettings()) == []


def test_without_a_probe_of_what_is_left_the_others_figures_stand():
    frame = run_of_120()
    states = np.random.default_rng(0).normal(size=(240, 4)) + frame["label"].to_numpy()[:, None]
    plain = lay_decisions(frame, {})
    before = run_probe(plain, lambda layer: states, 1, ProbeSettings(permutations=0))
    pruned = lay_decisions(frame, dropped_where(frame, frame["label"] == 1, "other"))
    table = probe_areas(before, None, pruned).set_index("test")
    assert set(table["trained"]) == {"all answers"}
    assert table.loc["whole", "auroc"] == pytest.approx(before.chosen.test.auroc)
    assert np.isnan(table.loc["pruned", "auroc"]) and table.loc["pruned", "n"] > 0
