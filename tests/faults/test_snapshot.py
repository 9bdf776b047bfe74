"""What the campaign compares runs by notices each kind of loss: one that could not would prove nothing."""

import sqlite3
from contextlib import closing

import pytest

from tests.faults.outcome import Injection, faults_table, rows_of
from tests.faults.snapshot import DATABASE, broken_promises, differences, orphans, snapshot


@pytest.fixture
def copy(scene):
    return scene.copy(scene.reference.cache)


def execute(cache, statement):
    with closing(sqlite3.connect(cache / DATABASE)) as connection, connection:
        connection.execute(statement)


def states(cache, run):
    return sorted((cache / "runs" / run / "states").rglob("c/1/2/0"))[0]


def test_a_run_equals_itself(scene, copy):
    run, whole = scene.reference.run, scene.reference.snapshot
    assert len(whole.answers) == 160
    assert differences(snapshot(copy, run), whole) == broken_promises(copy, run, whole) == orphans(copy) == ()


def test_a_changed_row_is_noticed(scene, copy):
    run, whole = scene.reference.run, scene.reference.snapshot
    execute(copy, "UPDATE answers SET generated = 'something else' WHERE answer = 7")
    assert differences(snapshot(copy, run), whole) == ("2 rows of answers differ",)
    assert broken_promises(copy, run, whole) == ("1 committed answers differ",)


def test_a_lost_row_is_noticed_and_breaks_no_promise(scene, copy):
    run, whole = scene.reference.run, scene.reference.snapshot
    execute(copy, "DELETE FROM answers WHERE answer = 7")
    assert differences(snapshot(copy, run), whole) == ("1 rows of answers differ",)
    assert broken_promises(copy, run, whole) == ()


def test_states_of_a_committed_answer_that_changed_are_noticed(scene, copy):
    run, whole = scene.reference.run, scene.reference.snapshot
    states(copy, run).write_bytes(b"else")
    assert "1 state files differ" in differences(snapshot(copy, run), whole)[0]
    assert broken_promises(copy, run, whole) == ("committed answers without 1 state files",)


def test_orphans_are_noticed(scene, copy):
    run = scene.reference.run
    states(copy, run).with_name("0.partial").write_bytes(b"half")
    (copy / "runs" / "nobody").mkdir()
    execute(copy, "DELETE FROM answers WHERE answer >= 32 AND answer < 64")
    told = " ".join(orphans(copy))
    assert "leftover 0.partial" in told and "folder of no run nobody" in told
    assert "states of no answer states/prompt/c/1/0/0" in told


def test_the_table_counts():
    lost = Injection("fire", "at noon", ("the house",))
    rows = rows_of(
        [Injection("fire", "at dawn", seconds=2.0), lost, Injection("flood", "", skipped="no river")]
    )
    assert [(row.fault, row.injected, row.survived) for row in rows] == [("fire", 2, 1), ("flood", 0, 0)]
    assert "at noon: the house" in faults_table(rows) and "not injected: no river" in faults_table(rows)
