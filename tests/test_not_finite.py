"""A model that gives NaN or infinity for some prompts: those answers are marked, counted and left out."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from core.answers import boundary_ids, make_reader
from core.cli import main
from core.data.sources import DataSettings
from core.engine.decoding import Decoding
from core.engine.generate import Emitted, generate_batch
from core.engine.harvest import prepare
from core.engine.settings import HarvestSettings
from core.labels_of_run import labelled
from core.models.catalog import ModelSettings
from core.models.loading import load_model
from core.probes.of_run import probe_run
from core.probes.rows import ProbeSettings
from core.projection import ProjectionSettings, project_run
from core.prompts.templates import OPEN_TEMPLATE
from core.store.runs import RunStore
from tests.conftest import beside

POISON = "movie"
SINGLE, SEVERAL = ("negative", "positive"), ("quite unfavourable", "rather favourable")
ASKED = ("harvest", "--data", "movie-reviews", "--n", "80", "--calibration", "none")


@pytest.fixture(scope="module")
def loaded(cache, tiny):
    return load_model(ModelSettings(str(tiny)), cache)


def poisoned(tiny, folder, value):
    """The tiny model with one token's embedding spoilt; the ids of that token."""
    shutil.copytree(tiny, folder)
    weights = load_file(folder / "model.safetensors")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = {number for text in (POISON, f" {POISON}") for number in tokenizer(text).input_ids}
    [name] = [name for name in weights if name.endswith("embed_tokens.weight")]
    weights[name][list(ids)] = value
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return ids


@pytest.fixture(scope="module", params=["nan", "inf"])
def spoilt(request, cache, tiny, tmp_path_factory):
    """A cache with a run of the spoilt model and one of the sound model, on the same questions."""
    folder = beside(cache, tmp_path_factory.mktemp("not-finite"))
    poisoned(tiny, folder / "poisoned", float(request.param))
    runs = []
    for model in (folder / "poisoned", tiny):
        assert main([*ASKED, "--model", str(model), "--cache", str(folder)]) == 0
        [newest, *_] = RunStore(folder).runs()
        runs.append(newest.run)
    return RunStore(folder), *runs


def test_answers_are_marked_and_their_neighbours_are_as_the_sound_model_gives_them(spoilt):
    store, run, sound = spoilt
    frame, plain = store.answers(run, heavy=True), store.answers(sound, heavy=True)
    holds = frame["text"].str.contains(rf"\b{POISON}\b", regex=True)
    marked = frame["not_finite"]
    assert holds.any() and marked[holds].all() and not marked.all()
    assert list(store.not_finite(run)) == list(frame.loc[marked, "answer"]) and not len(
        store.not_finite(sound)
    )
    assert frame.loc[marked, "said"].isna().all() and frame.loc[marked, "p_0"].isna().all()
    same = ["answer", "generated", "ids", "said", "leans", "prompt_tokens"]
    mine, theirs = (found.loc[~marked, same].reset_index(drop=True) for found in (frame, plain))
    pd.testing.assert_frame_equal(mine, theirs, check_dtype=False)
    rows = frame.loc[~marked, "answer"].to_numpy()
    for layer in (0, 3):
        mine, theirs = store.layer(run, "prompt", layer, rows), store.layer(sound, "prompt", layer, rows)
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)


def test_they_are_shown_as_such_and_left_out_of_rates_probes_and_projections(spoilt, capsys):
    store, run, _ = spoilt
    frame = labelled(store, run)
    marked = frame["not_finite"]
    assert (frame.loc[marked, "verdict"] == "not finite").all()
    assert frame.loc[marked, "flag"].str.startswith("not finite").all()
    assert (
        frame.loc[marked, "dropped"].all()
        and labelled(store, run, test_pruned=False)["dropped"].sum() == marked.sum()
    )
    capsys.readouterr()
    assert main(["runs", "show", run, "--json", "--cache", str(store.cache)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["not_finite"] == marked.sum() and shown["honest"]["n"] == int(
        (~marked & (frame["mode"] == "honest")).sum()
    )
    report = probe_run(store, run, ProbeSettings(permutations=0))
    assert not set(report.predictions["answer"]) & set(frame.loc[marked, "answer"])
    assert np.isfinite([layer.test.auroc for layer in report.layers]).all()
    made = project_run(store, run, ProjectionSettings(method="pca"))
    assert len(made.answers) == int((~marked).sum()) and np.isfinite(made.coordinates).all()


@pytest.mark.parametrize("choices", [SINGLE, SEVERAL], ids=["a later token", "a spelling"])
def test_an_answer_is_marked_for_whatever_follows_its_prompt_too(loaded, monkeypatch, choices):
    reader, calls, forward = make_reader(loaded.tokenizer, choices), [], loaded.model.forward
    assert reader.single == (choices is SINGLE)

    def spoil(*arguments, **named):
        output = forward(*arguments, **named)
        if len(calls) == 1:
            output.logits[1] = float("nan")
        calls.append(named)
        return output

    prompts = [tuple(loaded.tokenizer(text).input_ids) for text in ("One of two", "Two of two")]
    boundary = None if reader.single else boundary_ids(loaded.tokenizer)
    asked = (loaded, prompts, reader, Decoding(3))
    sound = generate_batch(*asked, boundary=boundary)
    monkeypatch.setattr(loaded.model, "forward", spoil)
    kept, marked = generate_batch(*asked, boundary=boundary)
    assert all(answer.finite for answer in sound) and kept.finite and kept.ids == sound[0].ids
    assert not marked.finite and marked.said.choice is None


def test_an_open_answer_that_is_not_finite_names_nothing(cache, tiny, loaded):
    settings = HarvestSettings(DataSettings("open-numbers", n=2), OPEN_TEMPLATE, ModelSettings(str(tiny)))
    prepared = prepare(settings, loaded, cache)
    [item, *_] = next(prepared.plan.blocks()).items
    right = tuple(loaded.tokenizer(prepared.plan.questions[item.question].accepted[0]).input_ids)
    steps = np.zeros((len(right) + 1, loaded.layers, loaded.d_model), dtype=np.float32)
    worker = prepared.worker(loaded, 512)
    for finite, outcome in ((True, "right"), (False, "unreadable")):
        read = worker._read(item.question, Emitted(right, right, "", (), steps, finite=finite)).read
        assert read.outcome == outcome and (read.named is None) == (not finite)


def test_a_model_that_gives_nothing_finite_is_refused_where_it_is_calibrated(cache, tiny, tmp_path, capsys):
    folder = beside(cache, tmp_path)
    shutil.copytree(tiny, folder / "broken")
    weights = load_file(folder / "broken/model.safetensors")
    [norm] = [name for name in weights if name.endswith("model.norm.weight")]
    weights[norm] = torch.full_like(weights[norm], float("nan"))
    save_file(weights, folder / "broken/model.safetensors", metadata={"format": "pt"})
    asked = ["harvest", "--data", "movie-reviews", "--n", "8", "--model", str(folder / "broken")]
    assert main([*asked, "--cache", str(folder)]) == 2
    assert "NaN or infinity" in capsys.readouterr().err
    assert main([*asked, "--calibration", "none", "--cache", str(folder)]) == 0
    run = RunStore(folder).runs()[0]
    assert len(RunStore(folder).not_finite(run.run)) == run.answers == 16
