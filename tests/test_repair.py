"""Damage of every kind done to a real run's files, found by `telltale doctor`, and mended without loss."""

import fcntl
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from core.cli import main
from core.commands.doctor import REVIEWS, Checks, check_download, check_store
from core.data.reviews import FILES, review_faults, reviews_folder
from core.downloads import sha256_of
from core.errors import StoreError
from core.models.embedded import HASHES, embedded_faults, embedded_folder, forget_embedded
from core.own_report.store import OwnReportStore
from core.prompts.templates import Template
from core.store.checkup import check_database
from core.store.database import NAME, VERSION, Database
from core.store.decisions import DecisionStore
from core.store.journal import Journal
from core.store.judgements import JudgementStore, LoggedJudgement
from core.store.lock import hold, is_held
from core.store.runs import RunStore
from core.store.saved import SavedStore
from core.store.states import StateArrays
from core.store.trash import Trash
from tests.conftest import beside

ASKED = ("harvest", "--data", "movie-reviews", "--n", "20", "--calibration", "content-free")


@pytest.fixture(scope="module")
def undisturbed(cache, tiny, tmp_path_factory):
    """A cache with one finished run, decisions on it, a judgement and a saved template."""
    folder = beside(cache, tmp_path_factory.mktemp("undisturbed"))
    assert main([*ASKED, "--model", str(tiny), "--cache", str(folder)]) == 0
    [run] = RunStore(folder).runs()
    decisions = DecisionStore(folder)
    decisions.decide(run.run, [0, 1], "drop", "other", "ann")
    decisions.decide(run.run, [1, 2], "keep", "sound", "ben")
    decisions.decide(run.run, [5], "unsure", "cannot tell", "ann")
    decisions.undo(run.run, "ann")
    decisions.set_margin(run.run, 0.8)
    JudgementStore(folder).add(LoggedJudgement(run.run, "abc", run.run, "logistic", 0.75))
    SavedStore(folder).save_template(Template("mine", "{text}?", ("No", "Yes")))
    return folder


@pytest.fixture
def lab(undisturbed, tmp_path):
    """A copy of it to be damaged."""
    shutil.copytree(undisturbed, tmp_path / "lab", symlinks=True)
    return tmp_path / "lab"


@pytest.fixture
def doctor(lab):
    """What the doctor says of the store: whether all is well, and its sentences."""

    def call(*options):
        checks = Checks()
        check_store(lab, checks, "--repair" in options)
        return all(check["ok"] for check in checks.made), [check["detail"] for check in checks.made]

    return call


def only_run(lab):
    [run] = RunStore(lab).runs()
    return run


def everything(lab):
    """All rows that a person would miss, but for when they were written."""
    with closing(sqlite3.connect(lab / NAME)) as connection:
        return {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in (
                "runs",
                "questions",
                "answers",
                "calibrations",
                "steps",
                "decisions",
                "margins",
                "judgements",
                "templates",
            )
        }


def chunks(lab):
    return {
        str(path.relative_to(lab)): path.read_bytes()
        for path in sorted((lab / "runs").rglob("*"))
        if path.is_file() and "states" in path.parts
    }


def harvest_again(lab, tiny, capsys):
    capsys.readouterr()
    assert main([*ASKED, "--model", str(tiny), "--cache", str(lab), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


CHUNK_FAULTS = {
    "changed": flip,
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "missing": lambda path: path.unlink(),
}


def test_a_sound_store_is_called_sound(lab, doctor, capsys):
    ok, said = doctor()
    assert ok and said == ["1 runs, 40 answers, all of their states read and whole"]
    assert main(["doctor", "--cache", str(lab)]) == 0
    assert f"ok   store: {said[0]}" in capsys.readouterr().out


@pytest.mark.parametrize("fault", CHUNK_FAULTS)
def test_a_damaged_chunk_is_found_and_only_its_answers_are_made_again(fault, lab, doctor, tiny, capsys):
    run, before, states = only_run(lab), everything(lab), chunks(lab)
    hurt = lab / "runs" / run.run / "states/prompt/c/0/2/0"
    CHUNK_FAULTS[fault](hurt)
    store = RunStore(lab)
    rows = store.numbers(run.run)["answer"].to_numpy()
    assert np.isfinite(store.layer(run.run, "prompt", 1, rows)).all()
    with pytest.raises(StoreError, match=rf"layer 2 of answers 0 to \d+ is {fault}; `telltale doctor"):
        store.layer(run.run, "prompt", 2, rows)
    ok, said = doctor()
    [held] = [row[1:] for row in store.damaged(run.run)]
    affected = held[0]
    assert not ok and fault in said[0] and f"{len(affected)} answers are affected" in said[0]
    assert 0 < len(affected) < 40
    assert doctor("--repair")[0]
    assert only_run(lab).state == "interrupted" and only_run(lab).answers == 40 - len(affected)
    assert harvest_again(lab, tiny, capsys)["made"] == len(affected)
    after = everything(lab)
    when = [before.pop("runs"), after.pop("runs")]
    assert after == before and len(when[0]) == len(when[1]) == 1
    assert chunks(lab) == states
    assert doctor() == (True, ["1 runs, 40 answers, all of their states read and whole"])


def test_going_on_with_an_interrupted_run_looks_at_what_is_there(lab, tiny, capsys):
    run, states = only_run(lab), chunks(lab)
    store = RunStore(lab)
    store.set_aside(run.run, [39])
    flip(lab / "runs" / run.run / "states/mean/c/0/0/0")
    made = harvest_again(lab, tiny, capsys)["made"]
    assert made > 1
    assert chunks(lab) == states and only_run(lab).state == "complete"


def cut(path):
    path.write_bytes(path.read_bytes()[: 3 * 4096])


def zero(path):
    content = bytearray(path.read_bytes())
    for start in range(4096, len(content), 3 * 4096):
        content[start : start + 4096] = bytes(4096)
    path.write_bytes(content)


DATABASE_FAULTS = {
    "cut short": cut,
    "zeroed pages": zero,
    "garbage": lambda path: path.write_bytes(b"\x07garbage" * 5000),
    "empty": lambda path: path.write_bytes(b""),
    "deleted": lambda path: path.unlink(),
}


@pytest.mark.parametrize("fault", DATABASE_FAULTS)
def test_a_damaged_database_is_made_anew_with_every_run_and_decision(fault, lab, doctor):
    before = everything(lab)
    DATABASE_FAULTS[fault](lab / NAME)
    ok, said = doctor()
    assert not ok and "--repair" in said[0], said
    ok, said = doctor("--repair")
    assert ok, said
    assert everything(lab) == before
    assert doctor()[0]
    assert DecisionStore(lab).current(only_run(lab).run)[2].action == "keep"
    if fault not in ("deleted", "empty"):
        assert list(lab.glob(f"{NAME}.damaged-*"))


def test_a_damaged_database_is_named_on_every_command(lab, capsys):
    (lab / NAME).write_bytes(b"\x07garbage" * 5000)
    assert main(["runs", "--cache", str(lab)]) == 2
    assert "`telltale doctor --repair`" in capsys.readouterr().err


def test_what_only_the_database_has_is_salvaged(lab, doctor):
    run = only_run(lab).run
    (lab / "runs" / run / "journal.jsonl").unlink()
    before = everything(lab)
    with closing(sqlite3.connect(lab / NAME)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'margins'").fetchone()[0]
    content = bytearray((lab / NAME).read_bytes())
    content[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    (lab / NAME).write_bytes(content)
    assert not doctor()[0]
    doctor("--repair")
    after = everything(lab)
    assert before.pop("margins") and not after.pop("margins")
    assert after == before
    assert doctor("--repair")[0] and Journal(lab / "runs" / run).tells_of_a_run


def test_a_journal_that_was_cut_off_spoils_no_entry_but_the_last(tmp_path):
    journal = Journal(tmp_path)
    journal.append(("one", 1), ("two", {"a": "ü\nx"}))
    with journal.path.open("r+b") as file:
        file.truncate(journal.path.stat().st_size - 3)
    journal.append(("three", [None]))
    assert list(journal.entries()) == [("one", 1), ("three", [None])]


def test_a_run_without_a_journal_gets_one(lab, doctor):
    run = only_run(lab).run
    before, kept = everything(lab), lab / "runs" / run / "journal.jsonl"
    kept.unlink()
    DecisionStore(lab).decide(run, [7], "drop", "other", "ann")
    assert Journal(lab / "runs" / run).tells_of_a_run, "a change writes what was there before it, too"
    DecisionStore(lab).undo(run, "ann")
    kept.unlink()
    ok, said = doctor()
    assert not ok and "without a journal" in said[0]
    assert doctor("--repair")[0]
    (lab / NAME).unlink()
    assert doctor("--repair")[0]
    assert everything(lab)["answers"] == before["answers"]


def test_folders_and_rows_that_lost_each_other(lab, doctor):
    run = only_run(lab).run
    stray = lab / "runs" / "0123456789ab"
    (stray / "states").mkdir(parents=True)
    (lab / "runs" / run / "states" / "x.partial").write_bytes(b"half")
    ok, said = doctor()
    assert (
        not ok
        and any("belongs to no run" in one for one in said)
        and any("half-written" in one for one in said)
    )
    assert doctor("--repair")[0]
    assert not stray.exists() and list((lab / "trash").glob("0123456789ab-*"))
    assert not list((lab / "runs").rglob("*.partial"))
    shutil.rmtree(lab / "runs" / run / "states")
    ok, said = doctor()
    assert not ok and "no states" in said[0]
    assert doctor("--repair")[0]
    assert not RunStore(lab).runs()


def test_a_deleted_run_comes_back_from_the_trash_whole(lab, capsys):
    before, states, run = everything(lab), chunks(lab), only_run(lab).run
    assert main(["runs", "delete", run, "--cache", str(lab)]) == 0
    assert not RunStore(lab).runs() and not (lab / "runs" / run).exists()
    assert DecisionStore(lab).current(run), "decisions outlive the run"
    capsys.readouterr()
    assert main(["runs", "trash", "--json", "--cache", str(lab)]) == 0
    [entry] = json.loads(capsys.readouterr().out)["trash"]
    assert entry["run"] == run and entry["bytes"] > sum(map(len, states.values()))
    assert main(["runs", "restore", run, "--cache", str(lab)]) == 0
    assert everything(lab) == before and chunks(lab) == states
    assert main(["runs", "restore", run, "--cache", str(lab)]) == 2
    assert "the trash has no run" in capsys.readouterr().err
    assert main(["runs", "delete", run, "--cache", str(lab)]) == 0
    assert main(["runs", "empty-trash", "--cache", str(lab)]) == 0
    assert not list((lab / "trash").iterdir())


def test_what_was_decided_after_a_deletion_is_not_taken_back_by_a_restore(lab, tiny, capsys):
    run = only_run(lab).run
    RunStore(lab).delete(run)
    harvest_again(lab, tiny, capsys)
    DecisionStore(lab).decide(run, [0], "keep", "sound", "ann")
    RunStore(lab).delete(run)
    store = RunStore(lab)
    store.restore(run)
    assert DecisionStore(lab).current(run)[0].action == "keep"


def test_a_database_of_an_older_version_is_brought_up_to_date_and_a_copy_kept(lab):
    before = everything(lab)
    with closing(sqlite3.connect(lab / NAME)) as connection, connection:
        connection.execute("DROP INDEX not_finite")
        connection.execute("ALTER TABLE answers DROP COLUMN not_finite")
        connection.execute("PRAGMA user_version = 0")
        old = connection.execute("SELECT * FROM answers").fetchall()
    Database(lab)
    assert everything(lab) == before
    with closing(sqlite3.connect(lab / f"{NAME}.version-0")) as kept:
        assert kept.execute("SELECT * FROM answers").fetchall() == old


def test_a_database_of_a_newer_version_is_refused_and_left_alone(lab, capsys):
    with closing(sqlite3.connect(lab / NAME)) as connection, connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = (lab / NAME).read_bytes()
    assert main(["runs", "--cache", str(lab)]) == 2
    assert "newer Telltale" in capsys.readouterr().err
    assert main(["doctor", "--repair", "--cache", str(lab)]) == 1
    assert "newer Telltale" in capsys.readouterr().out
    assert (lab / NAME).read_bytes() == before


def test_a_download_that_was_changed_on_the_disk_is_found_and_fetched_anew(cache, tmp_path):
    folder = reviews_folder(tmp_path)
    shutil.copytree(reviews_folder(cache), folder)
    assert review_faults(tmp_path) == [] == embedded_faults(tmp_path)
    hurt = folder / FILES["tweets"]
    flip(hurt)
    assert review_faults(tmp_path) == [hurt.name]
    fetched = []

    def fetch(into):
        fetched.append(into)
        shutil.copy(reviews_folder(cache) / hurt.name, hurt)

    download = replace(REVIEWS, fetch=fetch)
    checks = Checks()
    check_download("reviews", download, tmp_path, checks, repair=False)
    assert not checks.made[0]["ok"] and hurt.name in checks.made[0]["detail"] and not fetched
    check_download("reviews", download, tmp_path, checks, repair=True)
    assert checks.made[1]["ok"] and fetched == [tmp_path] and review_faults(tmp_path) == []


def test_a_converted_model_that_was_changed_on_the_disk_is_found(tmp_path):
    folder = embedded_folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / HASHES).write_text(json.dumps({"model.safetensors": sha256_of(folder / "model.safetensors")}))
    assert embedded_faults(tmp_path) == []
    flip(folder / "model.safetensors")
    assert embedded_faults(tmp_path) == ["model.safetensors"]
    forget_embedded(tmp_path)
    assert not folder.exists()


def test_a_description_that_is_gone_is_written_anew_over_the_same_chunks(lab, doctor, tiny, capsys):
    run, before, states = only_run(lab), everything(lab), chunks(lab)
    (lab / "runs" / run.run / "states/prompt/zarr.json").unlink()
    ok, said = doctor()
    assert not ok and "not described any more" in said[0]
    doctor("--repair")
    assert harvest_again(lab, tiny, capsys)["made"] == 0
    after = everything(lab)
    before.pop("runs"), after.pop("runs")
    assert after == before and chunks(lab) == states and only_run(lab).state == "complete"
    assert doctor()[0]


def test_a_repair_takes_no_decision_from_another_run_with_the_same_step_numbers(lab, doctor):
    """The database is lost, a new one counts steps from 1, and the doctor brings the first run back."""
    first, before = only_run(lab).run, DecisionStore(lab).by_person(only_run(lab).run)
    (lab / NAME).unlink()
    decisions = DecisionStore(lab)
    for answer in range(4):
        decisions.decide("another run", [answer], "drop", "other", "cal")
    mine = decisions.by_person("another run")
    assert doctor("--repair")[0]
    assert decisions.by_person("another run") == mine and len(mine["cal"]) == 4
    assert decisions.by_person(first) == before
    assert decisions.undo(first, "ben") == [1, 2] and decisions.redo(first, "ann") == [5]


def test_what_was_set_aside_stays_so_when_the_database_is_made_anew(lab, doctor):
    store, run = RunStore(lab), only_run(lab).run
    store.set_aside(run, [0, 3])
    left = store.done(run)
    (lab / NAME).unlink()
    assert doctor("--repair")[0]
    assert RunStore(lab).done(run) == left and only_run(lab).state == "interrupted"


def test_one_journal_that_makes_no_sense_costs_no_other_run(lab, doctor):
    run, before = only_run(lab).run, everything(lab)
    nothing = dict.fromkeys(("run", "settings", "facts", "planned", "started"))
    for name, entry in (
        ("0" * 12, ("questions", [[0, "q", "text", None, 1, "a", "b", "s", "g"]])),
        ("1" * 12, ("run", nothing)),
    ):
        (lab / "runs" / name).mkdir()
        Journal(lab / "runs" / name).append(entry, ("answers", {"columns": ["answer"], "rows": [[0]]}))
    (lab / NAME).write_bytes(b"\x07garbage" * 5000)
    doctor("--repair")
    assert everything(lab) == before and [found.run for found in RunStore(lab).runs()] == [run]


def test_a_full_disk_is_not_taken_for_damage_and_a_failed_repair_leaves_all_as_it_was(lab, monkeypatch):
    assert check_database(lab) is None
    content = (lab / NAME).read_bytes()

    def full(*_, **__):
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", full)
        found = check_database(lab)
    assert found.mend is None and "disk I/O" in found.what and "repair" not in found.what
    (lab / NAME).write_bytes(content[: 3 * 4096])
    fault = check_database(lab)
    with monkeypatch.context() as patch:
        patch.setattr("core.store.rebuild._swap", full)
        with pytest.raises(sqlite3.OperationalError):
            fault.mend()
    assert (lab / NAME).read_bytes() == content[: 3 * 4096]
    fault.mend()
    assert check_database(lab) is None and only_run(lab).answers == 40


def test_the_models_own_reports_come_back_with_their_run(lab, doctor):
    store, run = OwnReportStore(lab), only_run(lab).run
    store.add(run, [{"answer": n, "yes_first": 0.5, "no_first": -n, "outside": 0.1} for n in range(3)])
    before = store.of(run)
    RunStore(lab).delete(run)
    assert store.of(run).empty
    RunStore(lab).restore(run)
    assert store.of(run).equals(before) and len(before) == 3
    (lab / NAME).unlink()
    assert doctor("--repair")[0] and OwnReportStore(lab).of(run).equals(before)


def test_a_deletion_cut_off_in_its_middle_loses_nothing(lab, doctor, monkeypatch):
    before, states, run = everything(lab), chunks(lab), only_run(lab).run

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trash, "put", stop)
        with pytest.raises(KeyboardInterrupt):
            RunStore(lab).delete(run)
    assert not RunStore(lab).runs()
    assert doctor("--repair")[0]
    assert everything(lab) == before and chunks(lab) == states


def test_a_folder_that_a_killed_harvest_left_is_in_the_way_of_no_restore(lab):
    before, run = everything(lab), only_run(lab).run
    store = RunStore(lab)
    store.delete(run)
    with store.writing(run):
        pass
    Trash(lab).put(lab / "runs" / run)
    with store.writing(run):
        pass
    store.restore(run)
    assert everything(lab) == before


def test_a_lock_that_went_to_the_trash_is_not_taken_for_the_runs(lab, monkeypatch):
    folder, real, waited = lab / "runs" / only_run(lab).run, fcntl.flock, []

    def flock(handle, how):
        if not waited:
            waited.append(True)
            Trash(lab).put(folder)
        return real(handle, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with hold(folder):
        assert is_held(folder) and (folder / "lock").is_file()


def test_templates_from_before_there_was_a_journal_get_into_it(lab, doctor):
    (lab / "journal.jsonl").unlink()
    ok, said = doctor()
    assert not ok and "stand in the database alone" in said[0]
    assert doctor("--repair")[0]
    before = everything(lab)
    (lab / NAME).unlink()
    assert doctor("--repair")[0] and everything(lab) == before
    (lab / "journal.jsonl").unlink()
    SavedStore(lab).save_template(Template("other", "{text}!", ("No", "Yes")))
    assert doctor()[0], "the first one saved brings the others"


def test_a_journal_that_lacks_answers_is_written_anew(lab, doctor):
    run = only_run(lab).run
    journal = Journal(lab / "runs" / run)
    journal.path.write_bytes(journal.path.read_bytes().replace(b" answers ", b" answerz ", 1))
    ok, said = doctor()
    assert not ok and "journal of all their answers" in said[0]
    assert doctor("--repair")[0] and journal.answers() == RunStore(lab).done(run)


@pytest.mark.parametrize("how", ["gone", "garbage", "empty"])
def test_arrays_that_are_gone_or_not_described_are_made_again(how, lab, doctor, tiny, capsys):
    before, states = everything(lab), chunks(lab)
    hurt = lab / "runs" / only_run(lab).run / "states/before"
    if how == "gone":
        shutil.rmtree(hurt)
    else:
        (hurt / "zarr.json").write_bytes(b"{broken" if how == "garbage" else b"")
    assert not doctor()[0]
    doctor("--repair")
    assert harvest_again(lab, tiny, capsys)["made"] == (40 if how == "gone" else 0)
    after = everything(lab)
    before.pop("runs"), after.pop("runs")
    assert after == before and chunks(lab) == states and doctor()[0]


def test_a_chunk_that_cannot_be_read_is_one_chunk(lab, doctor):
    chunk = lab / "runs" / only_run(lab).run / "states/prompt/c/0/1/0"
    chunk.unlink()
    chunk.mkdir()
    ok, said = doctor()
    assert not ok and "is unreadable" in said[0] and "not described" not in said[0]


def test_a_block_is_written_over_a_damaged_chunk_that_it_does_not_fill(tmp_path):
    states = StateArrays(tmp_path)
    states.create(("prompt",), rows=64, layers=2, d_model=3, block=32)
    states.write("prompt", 32, np.ones((5, 2, 3), np.float32))
    flip(tmp_path / "prompt/c/1/0/0")
    states.write("prompt", 32, np.full((5, 2, 3), 2, np.float32))
    assert (states.read("prompt", 0, np.arange(32, 37)) == 2).all()
    assert np.isnan(states.read("prompt", 0, np.arange(37, 64))).all()
