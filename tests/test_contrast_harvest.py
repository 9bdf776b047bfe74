"""Both continuations of every prompt: their states are those of a plain forward, kept like others."""

import json
from itertools import count

import numpy as np
import pytest
import torch

from core.answers import boundary_ids, make_reader
from core.cli import main
from core.data.reviews import balanced_sample, load_reviews
from core.data.sources import DataSettings
from core.engine.decoding import Decoding
from core.engine.generate import generate_batch
from core.engine.harvest import harvest, prepare
from core.engine.prefix import compute_prefix, shared_length
from core.engine.settings import HarvestSettings
from core.errors import StoreError, TemplateError
from core.models.catalog import ModelSettings
from core.models.embedded import EMBEDDED_ID
from core.models.loading import load_model
from core.prompts.chat import chat_format, render
from core.prompts.continuations import continuations
from core.prompts.templates import BUILT_IN, OPEN_TEMPLATE, Template
from core.store.runs import RunStore
from core.store.states import CONTINUATIONS
from tests.conftest import beside

TOLERANCE = 1e-4
LONG = Template("long", BUILT_IN["review"].body, ("Unfavourable", "Favourable"))


def settings(folder, **changes):
    values = {
        "data": DataSettings("movie-reviews", n=40),
        "template": BUILT_IN["review"],
        "model": ModelSettings(str(folder)),
        "contrast": True,
    }
    return HarvestSettings(**(values | changes))


@pytest.fixture(scope="module")
def loaded(cache, tiny):
    return load_model(ModelSettings(str(tiny)), cache)


def prompts_of(cache, model, template, n=5, **form):
    questions = balanced_sample(load_reviews(cache, "movie-reviews"), n, seed=5)
    made = chat_format(model.tokenizer, **form)
    return [render(model.tokenizer, template, q, mode="lie", form=made) for q in questions], made


def by_a_plain_forward(model, ids):
    """The last token's state at each layer but the last, which transformers gives after the final norm."""
    with torch.inference_mode():
        hidden = model.model(torch.tensor([ids]), output_hidden_states=True).hidden_states
    return np.stack([layer[0, -1].float().numpy() for layer in hidden[:-1]])


def by_hooks(model, ids):
    """The last block's output at the last token of a plain forward."""
    kept = []
    hook = model.blocks[-1].register_forward_hook(
        lambda _module, _args, output: kept.append(output[0] if isinstance(output, tuple) else output)
    )
    with torch.inference_mode():
        model.model(torch.tensor([ids]))
    hook.remove()
    return kept[0][0, -1].float().numpy()


def equal_to_plain_forwards(model, cache, template, n, shared, new_tokens=4, **form):
    prompts, made = prompts_of(cache, model, template, n, **form)
    choices = continuations(model.tokenizer, template, prompts[0], made)
    ids = [prompt.ids for prompt in prompts]
    reader = make_reader(model.tokenizer, template.choices)
    answers = generate_batch(
        model,
        ids,
        reader,
        Decoding(new_tokens),
        prefix=compute_prefix(model, ids[0][: shared_length(ids)] if shared else ()),
        boundary=None if reader.single else boundary_ids(model.tokenizer),
        continuations=choices,
    )
    for prompt, answer in zip(ids, answers, strict=True):
        assert list(answer.states) == ["prompt", *CONTINUATIONS]
        for name, choice in zip(CONTINUATIONS, choices, strict=True):
            found, whole = answer.states[name], [*prompt, *choice]
            plain = np.vstack([by_a_plain_forward(model, whole), by_hooks(model, whole)])
            apart = np.linalg.norm(found - plain, axis=1) / np.linalg.norm(plain, axis=1)
            assert found.shape == (model.layers, model.d_model) and apart.max() < TOLERANCE
    return choices


@pytest.mark.parametrize("template", [BUILT_IN["review"], LONG])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("form", [{}, {"chat": False}])
def test_the_states_of_both_continuations_are_those_of_a_plain_forward(cache, loaded, template, shared, form):
    choices = equal_to_plain_forwards(loaded, cache, template, 5, shared, **form)
    several = template is LONG
    assert all((len(choice) > 1) == several for choice in choices)
    spaced = loaded.tokenizer.decode(choices[1])[0] == " "
    assert spaced == (form == {"chat": False})


def test_one_new_token_leaves_them_as_they_are(cache, loaded):
    equal_to_plain_forwards(loaded, cache, BUILT_IN["review"], 3, shared=False, new_tokens=1)


def test_they_are_those_of_the_embedded_model_too(cache):
    equal_to_plain_forwards(
        load_model(ModelSettings(EMBEDDED_ID), cache), cache, BUILT_IN["review"], 2, shared=True
    )


def test_what_is_generated_and_read_does_not_change(cache, loaded):
    prompts, form = prompts_of(cache, loaded, LONG)
    reader = make_reader(loaded.tokenizer, LONG.choices)
    choices = continuations(loaded.tokenizer, LONG, prompts[0], form)
    ids, boundary = [prompt.ids for prompt in prompts], boundary_ids(loaded.tokenizer)
    positions = ("prompt", "before", "answer", "mean")
    without, beside_them = (
        generate_batch(
            loaded, ids, reader, Decoding(4), positions=positions, boundary=boundary, continuations=more
        )
        for more in ((), choices)
    )
    for one, other in zip(without, beside_them, strict=True):
        assert one.ids == other.ids and one.spelling_probabilities == other.spelling_probabilities
        assert all(
            np.array_equal(one.states[position], other.states[position], equal_nan=True)
            for position in positions
        )


def test_the_prompt_is_read_once_for_both(cache, loaded, monkeypatch):
    prompts, form = prompts_of(cache, loaded, BUILT_IN["review"])
    read = []
    real = loaded.model.forward

    def spy(*args, **more):
        read.append(more["input_ids"].shape[1])
        return real(*args, **more)

    monkeypatch.setattr(loaded.model, "forward", spy)
    choices = continuations(loaded.tokenizer, BUILT_IN["review"], prompts[0], form)
    reader = make_reader(loaded.tokenizer, BUILT_IN["review"].choices)
    generate_batch(loaded, [prompt.ids for prompt in prompts], reader, Decoding(1), continuations=choices)
    assert read == [max(len(prompt.ids) for prompt in prompts), 1, 1]


def test_they_are_written_as_the_model_writes_a_choice(cache, loaded):
    prefixed = Template("prefixed", BUILT_IN["review"].body, ("Negative", "Positive"), "Verdict:")
    for template, form, written in (
        (BUILT_IN["review"], {}, ["Negative", "Positive"]),
        (BUILT_IN["review"], {"chat": False}, [" Negative", " Positive"]),
        (prefixed, {}, [" Negative", " Positive"]),
    ):
        prompts, made = prompts_of(cache, loaded, template, 4, **form)
        found = [continuations(loaded.tokenizer, template, prompt, made) for prompt in prompts]
        assert len(set(found)) == 1
        assert [loaded.tokenizer.decode(ids) for ids in found[0]] == written


@pytest.fixture(scope="module")
def harvested(cache, tiny, loaded, tmp_path_factory):
    store = RunStore(beside(cache, tmp_path_factory.mktemp("contrast")))
    prepared = prepare(settings(tiny), loaded, store.cache)
    return store, harvest(prepared, loaded, store).run, prepared


def test_a_run_keeps_them_and_does_not_offer_them_as_positions(harvested, loaded):
    store, run, prepared = harvested
    states = store.states(run)
    assert states.contrast and states.positions() == ("prompt", "before", "answer", "mean")
    block = next(prepared.plan.blocks())
    item = block.items[3]
    for name, choice in zip(CONTINUATIONS, prepared.plan.continuations, strict=True):
        plain = by_a_plain_forward(loaded, [*item.prompt.ids, *choice])
        for layer, expected in enumerate(plain):
            (found,) = store.layer(run, name, layer, np.array([item.row]))
            assert np.linalg.norm(found - expected) < TOLERANCE * np.linalg.norm(expected)
        whole = store.layer(run, name, 2, store.answers(run)["answer"].to_numpy())
        assert not np.isnan(whole).any()
    told = store.run(run).facts["continuations"]
    assert [entry["text"] for entry in told] == ["Negative", "Positive"]
    with pytest.raises(StoreError, match="choose prompt, before, answer, mean"):
        store.layer(run, "choice_2", 0, np.array([0]))


def test_a_cancelled_harvest_of_both_goes_on_where_it_stopped(cache, tiny, loaded, harvested, tmp_path):
    whole, run, prepared = harvested
    store, calls = RunStore(beside(cache, tmp_path)), count()
    first = harvest(prepared, loaded, store, cancelled=lambda: next(calls) > 0)
    assert 0 < first.answers < 80 and first.run == run
    rows = store.answers(run)["answer"].to_numpy()
    assert not np.isnan(store.layer(run, "choice_1", 1, rows)).any()
    assert harvest(prepare(settings(tiny), loaded, cache), loaded, store).complete
    rows = whole.answers(run)["answer"].to_numpy()
    for name in CONTINUATIONS:
        one, other = store.layer(run, name, 1, rows), whole.layer(run, name, 1, rows)
        assert np.allclose(one, other, rtol=1e-4, atol=1e-6) and not np.isnan(one).any()


def test_a_full_disk_loses_no_committed_answer(cache, tiny, loaded, harvested, tmp_path, monkeypatch):
    from core.store.states import StateArrays

    _, run, prepared = harvested
    store, real, written = RunStore(beside(cache, tmp_path)), StateArrays.write, count()

    def full(self, position, first_row, states):
        if position == "choice_1" and next(written) > 0:
            raise StoreError("states cannot be written: no space left on device; nothing before is lost")
        real(self, position, first_row, states)

    monkeypatch.setattr(StateArrays, "write", full)
    with pytest.raises(StoreError, match="no space left"):
        harvest(prepared, loaded, store)
    rows = store.answers(run)["answer"].to_numpy()
    assert 0 < len(rows) < 80
    for name in CONTINUATIONS:
        assert not np.isnan(store.layer(run, name, 0, rows)).any()


def test_runs_from_before_keep_their_id_and_others_have_another(tiny):
    plain = settings(tiny, contrast=False)
    assert settings(tiny).run_id("q", "m") != plain.run_id("q", "m")
    old = plain.to_dict()
    del old["contrast"]
    assert HarvestSettings.from_dict(old) == plain
    assert HarvestSettings.from_dict(settings(tiny).to_dict()) == settings(tiny)


def test_each_sample_of_a_prompt_keeps_the_same_ones(cache, tiny, loaded, tmp_path):
    store = RunStore(beside(cache, tmp_path))
    sampled = settings(
        tiny, data=DataSettings("movie-reviews", n=4), decoding=Decoding(2, temperature=1.0), samples=3
    )
    run = harvest(prepare(sampled, loaded, store.cache), loaded, store).run
    frame = store.answers(run)
    for _, part in frame.groupby(["question", "mode"]):
        states = store.layer(run, "choice_0", 2, part["answer"].to_numpy())
        assert len(states) == 3 and np.allclose(states, states[0], rtol=1e-4, atol=1e-6)


def test_open_questions_have_no_two_choices(tiny):
    with pytest.raises(TemplateError, match="no two choices to continue a prompt with"):
        settings(tiny, data=DataSettings("open-cities", n=4), template=OPEN_TEMPLATE)


def test_the_command_harvests_them(cache, tiny, tmp_path, capsys):
    store = RunStore(beside(cache, tmp_path))
    asked = ["harvest", "--data", "movie-reviews", "--n", "4", "--mode", "honest", "--contrast"]
    assert main([*asked, "--model", str(tiny), "--json", "--cache", str(store.cache)]) == 0
    assert store.states(json.loads(capsys.readouterr().out)["run"]).contrast
