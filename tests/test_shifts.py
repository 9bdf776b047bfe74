"""Shifts: what was planted to be lost in one style is lost there, and given back by training with others."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.cli import main
from core.errors import Cancelled, ProbeError
from core.probes import shifts_of_runs as module
from core.probes.metrics import auroc, margin
from core.probes.of_run import probe_run
from core.probes.pipeline import direction, make_probe
from core.probes.rows import ProbeSettings
from core.probes.shifts import judge_shifts
from core.probes.shifts_drop import Judged, drop_between
from core.probes.shifts_figures import ALONE, WITH_HALF
from core.probes.shifts_names import halves, shift_name
from core.probes.shifts_of_runs import known_shifts, may_be_shift, shifts_of_runs
from core.probes.shifts_rows import AskedRun, shift_rows
from core.probes.splits import split_groups
from core.store.judgements import JudgementStore
from core.store.runs import RunStore
from tests.conftest import beside
from tests.shift_runs import (
    FAMILIAR,
    KEEPS,
    LAYERS,
    LOSES,
    LOST,
    PLAIN,
    SHIFTED,
    N,
    answers,
    asked,
    store_all,
    store_run,
)

QUICK = ProbeSettings(permutations=0)


def by_shift(found, regime):
    return {figure.shift: figure for figure in found.of_regime(regime)}


def test_what_a_style_takes_away_is_lost_there_and_nowhere_else():
    found = judge_shifts(PLAIN, [KEEPS, LOSES], LAYERS, QUICK)
    alone = by_shift(found, ALONE)
    assert found.trainings[0].layer == 1 and found.trainings[0].unshifted.auroc > 0.9
    low, high = alone["typos"].drop.ci
    assert alone["typos"].drop.value > 0.5 and 0.3 < low < alone["typos"].drop.value < high
    assert alone["upper"].drop.ci[0] <= 0 and abs(alone["upper"].drop.value) < 0.1
    assert "1 have a drop whose interval lies above 0: typos" in found.sentence()


def test_training_with_the_other_half_of_the_styles_gives_back_what_they_share():
    found = judge_shifts(PLAIN, [KEEPS, LOSES], LAYERS, QUICK)
    alone, half = by_shift(found, ALONE)["typos"], by_shift(found, WITH_HALF)["typos"]
    assert half.training.shifts == ("upper",) and half.training.runs == (PLAIN.run, KEEPS.run)
    assert half.training.n_train == 2 * alone.training.n_train
    assert half.area.auroc > alone.area.auroc + 0.2 and half.drop.value < alone.drop.value - 0.2
    assert half.gain.ci[0] > 0 and half.gain.value == pytest.approx(half.area.auroc - alone.area.auroc)
    assert found.sentence().endswith("the probe is clearly better on typos.")
    other = asked("upper", {FAMILIAR: 1.5, LOST: 1.5}, 2)
    useless = by_shift(judge_shifts(PLAIN, [other, LOSES], LAYERS, QUICK), WITH_HALF)["typos"]
    assert useless.gain.ci[0] <= 0  # what it trained with shares nothing that this shift keeps


def test_labels_that_mean_nothing_lose_nothing():
    noise = [asked(name, {}, seed) for seed, name in enumerate(("plain", "typos", "upper"), start=11)]
    found = judge_shifts(noise[0], noise[1:], LAYERS, QUICK)
    assert all(figure.drop.ci[0] < 0 < figure.drop.ci[1] for figure in found.figures)
    assert "cannot be told from chance" in found.sentence()


def test_no_group_is_judged_by_what_saw_it_in_any_style():
    """A state that names its group would be told apart at once if one group stood on two sides."""
    frame = answers()
    frame["label"] = frame["number"] // 2 % 2  # one label a group
    named = np.eye(N)[frame["number"] // 2]
    runs = [AskedRun(name, name, name, frame, lambda _: named) for name in ("plain", "typos", "upper")]
    found = judge_shifts(runs[0], runs[1:], 1, QUICK)
    assert all(0.35 < figure.area.auroc < 0.65 for figure in found.figures)
    rows = shift_rows(runs[0], runs[1:], QUICK)
    used = [set(rows.frame["group"][part]) for part in (rows.trains, rows.chooses, rows.judges)]
    assert not (used[0] & used[1] or used[0] & used[2] or used[1] & used[2])


def test_the_split_is_that_of_every_probe_of_the_unshifted_run():
    rows = shift_rows(PLAIN, [KEEPS], QUICK)
    frame = PLAIN.frame
    split = split_groups(frame["group"].tolist(), frame["label"].tolist(), QUICK.seed)
    assert set(rows.frame["group"][rows.judges]) == split.test
    first, second = rows.judged_together(1)
    assert rows.frame["asked"].iloc[first].tolist() == rows.frame["asked"].iloc[second].tolist()
    assert set(rows.frame["mode"].iloc[second]) == {"lie"}


def test_a_figure_equals_one_computed_plainly():
    found = by_shift(judge_shifts(PLAIN, [LOSES], LAYERS, QUICK), ALONE)["typos"]
    frame = PLAIN.frame
    split = split_groups(frame["group"].tolist(), frame["label"].tolist(), QUICK.seed)
    train = (frame["group"].isin(split.train) & (frame["mode"] == "honest")).to_numpy()
    test = (frame["group"].isin(split.test) & (frame["mode"] == "lie")).to_numpy()
    target = frame["label"].to_numpy()
    vector, _ = direction(make_probe("logistic").fit(PLAIN.states(1)[train], target[train]))
    before, after = (run.states(1)[test] @ vector for run in (PLAIN, LOSES))
    was, now = auroc(target[test], before), auroc(target[test], after)
    assert (found.unshifted.auroc, found.area.auroc) == pytest.approx((was, now), abs=1e-3)
    assert found.drop.value == pytest.approx(was - now, abs=1e-3)
    assert (found.area.n, found.drop.questions, found.drop.groups) == (
        test.sum(),
        test.sum(),
        len(split.test),
    )


def test_the_label_of_a_negated_question_is_the_other_one():
    turned = answers()
    turned["label"] = 1 - turned["label"]
    negated = asked("negated", {FAMILIAR: 1.5, LOST: 1.5}, 4, frame=turned)
    figure = by_shift(judge_shifts(PLAIN, [negated], LAYERS, QUICK), ALONE)["negated"]
    assert figure.area.auroc > 0.9 and figure.drop.ci[0] <= 0
    with pytest.raises(ProbeError, match="run of negated label question q0 differently"):
        judge_shifts(PLAIN, [replace(negated, style="upper")], LAYERS, QUICK)
    with pytest.raises(ProbeError, match="differently"):
        judge_shifts(PLAIN, [replace(LOSES, style="negated")], LAYERS, QUICK)
    with pytest.raises(ProbeError, match="turns them around"):
        judge_shifts(PLAIN, [negated], LAYERS, ProbeSettings("ttpd", permutations=0))


def test_runs_that_do_not_share_enough_are_refused():
    frame = answers()
    elsewhere = frame.assign(question=frame["question"] + "x", group=frame["group"] + "x")
    with pytest.raises(ProbeError, match="no groups of questions in common"):
        judge_shifts(PLAIN, [asked("typos", {}, frame=elsewhere)], LAYERS, QUICK)
    few = frame[frame["number"] < 40].reset_index(drop=True)
    with pytest.raises(ProbeError, match=r"share \d+ test questions .* and 20 are needed"):
        judge_shifts(PLAIN, [asked("typos", {}, frame=few)], LAYERS, QUICK)
    honest = frame[frame["mode"] == "honest"].reset_index(drop=True)
    with pytest.raises(ProbeError, match="share 0 test questions with answers in mode lie"):
        judge_shifts(PLAIN, [asked("typos", {}, frame=honest)], LAYERS, QUICK)
    lies = asked("typos", {}, frame=frame[frame["mode"] == "lie"].reset_index(drop=True))
    with pytest.raises(ProbeError, match="run of typos has no training answers in mode honest"):
        judge_shifts(PLAIN, [lies, KEEPS], LAYERS, QUICK)
    with pytest.raises(Cancelled):
        judge_shifts(PLAIN, [KEEPS], LAYERS, QUICK, cancelled=lambda: True)


def test_only_questions_that_both_runs_judge_are_compared():
    frame = answers()
    split = split_groups(frame["group"].tolist(), frame["label"].tolist(), QUICK.seed)
    group = sorted(split.test)[0]
    pruned = frame.assign(dropped=frame["group"] == group)
    found = judge_shifts(PLAIN, [asked("typos", {LOST: 1.5}, frame=pruned)], LAYERS, QUICK)
    (figure,) = found.figures
    assert figure.area.n == figure.unshifted.n == found.trainings[0].unshifted.n - 2
    assert figure.drop.groups == len(split.test) - 1 and found.n_dropped == 4


def test_one_shift_has_no_other_half():
    found = judge_shifts(PLAIN, [LOSES], LAYERS, QUICK)
    assert len(found.trainings) == 1 and not found.of_regime(WITH_HALF)
    assert "needs shifts of two different names" in found.notes()[-1]


def test_halves_take_turns_by_name_and_one_name_is_on_one_side():
    first, second = halves(["upper", "typos", "polite", "typos", "formal"])
    assert (first, second) == ({"formal", "typos"}, {"polite", "upper"})


def test_a_drop_on_the_same_questions_is_surer_than_that_of_strangers():
    generator = np.random.default_rng(6)
    target, groups = np.arange(200) % 2, np.repeat(np.arange(100), 2)
    hard = generator.normal(size=200)  # how hard a question is shows in both
    scores = target + hard
    first = Judged(target, scores, groups, np.arange(200))
    second = Judged(target, scores - 0.3 * target + 0.1 * generator.normal(size=200), groups, np.arange(200))
    found = drop_between(first, second)
    assert found.value == pytest.approx(auroc(target, first.scores) - auroc(target, second.scores))
    paired = margin(target, first.scores, second.scores, groups)
    assert found.ci == pytest.approx(paired.ci, abs=0.02)  # where answers are paired too, DeLong's agrees
    order = generator.permutation(100)
    shuffled = np.concatenate([2 * order[:, None], 2 * order[:, None] + 1], axis=1).ravel()
    strange = Judged(target, second.scores[shuffled], groups, np.arange(200))
    apart = drop_between(first, strange).ci
    assert found.ci[1] - found.ci[0] < 0.7 * (apart[1] - apart[0])


def test_a_drop_that_never_varies_is_no_certainty():
    perfect = Judged(np.arange(40) % 2, np.arange(40) % 2 * 1.0, np.arange(40), np.arange(40))
    found = drop_between(perfect, perfect)
    assert found.value == 0 and found.ci[0] < -0.1 and found.ci[1] > 0.1


@pytest.fixture
def store(tmp_path):
    return store_all(tmp_path)


def test_the_command_gives_its_names_and_finds_itself_again(store, tmp_path, capsys, monkeypatch):
    command = ["shifts", "plain-run", *SHIFTED, "--csv", str(tmp_path / "s.csv"), "--cache", str(tmp_path)]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"run", "layer", "auroc", "auroc_ci", "n", "shifts", "halves", "notes", "sentence"} <= set(found)
    assert found["run"] == "plain-run" and len(found["shifts"]) == 6
    assert found["halves"] == [["template review-statement", "upper"], ["typos"]]
    assert all(row["drop_low"] <= row["drop"] <= row["drop_high"] for row in found["shifts"])
    assert pd.read_csv(tmp_path / "s.csv")["drop"].tolist() == pytest.approx(
        [row["drop"] for row in found["shifts"]]
    )
    monkeypatch.setattr(module, "judge_shifts", None)  # nothing is computed twice, in whatever order
    assert main([*command[:2], *reversed(SHIFTED), "--cache", str(tmp_path)]) == 0
    assert capsys.readouterr().out.rstrip().endswith(found["sentence"])
    assert known_shifts(store, "plain-run", SHIFTED[:1], QUICK) is None


def test_every_run_that_is_judged_is_logged_once(store):
    shifts_of_runs(store, "plain-run", SHIFTED, QUICK)
    log = JudgementStore(store.cache)
    assert [len(log.of(run)) for run in ["plain-run", *SHIFTED]] == [3, 2, 2, 2]
    assert any("trained with template review-statement, upper" in made.what for made in log.of("typos-run"))
    probe_run(store, "plain-run", QUICK)
    assert len(log.of("plain-run")) == 3  # the run alone on itself is what a probe of it is
    shifts_of_runs(store, "plain-run", ["typos-run"], QUICK)
    assert len(log.of("typos-run")) == 2  # the run alone, judged there, is what it was


def test_runs_that_are_no_shifts_are_refused(store):
    store_run(store, "elsewhere", "upper", {}, 5, content="another")
    with pytest.raises(ProbeError, match="not of one model"):
        shifts_of_runs(store, "plain-run", ["elsewhere"], QUICK)
    with pytest.raises(ProbeError, match="cannot be a shift of itself"):
        shifts_of_runs(store, "plain-run", ["plain-run"], QUICK)
    runs = {run.run: run for run in store.runs()}
    assert [name for name in sorted(runs) if may_be_shift(runs["plain-run"], runs[name])] == sorted(SHIFTED)


def test_a_shift_is_called_by_what_it_changes(store):
    store_run(store, "shown", "upper", {}, 6, shots=2, wordings=(3,), system=False)
    store_run(store, "alike", "plain", {}, 6)
    of = {run.run: run for run in store.runs()}
    named = {name: shift_name(of["plain-run"], run) for name, run in of.items()}
    assert named["typos-run"] == "typos" and named["asked-run"] == "template review-statement"
    assert named["shown"] == "upper, wording 3, examples 2, sets of examples 3, system role off"
    assert named["plain-run"] == "asked alike" and shift_name(of["typos-run"], of["plain-run"]) == "plain"
    assert named["alike"] == "asked alike" and not may_be_shift(of["plain-run"], of["alike"])
    assert may_be_shift(of["plain-run"], of["shown"])


def test_harvested_runs_of_one_sample_are_shifts_of_each_other(cache, tiny, tmp_path, capsys):
    folder = beside(cache, tmp_path)
    harvest = ["harvest", "--data", "numbers", "--template", "true-false", "--n", "80", "--model", str(tiny)]
    for more in ([], ["--style", "negated"], ["--style", "typos"], ["--template", "true-false-statement"]):
        assert main([*harvest, *more, "--cache", str(folder)]) == 0
    run, *shifted = [found.run for found in reversed(RunStore(folder).runs())]
    capsys.readouterr()
    assert main(["shifts", run, *shifted, "--json", "--cache", str(folder)]) == 0
    found = json.loads(capsys.readouterr().out)
    named = {row["shift"]: row["n"] for row in found["shifts"]}
    assert named == dict.fromkeys(("negated", "typos", "template true-false-statement"), found["n"])
    assert found["n"] >= 20 and len(found["shifts"]) == 6
