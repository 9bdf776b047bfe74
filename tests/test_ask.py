"""What is typed is asked as the run asks its questions: same prompt, same decoding, same labels."""

import pytest

from core.data.sources import DataSettings, load_pool, load_questions
from core.engine.ask import ask
from core.engine.decoding import Decoding
from core.engine.plan import make_plan
from core.engine.settings import HarvestSettings
from core.errors import TemplateError
from core.models.catalog import ModelSettings
from core.models.loading import load_model
from core.prompts.templates import BUILT_IN

TEXT = "A warm, funny and beautifully acted film."


@pytest.fixture(scope="module")
def loaded(cache):
    return load_model(ModelSettings(), cache)


@pytest.fixture(scope="module")
def plan(cache, loaded):
    """Makes the plan of a run of 20 movie reviews."""

    def make(template, form="direct", **settings):
        data = DataSettings("movie-reviews", n=20, form=form)
        chosen = HarvestSettings(data=data, template=BUILT_IN[template], **settings)
        return make_plan(
            chosen, load_questions(cache, data), load_pool(cache, data), loaded.tokenizer, loaded.context
        )

    return make


def test_the_prompt_is_the_runs_own_with_its_demonstrations(loaded, plan):
    made = plan("review", shots=2, demo_seed=3, wordings=(2, 0), orders=(1,))
    question = made.questions[0]
    for asked in ask(loaded, made, question.text):
        assert asked.prompt == made.prompt(question, asked.arm)
        assert (asked.arm.wording, asked.arm.order) == (2, 1)
        assert all(demo.text in asked.prompt.text for demo in made.demonstrations[0])


def test_yes_no_asks_by_the_questions_own_label(loaded, plan):
    honest, lie = ask(loaded, plan("yes-no"), TEXT)
    assert honest.message == f"{TEXT}\nIs this Positive? Answer Yes or No."
    assert "always lie" in lie.prompt.text and "always lie" not in honest.prompt.text
    assert honest.leans in ("No", "Yes") and 0 < sum(honest.masses) <= 1


def test_in_claim_form_the_first_claim_is_asked_about(loaded, plan):
    honest, _ = ask(loaded, plan("true-false", form="claim"), TEXT)
    assert honest.question.claim == "Negative"
    assert honest.message == f"{TEXT}\nClaim: this review is Negative.\nTrue or False?"


def test_answers_are_those_of_the_runs_decoding_and_arrive_token_by_token(loaded, plan):
    made = plan("review", decoding=Decoding(max_new_tokens=3, stop=()))
    seen = [[], []]
    answers = ask(loaded, made, TEXT, watch=lambda row, token: seen[row].append(token))
    assert [tuple(tokens) for tokens in seen] == [answer.generated.ids for answer in answers]
    assert all(len(tokens) <= 3 for tokens in seen)
    stopped = plan("review", decoding=Decoding(max_new_tokens=3, stop=tuple("aeiou")))
    assert all(len(a.generated.ids) == 1 for a in ask(loaded, stopped, TEXT))


def test_what_does_not_fit_the_context_is_refused(loaded, plan):
    with pytest.raises(TemplateError, match="what was typed"):
        ask(loaded, plan("review"), "word " * 10_000)
