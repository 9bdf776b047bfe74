"""Decisions that come from elsewhere: applied as one step, or refused and nothing of the store is touched."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.store.decision import ACTIONS, ORIGINS, REASONS
from core.store.decisions import DecisionStore
from core.store.decisions_csv import COLUMNS
from tests.fuzz import cases
from tests.fuzz.hostile import NAMES
from tests.fuzz.refusals import accepted

ANSWERS = set(range(20))
CELLS = {
    "answer": st.integers(-1, 21).map(str),
    "action": st.sampled_from([*ACTIONS, "burn", ""]),
    "reason": st.sampled_from([*REASONS, "", "nonsense"]),
    "origin": st.sampled_from([*ORIGINS, "", "elsewhere"]),
    "run": st.sampled_from(["r", "", "another"]),
}
MARKS = st.sampled_from(["1", "0", "yes", "", "perhaps"])


def value(column: str) -> st.SearchStrategy[str]:
    """What may stand in a column: nearly always what belongs there."""
    return st.one_of(*[CELLS.get(column, MARKS)] * 9, NAMES)


@st.composite
def files(draw: st.DrawFn) -> str:
    """Decisions as CSV, with columns, values or whole rows wrong."""
    columns = draw(st.sampled_from([COLUMNS, COLUMNS[:2], COLUMNS[:3], ("answer", "answer", "action")]))
    rows = draw(st.lists(st.tuples(*map(value, columns)), max_size=4))
    out = io.StringIO()
    csv.writer(out).writerows([columns, *rows])
    return out.getvalue() + draw(
        st.sampled_from(["", "", "", "1,drop,a,b,c,d,e,f,g,h,i,j\n", "1\n", '"', "\r", "\x00"])
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store in which three answers are decided already."""
    made = DecisionStore(tmp_path_factory.mktemp("decisions"))
    made.decide("r", [1, 2], "drop", "other", "ann")
    made.decide("r", [3], "keep", "sound", "ben")
    return made


def rows_of(store: DecisionStore) -> dict[str, list[tuple]]:
    """Every row of every table, in order."""
    with store.database.connect() as connection:
        tables = [
            row["name"] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        ]
        return {name: [tuple(row) for row in connection.execute(f"SELECT * FROM {name}")] for name in tables}


@cases(150)
@given(files() | st.text(max_size=60) | NAMES)
def test_a_file_of_decisions_is_taken_whole_or_not_at_all(store, content):
    before, standing = rows_of(store), store.current("r")
    count = accepted(store.import_csv, "r", content, "carl", ANSWERS)
    if count is None:
        assert rows_of(store) == before
        return
    assert len(rows_of(store)["steps"]) == len(before["steps"]) + 1
    assert len(store.undo("r", "carl")) == count and store.current("r") == standing


@cases(50)
@given(files())
def test_decisions_of_another_run_are_refused(store, content):
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    accepted(store.import_csv, "another one", content, "carl", ANSWERS)
    if any(row.get("run") not in (None, "", "another one") for row in rows):
        assert store.current("another one") == {}
    store.undo("another one", "carl")
