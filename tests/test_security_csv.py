"""No text that a person, a dataset or a model wrote is a formula in a file that Telltale writes."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cli import main
from core.csv_text import as_csv, marked, unmarked
from core.store.decisions import DecisionStore
from core.store.decisions_csv import COLUMNS, read_decisions, write_decisions
from core.store.runs import RunStore
from dashboard import take_away
from tests.conftest import beside
from tests.shift_runs import store_run

FORMULAS = (
    '=HYPERLINK("http://evil.example";"x")',
    "+1+1",
    "-2+3|cmd",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "'=1",
)
BEGINS = tuple("=+-@\t\r\n")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_begins_as_a_formula_is_marked(text):
    assert marked(text) == f"'{text}" and unmarked(marked(text)) == text


@given(st.text(alphabet=st.sampled_from("'=+-@\t\r\na1 "), max_size=6) | st.text())
def test_every_text_comes_back_and_none_begins_as_a_formula(text):
    assert unmarked(str(marked(text))) == text
    assert not str(marked(text)).startswith(BEGINS)


def test_numbers_stay_numbers():
    frame = pd.DataFrame({"=n": [-1.5, np.nan], "k": [-2, 3], "b": [True, False], "text": ["-1", None]})
    rows = list(csv.reader(io.StringIO(as_csv(frame))))
    assert rows == [["'=n", "k", "b", "text"], ["-1.5", "-2", "True", "'-1"], ["", "3", "False", ""]]
    assert np.array_equal(pd.read_csv(io.StringIO(as_csv(frame)))["'=n"], frame["=n"], equal_nan=True)


@pytest.mark.parametrize("kind", [object, "str", "category"])
def test_every_kind_of_text_column_is_marked(kind):
    frame = pd.DataFrame({"text": pd.Series(list(FORMULAS), dtype=kind)})
    cells = [row[0] for row in csv.reader(io.StringIO(as_csv(frame), newline=""))][1:]
    assert cells == [f"'{text}" for text in FORMULAS]


@pytest.fixture
def run(cache, tmp_path):
    store = RunStore(beside(cache, tmp_path))
    store_run(store, "a-run", "plain", {0: 1.5}, 1)
    with store.database.connect() as connection:
        connection.execute("UPDATE answers SET generated = ?", (FORMULAS[0],))
        connection.execute("UPDATE questions SET text = ?", ("-2+3|cmd",))
    return store


def test_an_exported_run_holds_no_formula(run, tmp_path, capsys):
    assert main(["export", "a-run", "--file", str(tmp_path / "out.csv"), "--cache", str(run.cache)]) == 0
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == run.run("a-run").answers
    assert {row["generated"] for row in rows} == {f"'{FORMULAS[0]}"} and {row["text"] for row in rows} == {
        "'-2+3|cmd"
    }


def test_exported_decisions_hold_no_formula_and_come_back(run):
    store = DecisionStore(run.cache)
    store.decide("a-run", [0, 3], "drop", "other", "=cmd|' /C calc'!A0")
    content = store.export_csv("a-run")
    assert {row["who"] for row in csv.DictReader(io.StringIO(content))} == {"'=cmd|' /C calc'!A0"}
    made, _ = read_decisions("a-run", content, run.done("a-run"))
    assert made == list(store.current("a-run").values())


def test_a_marked_reason_is_read_as_it_was(run):
    row = (0, "drop", "'other", "-who", "2026-01-01", 0, 1, 0, "", "=run")
    content = write_decisions([row])
    assert "'=run" in content and "'-who" in content
    with pytest.raises(Exception, match="it is of run '=run'"):
        read_decisions("a-run", content, {0})
    made, _ = read_decisions("=run", content.replace("'other", "other"), {0})
    assert made[0].reason == "other" and len(row) == len(COLUMNS)


def test_what_a_page_offers_to_take_away_holds_no_formula(monkeypatch):
    made = []

    class Column:
        def download_button(self, label, data, *more, **options):
            made.append(data())

        def code(self, *text, **options):
            pass

    monkeypatch.setattr(take_away.st, "columns", lambda *sizes, **options: (Column(), Column()))
    take_away.take_away("Figures", pd.DataFrame({"run": ["=1+1"], "n": [-1]}), "a.csv", "telltale")
    assert made == ["run,n\r\n'=1+1,-1\r\n"]
