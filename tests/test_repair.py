"""Damage of every kind done to a real run's files, found by `telltale doctor`, and mended without loss."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from core.cli import main
from core.commands.doctor import REVIEWS, Checks, check_download
from core.data.reviews import FILES, review_faults, reviews_folder
from core.downloads import sha256_of
from core.errors import StoreError
from core.models.embedded import HASHES, embedded_faults, embedded_folder, forget_embedded
from core.prompts.templates import Template
from core.store.database import NAME, VERSION, Database
from core.store.decisions import DecisionStore
from core.store.journal import Journal
from core.store.judgements import JudgementStore, LoggedJudgement
from core.store.runs import RunStore
from core.store.saved import SavedStore
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
def doctor(lab, capsys):
    """What the doctor says of the store: whether all is well, and its sentences."""

    def call(*options):
        capsys.readouterr()
        code = main(["doctor", "--json", "--cache", str(lab), *options])
        checks = json.loads(capsys.readouterr().out)["checks"]
        found = [check for check in checks if check["name"] == "store"]
        assert code == (0 if all(check["ok"] for check in checks) else 1)
        return all(check["ok"] for check in found), [check["detail"] for check in found]

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


def test_a_sound_store_is_called_sound(doctor):
    ok, said = doctor()
    assert ok and said == ["1 runs, 40 answers, all of their states read and whole"]


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
