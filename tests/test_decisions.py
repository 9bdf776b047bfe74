"""Decisions: nothing lost, nothing taken back silently, two people at once, older caches and files."""

import sqlite3

import pytest

from core.errors import DataError, StoreError
from core.store.decision import Decision
from core.store.decisions import DecisionStore

OLD_SCHEMA = """
CREATE TABLE steps (
    step INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, who TEXT NOT NULL, at TEXT NOT NULL,
    scores_shown INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'done'
);
CREATE TABLE decisions (
    step INTEGER NOT NULL REFERENCES steps ON DELETE CASCADE, answer INTEGER NOT NULL,
    action TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (step, answer)
) WITHOUT ROWID;
INSERT INTO steps (run, who, at, scores_shown)
VALUES ('r', 'ann', '2026-01-01', 0), ('r', 'ann', '2026-01-02', 1);
INSERT INTO decisions VALUES (1, 5, 'drop', 'other'), (2, 6, 'drop', 'duplicate');
"""


def actions(store, run="r"):
    return {answer: decision.action for answer, decision in store.current(run).items()}


def test_decisions_undo_redo_and_survive_a_restart(tmp_path):
    store = DecisionStore(tmp_path)
    store.decide("r", [1, 2], "drop", "other", "ann")
    store.decide("r", [2], "keep", "", "ben", scores_shown=True)
    assert actions(store) == {1: "drop", 2: "keep"}
    assert store.undo("r") == [2]
    assert actions(DecisionStore(tmp_path)) == {1: "drop", 2: "drop"}
    assert store.redo("r") and not store.redo("r")
    assert store.current("r")[2].action == "keep"
    store.undo("r")
    store.decide("r", [3], "drop", "duplicate", "ben")
    assert not store.redo("r")
    trail = store.trail("r")
    assert list(trail["which"]) == ["3", "2", "1, 2"]
    assert store.export_csv("r").splitlines()[1].startswith("1,drop,other,ann,2")
    assert list(trail["state"]) == ["done", "dropped", "done"]
    assert list(trail["who"]) == ["ben", "ben", "ann"]
    assert store.current("another") == {}


def test_each_person_takes_back_their_own_steps(tmp_path):
    store = DecisionStore(tmp_path)
    store.decide("r", [1], "drop", "other", "ann")
    store.decide("r", [1, 2], "keep", "sound", "ben")
    assert store.undo("r", "ann") == [1]
    assert actions(store) == {1: "keep", 2: "keep"} and not store.undo("r", "ann")
    assert store.undo("r", "ben") == [1, 2] and store.current("r") == {}
    store.decide("r", [3], "unsure", "cannot tell", "ben")
    assert store.redo("r", "ann") == [1], "ben's new step leaves what ann can redo"
    assert not store.redo("r", "ben")
    assert actions(store) == {1: "drop", 3: "unsure"}


def test_the_version_changes_with_every_change(tmp_path):
    store = DecisionStore(tmp_path)
    seen = [store.version("r")]
    for change in (
        lambda: store.decide("r", [1], "drop", "other", "ann"),
        lambda: store.decide("r", [2], "drop", "other", "ben"),
        lambda: store.undo("r", "ann"),
        lambda: store.undo("r", "ben"),
        lambda: store.redo("r", "ann"),
        lambda: store.set_margin("r", 0.8),
    ):
        change()
        seen.append(store.version("r"))
    assert len(set(seen)) == len(seen)
    assert store.margin("r") == 0.8 and store.margin("another") == pytest.approx(2 / 3)
    with pytest.raises(DataError, match="no majority"):
        store.set_margin("r", 0.4)


def test_whether_a_step_was_blind_is_kept(tmp_path):
    store = DecisionStore(tmp_path)
    store.decide("r", [1], "drop", "other", "ann")
    store.decide("r", [2], "drop", "other", "ann", scores_shown=True)
    store.decide("r", [3], "drop", "other", "ann", blind=False, origin="projection")
    store.decide("r", [4], "drop", "said the truth", "ann", everywhere=True)
    found = store.current("r")
    assert [found[answer].blind for answer in (1, 2, 3, 4)] == [True, False, False, True]
    assert [found[answer].reaches_test for answer in (1, 2, 3, 4)] == [True, False, False, True]
    assert store.trail("r")["blind"].tolist() == [1, 0, 0, 1]
    with pytest.raises(StoreError, match="choose keep, drop or unsure"):
        store.decide("r", [1], "burn", "other", "ann")
    with pytest.raises(StoreError, match="no answers were chosen to drop"):
        store.decide("r", [], "drop", "other", "ann")


def test_decisions_travel_as_csv_all_or_none(tmp_path):
    store = DecisionStore(tmp_path)
    store.decide("r", [1, 2], "drop", "duplicate", "ann, the first")
    store.decide("r", [3], "drop", "wrong under honest", "ann", blind=False, everywhere=True)
    store.decide("r", [4], "unsure", "cannot tell", "ann", scores_shown=True)
    content = store.export_csv("r")
    before = store.current("r")
    for _ in range(3):
        store.undo("r")
    assert store.import_csv("r", content, "ben", {1, 2, 3, 4}) == 4
    assert store.current("r") == before and store.trail("r")["who"][0] == "ben"
    assert len(store.undo("r")) == 4
    with pytest.raises(DataError, match="line 2: it is of run 'r', and this is 'another'"):
        store.import_csv("another", content, "ben", {1, 2, 3, 4})
    content = content.replace(",r\r\n", ",\r\n")
    with pytest.raises(DataError, match="line 6: answer 1 stands there twice"):
        store.import_csv("copy", content + "1,keep,,,,,\r\n", "ben", {1, 2, 3, 4})
    with pytest.raises(DataError, match="line 2: unknown reason 'nonsense'"):
        store.import_csv("copy", content.replace("duplicate", "nonsense"), "ben", {1, 2, 3, 4})
    with pytest.raises(DataError, match="line 3: this run has no answer '2'"):
        store.import_csv("copy2", content, "ben", {1})
    assert store.current("copy2") == {}
    with pytest.raises(DataError, match="no column"):
        store.import_csv("copy2", "a,b\n", "ben", {1})
    with pytest.raises(DataError, match="line 2: blind is 'perhaps': use 1 or 0"):
        store.import_csv("copy2", "answer,action,blind\n1,drop,perhaps\n", "ben", {1})


def test_a_file_of_an_older_program_is_read(tmp_path):
    store = DecisionStore(tmp_path)
    header = "answer,action,reason,who,at,scores_shown,run\n"
    old = header + "1,drop,duplicate,ann,2026,0,r\n2,drop,other,ann,2026,1,r\n"
    store.import_csv("r", old, "ben", {1, 2})
    assert [store.current("r")[answer].blind for answer in (1, 2)] == [None, False]


def test_a_cache_of_an_older_program_opens_and_loses_nothing(tmp_path):
    with sqlite3.connect(tmp_path / "telltale.sqlite") as connection:
        connection.executescript(OLD_SCHEMA)
    connection.close()
    store = DecisionStore(tmp_path)
    assert store.current("r") == {
        5: Decision(5, "drop", "other", blind=None),
        6: Decision(6, "drop", "duplicate", blind=False),
    }
    store.decide("r", [7], "drop", "other", "ben")
    again = DecisionStore(tmp_path)
    assert again.current("r")[5].blind is None and again.current("r")[7].blind is True
    assert again.undo("r") == [7] and len(again.export_csv("r").splitlines()) == 3
