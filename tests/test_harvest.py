"""The promise that others break: states and answers depend on neither batch, neighbours, nor prefix."""

import numpy as np
import pytest
import torch

from core.answers import boundary_ids, make_reader
from core.data.reviews import balanced_sample, load_reviews
from core.data.sources import DataSettings
from core.engine.decoding import Decoding
from core.engine.generate import generate_batch
from core.engine.harvest import harvest, prepare
from core.engine.prefix import compute_prefix, shared_length
from core.engine.settings import HarvestSettings
from core.errors import StoreError, TemplateError
from core.models.catalog import ModelSettings
from core.models.loading import load_model
from core.prompts.chat import chat_format, render
from core.prompts.templates import BUILT_IN
from core.store.runs import RunStore

POSITIONS = ("prompt", "before", "answer", "mean")
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def loaded(cache):
    return load_model(ModelSettings(), cache)


@pytest.fixture(scope="module")
def prompts(cache, loaded):
    questions = balanced_sample(load_reviews(cache, "movie-reviews"), 32, seed=5)
    form = chat_format(loaded.tokenizer)
    return [render(loaded.tokenizer, BUILT_IN["review"], q, mode="lie", form=form).ids for q in questions]


@pytest.fixture(scope="module")
def reader(loaded):
    return make_reader(loaded.tokenizer, ("Negative", "Positive"))


def distance(first, second):
    return float(np.linalg.norm(first - second) / np.linalg.norm(second))


def same(first, second):
    assert first.ids == second.ids
    assert first.spelling_probabilities == pytest.approx(second.spelling_probabilities, rel=1e-3, abs=1e-7)
    for position in POSITIONS:
        a, b = first.states[position], second.states[position]
        assert np.isnan(a).all() == np.isnan(b).all()
        if not np.isnan(a).all():
            assert max(distance(x, y) for x, y in zip(a, b, strict=True)) < TOLERANCE


def test_alone_in_a_batch_with_and_without_shared_prefix(loaded, prompts, reader):
    decoding = Decoding(max_new_tokens=4)
    alone = [generate_batch(loaded, [p], reader, decoding, positions=POSITIONS)[0] for p in prompts[:6]]
    batch = generate_batch(loaded, prompts, reader, decoding, positions=POSITIONS)
    length = shared_length(prompts)
    assert length > 10
    prefix = compute_prefix(loaded, prompts[0][:length])
    assert prefix.length == length
    shared = generate_batch(loaded, prompts, reader, decoding, prefix=prefix, positions=POSITIONS)
    for one, padded, cached in zip(alone, batch, shared, strict=False):
        same(padded, one)
        same(cached, one)


def test_forward_agrees_with_generate_of_transformers(loaded, prompts, reader):
    ours = generate_batch(loaded, prompts[:3], reader, Decoding(max_new_tokens=4, stop=()))
    for prompt, answer in zip(prompts, ours, strict=False):
        with torch.inference_mode():
            theirs = loaded.model.generate(
                torch.tensor([prompt]),
                attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
                max_new_tokens=4,
                do_sample=False,
                output_hidden_states=True,
                return_dict_in_generate=True,
            )
        assert tuple(theirs.sequences[0, len(prompt) :].tolist())[: len(answer.ids)] == answer.ids
        for layer in range(loaded.layers - 1):  # transformers gives its last layer after the final norm
            hidden = theirs.hidden_states[0][layer][0, -1].numpy()
            assert distance(answer.states["prompt"][layer], hidden) < TOLERANCE


def test_positions_are_those_of_one_forward_over_prompt_and_answer(loaded, prompts, reader):
    answers = generate_batch(loaded, prompts, reader, Decoding(max_new_tokens=6), positions=POSITIONS)
    index = next(i for i, a in enumerate(answers) if a.said.choice is not None)
    answer, prompt = answers[index], prompts[index]
    ends = {loaded.tokenizer.eos_token_id}
    content = [number for number in answer.ids if number not in ends]
    with torch.inference_mode():
        hidden = loaded.model(torch.tensor([[*prompt, *content]]), output_hidden_states=True).hidden_states
    last = len(prompt) - 1
    for layer in (0, 7, 20, 29):
        h = hidden[layer][0].numpy()
        assert distance(answer.states["prompt"][layer], h[last]) < TOLERANCE
        assert distance(answer.states["before"][layer], h[last + answer.said.start]) < TOLERANCE
        assert distance(answer.states["answer"][layer], h[last + answer.said.end]) < TOLERANCE
        assert distance(answer.states["mean"][layer], h[last + 1 :].mean(axis=0)) < TOLERANCE


def test_choices_of_several_tokens_are_scored_as_sequences(loaded, prompts):
    reader = make_reader(loaded.tokenizer, ("Unfavourable", "Favourable"))
    boundary = boundary_ids(loaded.tokenizer)
    answer = generate_batch(loaded, prompts[:4], reader, Decoding(max_new_tokens=1), boundary=boundary)[0]
    spelling = next(i for i, s in enumerate(reader.spellings) if len(s.ids) > 1)
    ids = reader.spellings[spelling].ids
    with torch.inference_mode():
        logits = loaded.model(torch.tensor([[*prompts[0], *ids]])).logits[0].double().log_softmax(-1)
    start = len(prompts[0]) - 1
    expected = sum(logits[start + i, number] for i, number in enumerate(ids))
    expected += logits[start + len(ids), boundary].logsumexp(-1)
    assert answer.spelling_probabilities[spelling] == pytest.approx(float(expected.exp()), rel=1e-3)


def test_sampling_depends_on_the_key_and_not_on_the_batch(loaded, prompts, reader):
    decoding = Decoding(max_new_tokens=3, temperature=1.0, seed=1)
    together = generate_batch(loaded, prompts[:4], reader, decoding, keys=["a", "b", "c", "d"])
    alone = generate_batch(loaded, prompts[2:3], reader, decoding, keys=["c"])
    assert together[2].ids == alone[0].ids


def settings(**changes):
    values = {"data": DataSettings("movie-reviews", n=40), "template": BUILT_IN["review"]}
    return HarvestSettings(**(values | changes))


def test_settings_come_back_from_json():
    made = settings(shots=2, orders=(0, 1))
    assert HarvestSettings.from_dict(made.to_dict()) == made


def test_a_cancelled_harvest_goes_on_where_it_stopped(cache, loaded, tmp_path):
    whole = RunStore(tmp_path)
    prepared = prepare(settings(), loaded, cache)
    calls = iter([False, True])
    first = harvest(prepared, loaded, whole, cancelled=lambda: next(calls, True))
    assert not first.complete and 0 < first.answers < 80
    assert whole.run(first.run).state == "interrupted"
    second = harvest(prepare(settings(), loaded, cache), loaded, whole)
    assert second.complete and second.resumed and second.run == first.run
    assert second.made == 80 - first.answers
    found = harvest(prepare(settings(), loaded, cache), loaded, whole)
    assert found.made == 0 and found.complete
    (tmp_path / "other").mkdir()
    other = RunStore(tmp_path / "other")
    harvest(prepared, loaded, other)
    a, b = whole.answers(first.run), other.answers(first.run)
    assert a.drop(columns=["p_0", "p_1", "outside"]).equals(b.drop(columns=["p_0", "p_1", "outside"]))
    rows = a["answer"].to_numpy()
    states = whole.layer(first.run, "prompt", 16, rows)
    assert np.allclose(states, other.layer(first.run, "prompt", 16, rows), rtol=1e-4)
    assert not np.isnan(states).any()
    with whole.writing(first.run):
        with pytest.raises(StoreError, match="another job"):
            harvest(prepared, loaded, whole)
        assert whole.run(first.run).state == "complete"


def test_a_question_that_does_not_fit_is_refused_before_anything_runs(cache, loaded):
    with pytest.raises(TemplateError, match="--form claim"):
        prepare(settings(template=BUILT_IN["true-false"]), loaded, cache)
