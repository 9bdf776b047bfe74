"""Answers in batches with a shared prefix are those that each prompt gets by itself."""

import pytest

from core.answers import boundary_ids, make_reader
from core.data.question import Question
from core.engine import answer_prompts as module
from core.engine.answer_prompts import answer_prompts
from core.engine.decoding import Decoding
from core.engine.generate import generate_batch
from core.models.catalog import ModelSettings
from core.models.loading import load_model
from core.prompts.chat import chat_format, render
from core.prompts.templates import BUILT_IN


@pytest.fixture(scope="module")
def loaded(cache, tiny):
    return load_model(ModelSettings(str(tiny)), cache)


@pytest.fixture(scope="module")
def prompts(loaded):
    """40 prompts of 20 lengths, the longest first, under one instruction."""
    asked = [
        Question(
            f"q{n}", f"Film {n}. " * (1 + (39 - n) // 2), n % 2, ("Negative", "Positive"), "made", f"g{n}"
        )
        for n in range(40)
    ]
    form = chat_format(loaded.tokenizer)
    return [
        render(loaded.tokenizer, BUILT_IN["review"], question, mode="lie", form=form).ids
        for question in asked
    ]


@pytest.mark.parametrize("choices", [("Negative", "Positive"), ("rather dull", "most delightful")])
@pytest.mark.parametrize("temperature", [0.0, 3.0])
def test_each_answer_is_the_one_that_its_prompt_gets_alone(loaded, prompts, choices, temperature):
    reader = make_reader(loaded.tokenizer, choices)
    boundary = None if reader.single else boundary_ids(loaded.tokenizer)
    decoding = Decoding(max_new_tokens=3, temperature=temperature, seed=4)
    keys = [f"q{number}" for number in range(len(prompts))]
    found = {}
    batches = 0
    for places, made in answer_prompts(loaded, prompts, reader, decoding, boundary=boundary, keys=keys):
        batches += 1
        found |= dict(zip(places, made, strict=True))
    assert sorted(found) == list(range(len(prompts))) and 1 < batches < len(prompts)
    for place, prompt in enumerate(prompts):
        (alone,) = generate_batch(
            loaded, [prompt], reader, decoding, boundary=boundary, keys=[keys[place]], positions=()
        )
        assert found[place].ids == alone.ids and found[place].said == alone.said
        assert found[place].spelling_probabilities == pytest.approx(alone.spelling_probabilities, rel=1e-3)
    assert len({answer.ids for answer in found.values()}) > 1


def test_the_shared_prefix_goes_through_the_model_once(loaded, prompts, monkeypatch):
    lengths = []
    whole = module.compute_prefix

    def counted(model, ids):
        lengths.append(len(ids))
        return whole(model, ids)

    monkeypatch.setattr(module, "compute_prefix", counted)
    reader = make_reader(loaded.tokenizer, ("Negative", "Positive"))
    list(answer_prompts(loaded, prompts, reader, Decoding(max_new_tokens=1)))
    (length,) = lengths
    assert length > 10 and all(prompt[:length] == prompts[0][:length] for prompt in prompts)


def test_one_prompt_and_none(loaded, prompts):
    reader = make_reader(loaded.tokenizer, ("Negative", "Positive"))
    assert list(answer_prompts(loaded, [], reader, Decoding())) == []
    ((places, (made,)),) = answer_prompts(loaded, prompts[:1], reader, Decoding(max_new_tokens=2))
    assert places == [0] and len(made.ids) <= 2
