"""The figures of a run: what is drawn, what is not computed for it, and the files that are written."""

import json
import sys

import pandas as pd
import plotly.graph_objects as go
import pytest

from core.cli import main
from core.errors import StoreError
from core.figures.experiments import figures_of_experiments
from core.figures.figure import Answered, RunFigure
from core.figures.files import captioned, write_figures
from core.figures.judged import judged_probes, settings_in
from core.figures.of_run import SECTIONS, figures_of_run
from core.figures.pictures import NO_BROWSER, NO_KALEIDO, write_pictures
from core.labels_of_run import labelled
from core.probes.of_run import in_words, probe_run, report_path
from core.probes.rows import ProbeSettings
from core.probes.shifts_of_runs import shifts_of_runs
from core.store.decisions import DecisionStore
from core.store.judgements import JudgementStore
from tests.shift_runs import SHIFTED, store_all

FIGURE = RunFigure(
    "one",
    "Answers",
    "One <b>figure</b>",
    "n 2, 95 %: 0 to 1",
    go.Figure(go.Scatter(x=[1, 2], y=[2, 1])),
    pd.DataFrame({"what": ["=1+1", "two"], "n": [1, 2]}),
    "telltale figures",
)


@pytest.fixture(scope="module")
def drawn(made):
    store, run = made
    return figures_of_run(store, run)


@pytest.fixture(scope="module")
def judged(made):
    """The same run after a probe was judged on its test questions; the probe's report."""
    store, run = made
    return probe_run(store, run, ProbeSettings(permutations=0))


def test_each_figure_has_its_own_name_and_says_what_it_stands_on(drawn):
    names = [figure.name for figure in drawn.figures]
    assert {"rates", "class-balance", "spellings", "states"} <= set(names) and len(names) == len(set(names))
    for figure in drawn.figures:
        assert figure.section in SECTIONS and len(figure.table)
        assert "400" in figure.caption or "n " in figure.caption


def test_what_was_not_computed_is_named_with_the_command_that_computes_it(drawn, made):
    absent = {entry.section: entry.command for entry in drawn.absent if entry.command}
    assert absent["Lie score"] == f"telltale lie-score {made[1]}"
    assert absent["Read or said"] == f"telltale read-or-said {made[1]}"


def test_drawing_opens_no_test_set(made):
    store, run = made
    before = JudgementStore(store.cache).of(run)
    found = figures_of_run(store, run)
    assert JudgementStore(store.cache).of(run) == before == [probe.logged for probe in found.judged]


def test_a_judged_probe_is_drawn_with_the_figures_of_its_report(made, judged):
    figures = {figure.name: figure for figure in figures_of_run(*made).figures}
    table = figures["probe-1-by-layer"].table
    layers = table[table["curve"] == "probe"]
    assert layers["auroc"].tolist() == [row.test.auroc for row in judged.layers]
    assert layers["low"].tolist() == [row.test.ci[0] for row in judged.layers]
    assert f"{judged.chosen.test.auroc:.3f}" in figures["probe-1-by-layer"].finding
    assert figures["probe-1-confusion"].table["n"].tolist() == [*judged.confusion[0], *judged.confusion[1]]
    assert f"Layer {judged.layer} of" in figures["states"].caption


def test_a_report_that_cannot_be_read_is_not_made_anew(made, judged):
    store, run = made
    path = report_path(store, run, ProbeSettings(permutations=0), None)
    kept = path.read_bytes()
    path.write_bytes(b"damaged")
    try:
        (probe,) = judged_probes(store, run)
        assert probe.report is None and probe.logged.auroc == judged.chosen.test.auroc
        assert not path.exists()
    finally:
        path.write_bytes(kept)


def test_a_judgement_of_other_decisions_is_told_apart(made, judged):
    store, run = made
    assert judged_probes(store, run)[0].report is not None
    decisions = DecisionStore(store.cache)
    decisions.decide(run, [0, 1], "drop", "other", "somebody")
    try:
        assert judged_probes(store, run)[0].report is None
    finally:
        decisions.undo(run, "somebody")


@pytest.mark.parametrize(
    "settings",
    [
        ProbeSettings(),
        ProbeSettings("difference-of-means", "lie", "mean", "both", "both", 7, 20, "agreement"),
        ProbeSettings("paired-difference", "mode", train="both"),
    ],
)
def test_settings_are_read_from_the_words_of_the_log(settings):
    assert settings_in(in_words(settings)) == settings.without_null()
    assert settings_in(in_words(settings, pruned=False)) is None
    assert settings_in("a probe of another version") is None


def test_text_that_begins_as_a_formula_is_marked_in_the_data(tmp_path):
    write_figures([FIGURE], tmp_path, "html")
    assert (tmp_path / "one.csv").read_bytes() == b"what,n\r\n'=1+1,1\r\ntwo,2\r\n"


def test_pictures_are_pictures(tmp_path):
    write_pictures({tmp_path / f"one.{end}": captioned(FIGURE) for end in ("png", "svg")})
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / "one.svg").read_text()
    assert "<svg" in svg and "One &#60;b&#62;figure" in svg and "n 2, 95 %" in svg


def test_without_kaleido_or_a_browser_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "none"))
    with pytest.raises(StoreError) as refused:
        write_figures([FIGURE], tmp_path, "png")
    assert str(refused.value) == NO_BROWSER
    monkeypatch.setitem(sys.modules, "kaleido", None)
    with pytest.raises(StoreError) as refused:
        write_figures([FIGURE], tmp_path, "png")
    assert str(refused.value) == NO_KALEIDO


def test_the_command_writes_every_figure_with_its_data(made, tmp_path, capsys):
    store, run = made
    folder = tmp_path / "figures"
    words = ["figures", run, "--format", "html", "--folder", str(folder), "--json"]
    assert main([*words, "--cache", str(store.cache)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["files"]) | {"plotly.min.js"} == {path.name for path in folder.iterdir()}
    assert pd.read_csv(folder / "class-balance.csv")["before"].sum() == 400


def test_a_folder_that_cannot_be_made_is_refused_in_one_line(made, tmp_path, capsys):
    store, run = made
    (tmp_path / "file").write_text("")
    words = ["figures", run, "--format", "html", "--folder", str(tmp_path / "file" / "x")]
    assert main([*words, "--cache", str(store.cache)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("telltale: ") and err.count("\n") == 1 and "cannot be written" in err


def test_what_pruning_does_is_drawn_where_something_is_dropped(made):
    store, run = made
    decisions = DecisionStore(store.cache)
    decisions.decide(run, [0, 1, 2], "drop", "other", "somebody")
    try:
        found = figures_of_run(store, run)
    finally:
        decisions.undo(run, "somebody")
    figures = {figure.name: figure for figure in found.figures}
    assert "3 answers are dropped from all data" in figures["rates-before-and-after"].caption
    balance = figures["class-balance"].table
    assert balance["before"].sum() - balance["left as test data"].sum() == 3


def test_shifts_are_drawn_with_the_settings_that_they_were_computed_with(tmp_path):
    store = store_all(tmp_path)
    settings = ProbeSettings("difference-of-means", permutations=0)
    shifts_of_runs(store, "upper-run", ["plain-run"], settings)
    kept = shifts_of_runs(store, "plain-run", ["typos-run"], settings)
    judged = {run: len(JudgementStore(tmp_path).of(run)) for run in ("plain-run", *SHIFTED)}
    frame = labelled(store, "plain-run")
    drawn = figures_of_experiments(Answered(store, store.run("plain-run"), frame, frame))
    (shifts,) = [figure for figure in drawn if isinstance(figure, RunFigure)]
    assert shifts.finding == kept.sentence() and shifts.table.equals(kept.to_frame())
    assert "typos-run" in shifts.command and "difference-of-means" in shifts.command
    assert judged == {run: len(JudgementStore(tmp_path).of(run)) for run in judged}
