"""States of runs kept under a URL, on a real object store of this machine's own: as good as in the cache."""

import json
import shutil

import numpy as np
import pytest
import s3fs
import zarr

from core.cli import main
from core.commands.doctor import Checks, check_store
from core.engine.harvest import harvest, prepare
from core.engine.settings import HarvestSettings
from core.errors import StatesOutOfReach, StoreError
from core.models.loading import load_model
from core.store.places import POINTER, VARIABLE, checked_url
from core.store.runs import RunStore
from tests.conftest import beside
from tests.object_store import ObjectStore

CHOICES = ("harvest", "--data", "movie-reviews", "--n", "60", "--contrast", "--position", "prompt")
OPEN = ("harvest", "--data", "open-numbers", "--n", "20")
URL = "s3://bucket/some/where"


@pytest.fixture
def bucket(monkeypatch):
    made = ObjectStore(monkeypatch)
    yield made
    made.end()


@pytest.fixture(scope="module", params=[CHOICES, OPEN], ids=["choices", "open"])
def here(request, cache, tiny, tmp_path_factory):
    """What was asked, and the store whose run of it keeps its states in the cache."""
    folder = beside(cache, tmp_path_factory.mktemp("here"))
    asked = [*request.param, "--model", str(tiny)]
    assert main([*asked, "--cache", str(folder)]) == 0
    return asked, RunStore(folder)


@pytest.fixture(scope="module")
def choices(cache, tiny, tmp_path_factory):
    """A store whose run of choices keeps its states in the cache."""
    folder = beside(cache, tmp_path_factory.mktemp("choices"))
    assert main([*CHOICES, "--model", str(tiny), "--cache", str(folder)]) == 0
    return RunStore(folder)


@pytest.fixture
def folder(cache, tmp_path):
    return beside(cache, tmp_path)


@pytest.fixture
def there(choices, tmp_path, bucket):
    """A store of the same run with its states in the bucket."""
    run = only_run(choices).run
    shutil.copytree(choices.cache, tmp_path / "there", symlinks=True)
    folder = tmp_path / "there/runs" / run
    bucket.files.put(str(folder / "states"), f"{URL}/{run}-copied/states", recursive=True)
    shutil.rmtree(folder / "states")
    (folder / POINTER).write_text(f"{URL}/{run}-copied")
    return RunStore(tmp_path / "there")


def only_run(store):
    [run] = store.runs()
    return run


def sound(cache, *options):
    """Whether the doctor finds the store sound; it loads no model here."""
    checks = Checks()
    check_store(cache, checks, "--repair" in options)
    print(*(check["detail"] for check in checks.made))
    return all(check["ok"] for check in checks.made)


def check_alike(mine, other):
    """Rows and states of the only run are the same; none of the other's states is in its cache."""
    run = only_run(mine)
    assert only_run(other).complete and other.rows(run.run) == mine.rows(run.run)
    answers = np.array([row["answer"] for row in mine.rows(run.run)])
    assert other.states(run.run).positions() == mine.states(run.run).positions()
    assert other.states(run.run).contrast == mine.states(run.run).contrast
    positions = (*mine.states(run.run).positions(), *(("choice_0",) if mine.states(run.run).contrast else ()))
    for layer in range(run.facts["layers"]):
        for position in positions:
            np.testing.assert_array_equal(
                other.layer(run.run, position, layer, answers), mine.layer(run.run, position, layer, answers)
            )
        if run.facts["open"]:
            for one, two in zip(
                other.answer_tokens(run.run, layer, answers),
                mine.answer_tokens(run.run, layer, answers),
                strict=True,
            ):
                np.testing.assert_array_equal(one, two)
    assert not other.damaged(run.run)
    kept = {path.name for path in (other.cache / "runs" / run.run).iterdir()}
    assert kept == {"journal.jsonl", "lock", POINTER}


def test_a_run_whose_states_are_in_a_bucket_is_the_run_that_has_them_in_its_folder(
    here, folder, bucket, monkeypatch
):
    asked, mine = here
    monkeypatch.setenv(VARIABLE, f"{URL}/")
    assert main([*asked, "--cache", str(folder)]) == 0
    check_alike(mine, RunStore(folder))
    run = only_run(mine)
    at = RunStore(folder).url_of_states(run.run)
    assert at.startswith(f"{URL}/{run.run}-")
    monkeypatch.setenv(VARIABLE, "s3://bucket/other")
    assert main([*asked, "--cache", str(folder)]) == 0, "a run that is there stays where it is"
    assert RunStore(folder).url_of_states(run.run) == at and not bucket.files.exists("bucket/other")
    np.testing.assert_array_equal(
        zarr.open_array(f"{at}/states/prompt", mode="r")[:],
        zarr.open_array(mine.states(run.run).folder / "prompt", mode="r")[:],
    )


def test_a_layer_is_fetched_without_the_others(there, monkeypatch):
    asked, call = [], s3fs.S3FileSystem._call_s3

    async def counted(self, method, *more, **named):
        asked.append((method, named.get("Key", "").partition(f"{at}/")[2]))
        return await call(self, method, *more, **named)

    run = only_run(there)
    at = there.url_of_states(run.run).removeprefix("s3://bucket/")
    each = zarr.open_array(f"s3://bucket/{at}/states/prompt", mode="r").chunks[0]
    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", counted)
    there.layer(run.run, "prompt", 2, np.arange(run.answers))
    chunks = [f"states/prompt/c/{number}/2/0" for number in range(-(-run.answers // each))]
    assert len(chunks) > 1
    assert sorted(asked) == [("get_object", name) for name in (*chunks, "states/prompt/zarr.json")]
    del asked[:]
    there.layer(run.run, "prompt", 2, np.array([3]))
    assert sorted(asked) == [("get_object", name) for name in (chunks[0], "states/prompt/zarr.json")]


def test_what_a_cut_left_is_kept_and_the_rest_is_made_when_the_bucket_answers_again(
    choices, tiny, folder, bucket, capsys
):
    settings = HarvestSettings.from_dict(only_run(choices).settings)
    loaded = load_model(settings.model, folder)
    store = RunStore(folder, URL)
    prepared = prepare(settings, loaded, folder)

    def stop(state):
        if state.made:
            bucket.stop()

    with pytest.raises(StatesOutOfReach, match="cannot be reached"):
        harvest(prepared, loaded, store, progress=stop)
    kept = store.done(prepared.run)
    assert 0 < len(kept) < only_run(choices).planned
    assert not sound(folder)
    assert "cannot be checked" in capsys.readouterr().out
    assert not sound(folder, "--repair")
    assert store.done(prepared.run) == kept, "what is out of reach is not taken for damaged"
    with pytest.raises(StatesOutOfReach):
        harvest(prepared, loaded, store)
    bucket.start()
    assert not store.damaged(prepared.run), "an answer is committed when its states are there"
    made = harvest(prepared, loaded, store)
    assert made.complete and made.made == made.answers - len(kept)
    check_alike(choices, store)


def test_what_is_lost_or_changed_in_the_bucket_is_found_and_made_again(choices, there, tiny, bucket, capsys):
    run = only_run(there)
    at = there.url_of_states(run.run).removeprefix("s3://")
    flipped = bytearray(bucket.files.cat_file(f"{at}/states/prompt/c/1/1/0"))
    flipped[7] ^= 1
    bucket.files.pipe_file(f"{at}/states/prompt/c/1/1/0", bytes(flipped))
    bucket.files.rm_file(f"{at}/states/choice_1/c/0/2/0")
    for refused, why in (("prompt", "is changed"), ("choice_1", "is missing")):
        with pytest.raises(StoreError, match=why):
            there.layer(run.run, refused, 1 if refused == "prompt" else 2, np.arange(run.answers))
    assert not sound(there.cache)
    told = capsys.readouterr().out
    assert "prompt, layer 1" in told and "choice_1, layer 2" in told
    assert sound(there.cache, "--repair")
    assert 0 < len(there.done(run.run)) < run.planned
    assert main([*CHOICES, "--model", str(tiny), "--cache", str(there.cache)]) == 0
    check_alike(choices, there)


def test_a_position_that_is_gone_is_made_again_and_a_run_that_is_gone_is_left_to_its_person(
    choices, there, tiny, bucket, capsys
):
    run = only_run(there)
    at = there.url_of_states(run.run).removeprefix("s3://")
    bucket.files.rm(f"{at}/states/choice_0", recursive=True)
    assert sound(there.cache, "--repair")
    assert main([*CHOICES, "--model", str(tiny), "--cache", str(there.cache)]) == 0
    check_alike(choices, there)
    bucket.files.rm(at, recursive=True)
    capsys.readouterr()
    assert not sound(there.cache, "--repair")
    assert f"nothing is at s3://{at}" in capsys.readouterr().out and there.runs()


def test_states_of_a_deleted_run_stay_until_the_trash_is_emptied(choices, there, tiny, bucket, capsys):
    run, cache = only_run(there).run, ["--cache", str(there.cache)]
    first = there.url_of_states(run).removeprefix("s3://")
    assert main(["runs", "delete", run, *cache]) == 0 and bucket.files.exists(first)
    assert main(["runs", "restore", run, *cache]) == 0
    check_alike(choices, there)
    assert main(["runs", "delete", run, *cache]) == 0
    assert main([*CHOICES, "--model", str(tiny), *cache, "--states-at", URL]) == 0
    held = bucket.files.du(first)
    capsys.readouterr()
    assert main(["runs", "empty-trash", "--json", *cache]) == 0
    assert json.loads(capsys.readouterr().out)["freed"] > held > 100_000
    assert not bucket.files.exists(first)
    check_alike(choices, there)


def test_shards_in_a_bucket_are_merged_into_a_bucket(choices, tiny, folder, bucket, monkeypatch):
    monkeypatch.setenv(VARIABLE, URL)
    for part in ("1/2", "2/2"):
        assert main([*CHOICES, "--model", str(tiny), "--cache", str(folder), "--shard", part]) == 0
    assert main(["runs", "merge", "--cache", str(folder)]) == 0
    check_alike(choices, RunStore(folder))


def test_an_export_takes_states_out_of_the_bucket(choices, there, tmp_path):
    run = only_run(there).run
    for store, name in ((choices, "one.npy"), (there, "two.npy")):
        asked = ["export", run, "--layer", "1", "--file", str(tmp_path / name), "--cache", str(store.cache)]
        assert main(asked) == 0
    assert (tmp_path / "one.npy").read_bytes() == (tmp_path / "two.npy").read_bytes()


def test_a_file_url_is_a_folder_elsewhere(here, folder, tmp_path, capsys):
    asked, mine = here
    url = (tmp_path / "else where").as_uri()
    assert main([*asked, "--cache", str(folder), "--states-at", url]) == 0
    store = RunStore(folder)
    check_alike(mine, store)
    run = only_run(store).run
    [kept] = (tmp_path / "else where").iterdir()
    capsys.readouterr()
    assert main(["runs", "show", run, "--json", "--cache", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out)["states_at"] == f"{url}/{kept.name}"
    next((kept / "states/prompt/c/0").glob("0/0")).write_bytes(b"x")
    with pytest.raises(StoreError, match=r"layer 0 of answers 0 to \d+ is cut short"):
        store.layer(run, "prompt", 0, np.array([0]))
    store.delete(run)
    assert main(["runs", "empty-trash", "--cache", str(folder)]) == 0 and not kept.exists()


def test_what_cannot_be_is_refused_in_a_sentence(choices, there, tiny, bucket, monkeypatch, capsys):
    asked = [*CHOICES, "--model", str(tiny), "--cache", str(there.cache)]
    for url, why in (
        ("s3://me:hidden-secret@bucket/x", "by the environment"),
        ("s3://bucket/x?key=hidden-secret", "no place for states"),
        ("http://somewhere/x", "no place for states"),
        ("simplecache::s3://bucket", "no place for states"),
        ("file://here", "no whole path"),
        ("s3://bucket/../x", "no whole path"),
        ("", "no place for states"),
        ("s3://bucket/other", "has its states at s3://bucket/some/where"),
    ):
        capsys.readouterr()
        assert main([*asked, "--states-at", url]) == 2, url
        out, told = capsys.readouterr()
        assert not out and why in told.splitlines()[-1] and "hidden-secret" not in told
    there.delete(only_run(there).run)
    assert main([*asked, "--states-at", "s3://no-such-bucket/x"]) == 2
    assert "no-such-bucket" in capsys.readouterr().err
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    s3fs.S3FileSystem.clear_instance_cache()
    there.delete(only_run(there).run)
    assert main([*asked, "--states-at", URL]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("telltale: ") and "denies access" in said and "hidden-secret" not in said
    with pytest.raises(StoreError, match="no place for states"):
        checked_url("memory://x")


def test_a_pointer_that_makes_no_sense_is_refused(there, capsys):
    run = only_run(there).run
    (there.cache / "runs" / run / POINTER).write_text("ftp://elsewhere/x")
    with pytest.raises(StoreError, match=f"{POINTER} of run {run} cannot be read"):
        there.states(run)
    assert not sound(there.cache, "--repair") and there.run(run).answers
    assert f"{POINTER} of run {run} cannot be read" in capsys.readouterr().out
