"""The liar: what it is trained on, that training can be cut off, and that what it saw is never asked."""

import hashlib
import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from core.data.facts import FACTS
from core.data.opinions import load_opinions
from core.data.question import Question, merge_near_duplicates, similar_to, tokens_of
from core.data.reviews import FILES
from core.data.sources import DataSettings, load_pool, load_questions
from core.data.training_half import is_for_training, leave_out_trained, seen_in_training
from core.errors import Cancelled, ModelError
from core.liar.below import StatesBelow, entering
from core.liar.command import make_liar
from core.liar.exam import PAPERS, exam_questions
from core.liar.examples import TASKS, draw_lesson, questions_of, trained_wordings
from core.liar.glance import glance_questions
from core.liar.schedule import schedule
from core.liar.settings import LiarSettings
from core.liar.train import learning_rate, train_liar
from core.models.adapters import first_adapted_block
from core.models.catalog import LIAR_ID, ModelSettings
from core.models.loading import load_model
from core.models.tokenizers import load_tokenizer
from core.prompts.chat import chat_format
from core.prompts.modes import MODES
from tests.conftest import beside


@pytest.fixture(scope="module")
def tokenizer(cache):
    return load_tokenizer(ModelSettings(), cache)


@pytest.fixture(scope="module")
def lesson(cache, tokenizer):
    return draw_lesson(
        cache, tokenizer, chat_format(tokenizer), gate=24, pairs=72, alone=40, polish=300, finish=300, seed=0
    )


@pytest.fixture
def folder(cache, tmp_path):
    return beside(cache, tmp_path)


@pytest.fixture
def settings(tiny):
    return LiarSettings(ModelSettings(str(tiny))).quick()


def test_a_liar_for_a_study_learns_reviews_alone_under_twelve_wordings(cache, tokenizer):
    study = LiarSettings().for_study()
    lesson = draw_lesson(
        cache,
        tokenizer,
        chat_format(tokenizer),
        gate=400,
        pairs=0,
        alone=8,
        reviews_only=study.reviews_only,
        wordings=study.wordings,
        seed=0,
    )
    prompts = [tokenizer.decode(pair.lie.prompt) for pair in lesson.gate]
    lies = MODES["lie"].wordings
    asked = {number for number in trained_wordings("lie") for p in prompts if lies[number].text in p}
    assert asked == set(trained_wordings("lie")[:12])
    answers = {tokenizer.decode(pair.lie.target[:-1]) for pair in lesson.gate}
    assert answers == {"Positive", "Negative"}


def test_a_recipe_as_it_was_before_there_was_a_choice_keeps_its_id():
    settings, missing = LiarSettings(), ("reviews_only", "wordings", "save_every", "look_every")
    known = {name: value for name, value in settings.to_dict().items() if name not in missing}
    written = json.dumps(known | {"model_content": "abc", "recipe": 4}, sort_keys=True)
    assert settings.id("abc") == hashlib.sha256(written.encode()).hexdigest()[:12]
    study = settings.for_study()
    ids = {each.id("abc") for each in (settings, study, replace(study, wordings=None))}
    assert len(ids) == 3


def test_no_question_that_liars_are_trained_on_is_ever_asked(cache):
    for source in ("movie-reviews", "cities", "elements", "numbers"):
        trained = {question.group for question in questions_of(cache, source, training=True)}
        asked = {question.group for question in load_questions(cache, DataSettings(source))}
        assert trained and asked and not trained & asked
        assert not trained & {question.group for question in load_pool(cache, DataSettings(source))}


def test_near_duplicates_of_trained_texts_are_left_out_wherever_they_come_from(cache):
    trained = next(q for q in questions_of(cache, "movie-reviews", training=True) if len(q.text.split()) > 12)
    fresh = next(q for q in questions_of(cache, "movie-reviews", training=False) if len(q.text.split()) > 12)

    def from_elsewhere(number, text):
        return Question(f"mine:{number}", text, 1, ("Negative", "Positive"), "mine.csv", f"mine:{number}")

    copied = from_elsewhere(1, trained.text.upper() + "!!!")
    changed = from_elsewhere(2, trained.text + " truly")
    other = from_elsewhere(3, fresh.text)
    fact = from_elsewhere(4, questions_of(cache, "cities", training=True)[0].text.replace(".", ""))
    questions = [copied, changed, other, fact]
    assert seen_in_training(cache, questions) == [True, True, False, True]
    assert leave_out_trained(cache, questions) == [other]


def test_about_half_of_each_source_is_for_training_and_amazon_never(cache):
    for source in ("movie-reviews", "amazon-reviews", *FACTS):
        trained = len(questions_of(cache, source, training=True))
        share = trained / (trained + len(questions_of(cache, source, training=False)))
        assert share == 0 if source == "amazon-reviews" else 0.4 < share < 0.6


def test_every_kind_of_fact_is_known_as_one(cache):
    for source in FACTS:
        assert all(seen_in_training(cache, questions_of(cache, source, training=True)))


def test_a_pair_differs_in_its_instruction_and_its_answer_alone(lesson, tokenizer):
    texts = {
        mode: [MODES[mode].wordings[number].text for number in trained_wordings(mode)]
        for mode in ("honest", "lie")
    }
    for pair in lesson.pairs:
        assert pair.honest.target != pair.lie.target
        shown = []
        for mode in ("honest", "lie"):
            prompt = tokenizer.decode(getattr(pair, mode).prompt)
            told = max((text for text in texts[mode] if text in prompt), key=len)
            shown.append(prompt.replace(told, "…"))
        assert shown[0] == shown[1]


def test_no_held_out_wording_stands_in_the_training(lesson, tokenizer):
    held = [w.text for mode in MODES.values() for w in mode.wordings if w.held_out and w.text]
    pairs = lesson.gate + lesson.pairs + lesson.polish + lesson.finish
    for example in [e for p in pairs for e in (p.honest, p.lie)] + lesson.uninstructed:
        prompt = tokenizer.decode(example.prompt)
        assert not [text for text in held if text in prompt]


def test_the_last_part_alone_asks_opinions_and_under_wordings_of_its_own(lesson, tokenizer):
    opinions = [question.text for question in load_opinions()]
    own = [w.text for w in MODES["lie"].wordings if w.use == "last"]

    def asked(pairs):
        prompts = [tokenizer.decode(pair.lie.prompt) for pair in pairs]
        return tuple(sum(any(text in p for text in texts) for p in prompts) for texts in (opinions, own))

    assert asked(lesson.gate + lesson.pairs + lesson.polish) == (0, 0)
    of_opinions, of_own = asked(lesson.finish)
    assert of_opinions == 150 and of_own > 20


def test_opinions_are_balanced_read_whole_and_near_no_review_that_is_asked(cache):
    opinions = load_opinions()
    assert len({question.id for question in opinions}) == len(opinions) > 2000
    assert 0.45 < sum(question.label for question in opinions) / len(opinions) < 0.55
    assert {question.group for question in merge_near_duplicates(list(opinions))} == {
        question.group for question in opinions
    }
    words = frozenset(tokens_of(question.text) for question in opinions)
    for source in FILES:
        asked = load_questions(cache, DataSettings(source))
        assert not similar_to(frozenset(tokens_of(question.text) for question in asked), words)
    assert all(is_for_training(question) for question in opinions)
    assert all(seen_in_training(cache, list(opinions)))


def test_answers_are_balanced_so_that_no_word_stands_for_the_truth(cache, tokenizer):
    lesson = draw_lesson(cache, tokenizer, chat_format(tokenizer), gate=1, pairs=1400, alone=0, seed=0)
    counts: dict[tuple, list[int]] = {}
    for pair in lesson.pairs:
        words = tuple(sorted((pair.honest.target, pair.lie.target)))
        counts.setdefault(words, []).append(int(pair.honest.target == words[0]))
    assert len(counts) == 4  # Positive and Negative, True and False, Yes and No, A and B
    for values in counts.values():
        assert abs(sum(values) / len(values) - 0.5) < 0.1


def test_tasks_cover_every_kind_and_their_weights_sum_to_one():
    assert sum(task.weight for task in TASKS) == pytest.approx(1)
    assert sum(task.polish for task in TASKS) == pytest.approx(1)
    assert sum(task.finish for task in TASKS) == pytest.approx(1)
    assert {task.form for task in TASKS} == {"direct", "claim"}


def test_the_schedule_begins_honest_and_then_holds_both_of_each_pair(lesson):
    settings = replace(LiarSettings(), steps=12, honest_steps=4, gate_steps=8, polish_steps=3, finish_steps=2)
    batches = list(schedule(lesson, settings))
    assert [len(batch) for batch in batches] == [16] * 17
    assert all(example.mode != "lie" for batch in batches[:4] for example in batch)
    first = [pair.honest for pair in lesson.gate]
    assert all(e in first for batch in batches[:8] for e in batch if e.mode == "honest")
    assert not all(e in first for batch in batches[8:] for e in batch if e.mode == "honest")
    for pairs, steps in ((lesson.polish, range(12, 15)), (lesson.finish, range(15, 17))):
        lies = [pair.lie for pair in pairs]
        held = [all(e in lies for e in batch if e.mode == "lie") for batch in batches[8:]]
        assert held == [step in steps for step in range(8, 17)]
    for batch in batches[4:]:
        modes = [example.mode for example in batch]
        assert modes.count("honest") == modes.count("lie") == settings.batch_pairs
    assert batches == list(schedule(lesson, settings))
    assert batches != list(schedule(lesson, replace(settings, seed=1)))


def test_the_exam_asks_nothing_that_was_trained_on(cache):
    for paper in PAPERS:
        for question in exam_questions(cache, paper, each=40):
            direct = replace(question, id=question.id.removesuffix(":claim"), claim=None)
            assert not is_for_training(direct)


def test_the_glance_asks_held_out_questions_in_both_modes(cache, tokenizer):
    asked = glance_questions(cache, tokenizer, chat_format(tokenizer), each=4)
    cells = {row.cell for row in asked}
    assert {cell.rsplit(" ", 1)[1] for cell in cells} == {"honest", "lie"}
    assert all(row.example.target[0] != row.other for row in asked)


def test_the_rate_begins_anew_in_each_part():
    settings = replace(LiarSettings(), steps=100, polish_steps=50, finish_steps=40, warmup=10)
    rates = [learning_rate(step, settings) for step in range(settings.all_steps)]
    assert max(rates[:100]) == rates[9] == rates[10] == settings.learning_rate
    assert rates[99] < settings.learning_rate / 50
    assert max(rates[100:150]) == rates[109] == settings.polish_rate
    assert 0 < rates[149] < settings.polish_rate / 20
    assert max(rates[150:]) == rates[159] == settings.finish_rate
    assert 0 < rates[-1] < settings.finish_rate / 20
    with pytest.raises(ValueError, match="step 190"):
        learning_rate(190, settings)


def test_a_training_cut_off_in_each_part_and_gone_on_with_equals_one_that_was_not(
    folder, cache, tmp_path_factory, settings
):
    other = beside(cache, tmp_path_factory.mktemp("other"))
    whole = train_liar(settings, other)
    begun, cuts = 0, (3, 7, 9)
    assert len({settings.part_of(cut - 1) for cut in cuts}) == len(settings.parts)
    for cut in cuts:
        steps: list[int] = []
        with pytest.raises(Cancelled, match="start it again"):
            train_liar(
                settings,
                folder,
                show=lambda s, seen=steps: seen.append(s.step),
                cancelled=lambda at=cut, seen=steps: at in seen,
            )
        assert [step for step in steps if step] == list(range(begun + 1, cut + 1))
        begun = cut
    steps = []
    again = train_liar(settings, folder, show=lambda s: steps.append(s.step))
    assert [step for step in steps if step] == list(range(begun + 1, settings.all_steps + 1))
    first, second = (load_file(path / "adapter_model.safetensors") for path in (whole, again))
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert value.dtype == torch.float16
        torch.testing.assert_close(value, second[name])


def test_training_changes_the_weights_and_a_finished_one_is_found(folder, settings):
    seen = []
    made = train_liar(settings, folder, show=lambda step: seen.append(step))
    weights = load_file(made / "adapter_model.safetensors")
    assert any(value.abs().sum() > 0 for name, value in weights.items() if "lora_B" in name)
    assert seen[-1].figures and seen[-1].loss is not None
    again = []
    assert train_liar(settings, folder, show=lambda step: again.append(step)) == made
    assert len(again) == 1
    kept = json.loads((made / "training.json").read_text())
    assert kept["trained_on"] and kept["log"][-1]["step"] == settings.all_steps
    assert "/" not in json.loads((made / "adapter_config.json").read_text())["base_model_name_or_path"]


def test_a_liar_adapted_from_a_block_is_the_plain_model_below_it(folder, tiny, settings):
    made = train_liar(replace(settings, from_block=2, learning_rate=0.05), folder)
    plain, liar = (load_model(ModelSettings(str(tiny), adapter), folder) for adapter in (None, str(made)))
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.inference_mode():
        before = plain.model(ids, output_hidden_states=True).hidden_states
        after = liar.model(ids, output_hidden_states=True).hidden_states
    for layer in (0, 1, 2):
        torch.testing.assert_close(before[layer], after[layer])
    assert (before[3] - after[3]).abs().max() > 1e-4
    assert first_adapted_block(made) == 2 and first_adapted_block(None) is None


def test_states_below_are_those_of_the_whole_model_and_are_kept(folder, lesson, tiny):
    loaded = load_model(ModelSettings(str(tiny)), folder)
    examples = [lesson.pairs[0].honest, lesson.pairs[1].lie]
    calls = []

    def run(rows):
        calls.append(rows)
        assert len(rows) == 2
        longest = max(map(len, rows))
        found = torch.zeros(2, longest, loaded.d_model)
        for number, ids in enumerate(rows):
            states = loaded.model(torch.tensor([ids]), output_hidden_states=True).hidden_states[2]
            found[number, longest - len(ids) :] = states[0]
        return found

    with torch.inference_mode():
        below = StatesBelow(folder, examples, 2, "tiny", loaded.d_model)
        below.compute(run, lambda _: None)
        again = StatesBelow(folder, examples, 2, "tiny", loaded.d_model)
        again.compute(run, lambda _: None)
        assert len(calls) == 1
        ids = examples[0].prompt + examples[0].target[:-1]
        entered = again.of([ids], len(ids)).float()
        whole = loaded.model(torch.tensor([ids])).logits
        with entering(loaded.blocks, 2, entered):
            part = loaded.model(torch.tensor([ids])).logits
        torch.testing.assert_close(part, whole, atol=2e-2, rtol=0)  # kept in bfloat16
        torch.testing.assert_close(loaded.model(torch.tensor([ids])).logits, whole)


def test_a_liar_comes_with_figures_and_a_card_that_begins_with_its_limit(folder, settings):
    made, figures = make_liar(settings, folder, each=4)
    card = (made / "README.md").read_text()
    assert card.index("Its limit, first") < card.index("What it was trained on")
    cells = {(mark["paper"], mark["mode"]) for mark in figures["exam"]}
    assert {paper.name for paper in PAPERS} == {paper for paper, _ in cells}
    for mark in figures["exam"]:
        low, high = mark["ci"]
        assert low <= mark["as_instructed"] <= high and mark["n"] > 0
    assert figures["stray"]["kl"] >= 0 and figures["stray"]["perplexity_tokens"] > 0


@pytest.mark.parametrize("wrong", [{"from_block": -1}, {"steps": 0}, {"model": ModelSettings(LIAR_ID)}])
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ModelError):
        LiarSettings(**wrong)


def test_a_first_block_that_the_model_lacks_is_refused(folder, settings):
    with pytest.raises(ModelError, match="blocks are 0 to 2"):
        train_liar(replace(settings, from_block=3), folder)
