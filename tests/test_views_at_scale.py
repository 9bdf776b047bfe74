"""A run of made answers: no page reads more of it than it shows, and what is left out is stated."""

import os
import sqlite3
from collections import Counter
from dataclasses import replace
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from benchmarks.made_run import TITLE, Shape, linked_cache, write_made_run
from benchmarks.views import COLD, PageTimes, Visit, peak_of, processor_of, table
from core.answer_list import AnswerList
from core.errors import StoreError
from core.own_report.store import OwnReportStore
from core.probes.metrics import auroc
from core.probes.of_run import probe_run, report_path
from core.probes.rows import ProbeSettings
from core.projection import ProjectionSettings, pca_layer
from core.store.decisions import DecisionStore
from core.store.runs import RunStore
from core.store.sample import draw_questions
from core.store.states import AT_ONCE, StateArrays

SHAPE = Shape(answers=6000, layers=4, d_model=12)
VIEWS = Path(__file__).resolve().parents[1] / "dashboard" / "views"
PAGES = sorted(view.stem for view in VIEWS.glob("*.py"))
OF_NO_ANSWERS = ("elicit", "lie_score", "read_or_said", "shifts", "statements", "steer", "transfer")
WIDE = 20
"""Columns of a row that holds a whole answer, its texts among them."""
ON_SCREEN = 500


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[RunStore, str]:
    store = RunStore(linked_cache(tmp_path_factory.mktemp("made")))
    return store, write_made_run(store, SHAPE).run


@pytest.fixture
def store(made, monkeypatch) -> RunStore:
    st.cache_resource.clear()
    monkeypatch.setenv("TELLTALE_CACHE", str(made[0].cache))
    return made[0]


@pytest.fixture
def run(made) -> str:
    return made[1]


@pytest.fixture
def rows_read(monkeypatch) -> list[int]:
    """The columns of each row that SQLite hands out."""
    read: list[int] = []

    class Counted(sqlite3.Row):
        def __new__(cls, cursor, row):
            read.append(len(row))
            return super().__new__(cls, cursor, row)

    monkeypatch.setattr(sqlite3, "Row", Counted)
    return read


@pytest.fixture
def states_read(monkeypatch) -> list[tuple[int, int]]:
    """The layer and the number of answers of each reading of states."""
    read: list[tuple[int, int]] = []
    whole = StateArrays.read

    def counted(self, position, layer, rows):
        read.append((layer, len(rows)))
        return whole(self, position, layer, rows)

    monkeypatch.setattr(StateArrays, "read", counted)
    return read


def page(name: str, run: str) -> AppTest:
    drawn = AppTest.from_file(str(VIEWS / f"{name}.py"), default_timeout=600)
    drawn.session_state["run"] = run
    return drawn


def wide(rows: list[int]) -> int:
    return sum(columns >= WIDE for columns in rows)


@pytest.mark.parametrize("name", OF_NO_ANSWERS)
def test_a_page_that_shows_no_answer_reads_none(name, store, run, rows_read, states_read):
    shown = page(name, run).run()
    assert not shown.exception and not shown.error
    assert 0 < len(rows_read) < ON_SCREEN and not wide(rows_read) and not states_read


@pytest.mark.parametrize("name", PAGES)
def test_drawn_again_a_page_reads_no_more_answers_than_fit_on_a_screen(name, store, run, rows_read):
    probe_run(store, run, ProbeSettings(permutations=0))
    shown = page(name, run)
    if name == "probes":
        shown.session_state["probe_null"] = 0
    shown.run()
    rows_read.clear()
    shown.run()
    assert not shown.exception and not shown.error
    assert wide(rows_read) <= ON_SCREEN


@pytest.mark.parametrize(("part", "most"), [("All answers", 2 * ON_SCREEN + 100), ("Queue", 100)])
def test_prune_reads_what_is_on_screen_and_not_the_run(part, most, store, run, rows_read):
    AnswerList(store, store.run(run))
    shown = page("prune", run)
    shown.session_state["prune_section"] = part
    rows_read.clear()
    shown.run()
    assert not shown.exception and not shown.error
    assert next(metric.value for metric in shown.metric) == "6,000"
    assert 0 < len(rows_read) < most
    if part == "All answers":
        assert len(shown.dataframe[0].value) == ON_SCREEN
        first = shown.dataframe[0].value["answer"].tolist()
        rows_read.clear()
        shown.number_input(key="prune_page").set_value(5).run()
        assert not shown.exception and 0 < len(rows_read) < most
        assert not set(shown.dataframe[0].value["answer"]) & set(first)


def test_tokens_reads_a_sample_and_says_so(store, run, rows_read, states_read):
    shown = page("tokens", run).run()
    assert not shown.exception and not shown.error and not states_read
    assert any("4,000 of 6,000 answers" in text.value for text in shown.caption)
    assert any("n 4,000 answers" in text.value for text in shown.markdown)
    assert wide(rows_read) == 4000
    last = int(store.numbers(run)["answer"].max())
    shown.number_input[0].set_value(last).run()
    assert not shown.exception and not shown.error
    shown.number_input[0].set_value(10**6).run()
    assert "no answer 1000000" in shown.error[0].value and not shown.exception


def test_a_picture_reads_one_layer_and_says_of_how_many_answers_it_is(store, run, states_read):
    shown = page("projection", run)
    shown.session_state["layer"] = 2
    shown.run()
    assert not shown.exception and not shown.error
    assert any("5,000 of 6,000 answers, a seeded sample" in text.value for text in shown.caption)
    assert {layer for layer, _ in states_read} <= {0, 2}
    assert max(n for layer, n in states_read if layer == 2) == 5000


def test_a_sample_is_of_whole_questions_and_hangs_on_its_seed(store, run):
    numbers = store.numbers(run)
    drawn = draw_questions(numbers, 1000)
    frame = store.answers(run, numbers=drawn)
    assert len(frame) == 1000 and set(frame["number"]) == set(drawn)
    assert (frame.groupby("number").size() == 2).all()
    assert list(draw_questions(numbers, 1000)) == list(drawn) != list(draw_questions(numbers, 1000, seed=1))
    assert sorted(draw_questions(numbers, len(numbers))) == sorted(set(numbers["number"]))
    assert len(draw_questions(numbers, 1)) == 1


def test_part_of_a_run_is_read_as_it_stands_in_the_whole(store, run):
    whole = store.answers(run, heavy=True)
    assert store.numbers(run).equals(whole[["answer", "number"]])
    some = np.array([17, 3, 2999])
    pd.testing.assert_frame_equal(
        store.answers(run, heavy=True, numbers=some),
        whole[whole["number"].isin(some)].reset_index(drop=True),
    )
    named = [int(whole["answer"].iloc[place]) for place in (4000, 0, 5999)]
    assert store.answers_at(run, named)["answer"].tolist() == named
    assert store.labels(run) == ("Negative", "Positive")


def test_a_layer_is_read_from_the_chunks_that_hold_the_answers(store, run, monkeypatch):
    opened, real = [], os.open

    def counted(path, *arguments, **options):
        opened.append(str(path))
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "open", counted)
    rows = np.array([5, 1025, 7, 300])
    found = store.layer(run, "prompt", 3, rows)
    chunks = [path.partition("/states/prompt/")[2] for path in opened if "/states/" in path]
    assert sorted(chunks) == ["c/0/3/0", "c/1/3/0", "c/4/3/0"]
    whole = store.layer(run, "prompt", 3, np.arange(1100))
    assert (found == whole[rows]).all()


def test_presence_is_asked_for_in_blocks(store, run, states_read, monkeypatch):
    rows = np.arange(SHAPE.rows)
    monkeypatch.setattr("core.store.states.AT_ONCE", 1000)
    there = store.states(run).present("prompt", rows)
    assert max(n for _, n in states_read) == 1000 < AT_ONCE
    assert set(np.flatnonzero(there)) == set(store.numbers(run)["answer"])
    assert store.states(run).present("prompt", rows[:0]).tolist() == []


def test_a_probe_reads_each_layer_once_and_the_chosen_one_again(store, run, states_read):
    report = probe_run(store, run, ProbeSettings(permutations=0, seed=1))
    times = Counter(layer for layer, _ in states_read)
    times[0] -= -(-SHAPE.answers // AT_ONCE)
    assert all(times[layer] == 1 for layer in range(SHAPE.layers) if layer != report.layer)
    assert times[report.layer] == 4


def test_where_a_report_is_kept_follows_each_decision(store, run):
    decisions, settings = DecisionStore(store.cache), ProbeSettings()
    before = report_path(store, run, settings, None)
    decisions.decide(run, [0], "drop", "other", "me")
    assert report_path(store, run, settings, None) != before
    assert report_path(store, run, settings, None, pruned=False) == before
    decisions.undo(run, "me")
    assert report_path(store, run, settings, None) == before


def test_a_projection_of_a_sample_keeps_to_its_limit(store, run):
    found = pca_layer(store, run, 2, ProjectionSettings(most=100))
    assert len(found.answers) == 100 and found.n_total == 6000 and found.sampled


def test_what_the_model_was_not_asked_about_is_counted_without_reading_it(store, run, rows_read):
    frame = store.answers(run)
    said = frame.loc[frame["said"].notna(), "answer"].tolist()
    reports = OwnReportStore(store.cache)
    rows_read.clear()
    assert reports.unreported(run) == len(said)
    assert len(rows_read) == 1
    rows = [{"answer": answer, "yes_first": 1.0, "no_first": 3.0, "outside": 0.1} for answer in said[:3]]
    reports.add(run, rows)
    assert reports.unreported(run) == len(said) - 3
    found = reports.beside(run, said[2:5])
    assert found.index.tolist() == said[2:5] and found["log_odds"].isna().tolist() == [False, True, True]
    assert found["log_odds"].iloc[0] == 2.0
    as_read = frame.set_index("answer").loc[said[2:5]]
    assert found[["mode", "said", "label"]].equals(as_read[["mode", "said", "label"]])
    with reports.database.connect() as connection:
        connection.execute("DELETE FROM own_reports")


def test_a_made_run_says_that_it_is_made_and_is_written_once(store, run):
    record = store.run(run)
    assert record.state == "complete" and record.answers == 6000 and TITLE in record.title
    with pytest.raises(StoreError, match="already"):
        write_made_run(store, SHAPE)


def test_the_planted_direction_is_weak_and_there(store, run):
    frame = store.answers(run)
    states = store.layer(run, "prompt", 2, frame["answer"].to_numpy())
    label = frame["label"].to_numpy()
    half = len(label) // 2
    towards = states[:half][label[:half] == 1].mean(axis=0) - states[:half][label[:half] == 0].mean(axis=0)
    assert 0.55 < auroc(label[half:], states[half:] @ towards) < 0.9


def test_a_page_may_settle_late_where_it_says_at_once_that_it_is_at_work():
    assert Visit(drawn=0.5, settled=4.9, processor=1.0, at_work=False).met(COLD)
    assert not Visit(drawn=0.5, settled=5.1, processor=1.0, at_work=False).met(COLD)
    assert Visit(drawn=0.5, settled=60.0, processor=1.0, at_work=True).met(COLD)
    assert not Visit(drawn=1.5, settled=60.0, processor=1.0, at_work=True).met(COLD)


def test_an_error_on_screen_is_no_page_that_was_shown(store, run):
    look = Visit(drawn=0.1, settled=0.2, processor=0.1, at_work=False)
    shown = PageTimes("Prune", look, look, peak_of(os.getpid()), ())
    assert shown.met and shown.peak > 1e7 and shown.to_dict()["warm"]["settled"] == 0.2
    broken = replace(shown, boxes=("it broke",))
    assert not broken.met
    lines = table(store.run(run), [shown, broken]).splitlines()
    assert TITLE in lines[0] and "6,000 answers × 4 layers × 12" in lines[0]
    assert lines[-3].endswith("met") and lines[-2].endswith("ERROR") and lines[-1] == "Prune: it broke"


def test_processor_time_of_a_process_grows_with_what_it_computes():
    before, own = processor_of(os.getpid()), process_time()
    while process_time() < own + 0.3:
        pass
    assert processor_of(os.getpid()) - before == pytest.approx(process_time() - own, abs=0.1)
