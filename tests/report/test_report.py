"""The report of a run: one file that opens anywhere, says what it stands on, and keeps text text."""

import json
import shlex

import numpy as np
import pandas as pd
import pytest

from benchmarks.made_run import Shape, write_made_run
from core.cli import main
from core.errors import StoreError
from core.exchange.import_states import import_states
from core.figures.of_run import figures_of_run
from core.report.cells import EACH, answer_cells
from core.report.methods import methods
from core.report.page import report_of_run
from core.report.repeat import TEMPLATE_FILE, repeat_of
from core.store.runs import RunStore
from tests.conftest import beside
from tests.hostile_runs import write_hostile_cache

SCRIPTS = "<script>"


@pytest.fixture(scope="module")
def hostile(cache, tmp_path_factory):
    """A run whose every text is hostile, with decisions; its store."""
    store = RunStore(beside(cache, tmp_path_factory.mktemp("hostile")))
    return store, write_hostile_cache(store)[0]


def text_of(html: str) -> str:
    """A report up to its scripts."""
    return html.split(SCRIPTS)[0]


def test_where_nothing_was_judged_it_says_so_and_names_the_command(hostile):
    store, run = hostile
    text = text_of(report_of_run(store, run).html)
    assert "No probe was judged on this run&#39;s test questions" in text
    assert f"<code>telltale probe {run}</code>" in text


def test_cells_show_ten_answers_at_most_and_count_all(made):
    store, run = made
    found = figures_of_run(store, run).answered
    cells = answer_cells(found.run, found.labelled)
    assert sum(cell.n for cell in cells) == 400
    assert all(len(cell.answers) == min(EACH, cell.n) for cell in cells)
    assert "mode: lie · truth: Negative · said: none" in {cell.title for cell in cells}


def test_methods_cite_what_was_used_and_nothing_else(made):
    paragraphs, references = methods(figures_of_run(*made))
    text = " ".join(paragraphs)
    assert all(f"[{number}" in text or f", {number}" in text for number in range(1, len(references) + 1))
    assert not any(reference.startswith(("Zhao", "nostalgebraist")) for reference in references)
    assert any(reference.startswith("Wilson") for reference in references)


def test_methods_of_imported_states_say_that_no_model_was_asked(tmp_path):
    np.savez(tmp_path / "states.npz", states=np.random.default_rng(0).normal(size=(40, 3, 8)).astype("f4"))
    labels = pd.DataFrame({"text": [f"statement {n}" for n in range(40)], "label": [0, 1] * 20})
    labels.to_csv(tmp_path / "labels.csv", index=False)
    store = RunStore(tmp_path)
    run = import_states(store, tmp_path / "states.npz", tmp_path / "labels.csv", model="another").run
    paragraphs, _ = methods(figures_of_run(store, run))
    assert "no model was asked anything here" in paragraphs[0]
    assert not any("lie" in paragraph.split() for paragraph in paragraphs)
    again = repeat_of(store.run(run))
    assert again.command == "telltale import states.npz --labels labels.csv --model another"


def test_a_long_run_has_a_report_of_the_same_size(made, cache, tmp_path):
    store = RunStore(beside(cache, tmp_path))
    run = write_made_run(store, Shape(answers=2400, layers=2, d_model=8)).run
    short, long = report_of_run(*made).html, report_of_run(store, run).html
    assert "drawn is a seeded sample of 1,000" in long
    assert len(long) - len(short) < 600_000


def test_a_run_without_answers_has_no_report(cache, tmp_path, made):
    store = RunStore(beside(cache, tmp_path))
    source, run = made
    record = source.run(run)
    store.begin(run, record.settings, record.facts, 2, source.questions(run)[:1])
    with pytest.raises(StoreError, match="no answers yet"):
        report_of_run(store, run)


def test_the_command_writes_it_whole(made, tmp_path, capsys):
    store, run = made
    path = tmp_path / "out" / "report.html"
    assert main(["report", run, "--file", str(path), "--json", "--cache", str(store.cache)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["bytes"] == path.stat().st_size and told["run"] == run
    assert "rates" in told["figures"] and told["absent"]


def test_the_command_in_it_finds_the_same_run(cache, tiny, tmp_path, capsys, monkeypatch):
    """With settings that are no default, a template of one's own among them."""
    monkeypatch.chdir(tmp_path)
    folder = beside(cache, tmp_path)
    (tmp_path / "mine.json").write_text(
        json.dumps({"name": "own", "body": "{text}\n{first} or {second}?", "choices": ["Bad it's", "Good"]})
    )
    words = (
        f"harvest --data movie-reviews --n 4 --seed 3 --template mine.json --model {tiny} --mode lie "
        "--mode none --wording 2 --order 1 --shots 2 --demo-sets 1 --demo-answers mode --max-new-tokens 2 "
        "--position prompt --calibration none --no-system"
    )
    assert main([*shlex.split(words), "--json", "--cache", str(folder)]) == 0
    run = json.loads(capsys.readouterr().out)["run"]
    again = repeat_of(RunStore(folder).run(run))
    (tmp_path / TEMPLATE_FILE).write_text(again.template)
    assert main([*shlex.split(again.command)[1:], "--json", "--cache", str(folder)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["run"], told["resumed"], told["made"]) == (run, True, 0)
