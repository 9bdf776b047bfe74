"""How a run asks, so that a typed statement goes to the model as the run's own questions did.

It takes the run's first wording, choice order and demonstrations: only then can a state at the trained
position be compared with those that the probe was trained on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.data.question import Question
from core.data.statements import Statement
from core.engine.settings import HarvestSettings
from core.errors import DataError, StoreError
from core.prompts.chat import ChatFormat, Prompt, chat_format, defuse, render, render_turns
from core.prompts.modes import wording_of
from core.scoring.tokens import Spans
from core.store.runs import RunStore

OPENING = "Tell me something."
NO_DEMONSTRATIONS = (
    "this run was few-shot and does not say what its demonstrations were: the statements are asked without "
    "them, so that their states are not comparable; harvest it again"
)


@dataclass(frozen=True, eq=False)
class Asking:
    """What a typed statement needs to be asked like the run's questions.

    Attributes:
        choices: the meanings of the run's labels, negative first: Negative/Positive, False/True.
        source: of the run's questions; claims: what their claims state, empty in direct form.
        offset: the template's own leaning in nats, as the run measured it.
        notes: what is not as in the run.
        mode_offsets: the same of each mode that the run asked in; they differ only where it says so.
    """

    settings: HarvestSettings
    choices: tuple[str, str]
    source: str
    claims: tuple[str, ...]
    demonstrations: tuple[Question, ...]
    form: ChatFormat
    offset: float
    notes: tuple[str, ...] = ()
    mode_offsets: Mapping[str, float] = field(default_factory=dict)

    def offset_in(self, mode: str) -> float:
        """The offset for a mode, nats; that of the run's first mode where it did not ask in this one."""
        return self.mode_offsets.get(mode, self.offset)


def label_names(store: RunStore, run: str) -> tuple[str, str]:
    """What the labels of a run's questions mean, negative first: Negative/Positive, False/True.

    Raises:
        StoreError: no such run, or one without answers.
    """
    answers = store.answers(store.run(run).run)
    if answers.empty:
        raise StoreError(f"run {run} has no answers yet: wait for some")
    return str(answers["choice_0"].iloc[0]), str(answers["choice_1"].iloc[0])


def asking_of(store: RunStore, run: str, tokenizer: Any) -> Asking:
    """How a run asks.

    Raises:
        StoreError: no such run, one without answers, or one of open questions.
    """
    record = store.run(run)
    if record.facts.get("open"):
        raise StoreError(
            f"run {record.run} asks open questions: statements are scored as a run of choices asks"
        )
    settings = HarvestSettings.from_dict(record.settings)
    choices = label_names(store, record.run)
    answers = store.answers(record.run)
    row = answers.iloc[0]  # answers are made in the order of the plan, so that this one is of the first arm
    notes: list[str] = []
    shown: list[dict] = []
    if settings.shots:
        if record.facts.get("demonstrations"):
            shown = record.facts["demonstrations"][0]
        else:
            notes.append(NO_DEMONSTRATIONS)
    return Asking(
        settings=settings,
        choices=choices,
        source=str(row["source"]),
        claims=tuple(sorted({claim for claim in answers["claim"] if isinstance(claim, str)})),
        demonstrations=tuple(Question(**(demo | {"choices": tuple(demo["choices"])})) for demo in shown),
        form=chat_format(tokenizer, settings.system, settings.chat),
        offset=float(row["offset"]),
        notes=tuple(notes),
        mode_offsets=answers.groupby("mode")["offset"].first().to_dict(),
    )


def statement_question(asking: Asking, statement: Statement) -> Question:
    """A typed statement as a question of the run's kind; its expected label is not used.

    The text is the question itself: a review where the run asks about reviews, a sentence where it asks what
    is true. A pair becomes "Question: … Answer: …"; in a run whose questions state claims, a pair whose
    answer is one of these claims is put as such (Q: the review | A: Positive).

    Raises:
        DataError: the template needs a claim and the statement has none.
    """
    text, claim = statement.text.strip(), None
    if statement.question is not None:
        stated = {claim.casefold(): claim for claim in asking.claims}
        claim = stated.get(text.rstrip(".").casefold())
        question = statement.question.strip()
        text = question if claim else f"Question: {question}\nAnswer: {text}"
    if claim is None and "claim" in asking.settings.template.slots:
        raise DataError(
            f"template {asking.settings.template.name!r} states a claim about each text: write "
            f"`Q: the text | A: {(asking.claims or asking.choices)[-1]}`"
        )
    return Question("typed", text, 0, asking.choices, asking.source, "typed", claim)


def read_prompt(tokenizer: Any, asking: Asking, statement: Statement, mode: str) -> tuple[Prompt, Spans]:
    """The run's prompt about a statement, and where in its text the typed words stand.

    Raises:
        DataError: see `statement_question`.
    """
    question = statement_question(asking, statement)
    prompt = run_prompt(tokenizer, asking, question, mode)
    return prompt, typed_spans(tokenizer, asking, question, mode, prompt.text)


def typed_spans(tokenizer: Any, asking: Asking, question: Question, mode: str, text: str) -> Spans:
    """Where the question's text stands in its prompt, [start, end) in characters.

    Never searched for by its words, which may stand in the instruction or template too: the prompt is made
    once more about a character that it does not hold, and what surrounds that character is template.
    """
    mark = next(chr(code) for code in range(0xE000, 0xF8FF) if chr(code) not in text)
    marked = Question(question.id, mark, 0, question.choices, question.source, question.group, question.claim)
    around = run_prompt(tokenizer, asking, marked, mode).text.split(mark)
    typed = defuse(tokenizer, question.text)
    if typed.join(around) == text:
        spans, place = [], 0
        for template in around[:-1]:
            place += len(template)
            spans.append((place, place + len(typed)))
            place += len(typed)
        return spans
    start = _common(around[0], text)
    return [(start, max(start, len(text) - _common(around[-1][::-1], text[::-1])))]


def own_prompt(tokenizer: Any, asking: Asking, statement: Statement, mode: str) -> tuple[Prompt, Spans]:
    """A prompt that ends in the statement as the model's own turn, and where that turn's words stand."""
    start = bare_prompt(tokenizer, asking, statement.question or OPENING, mode).text
    start += "" if asking.form.chat else " "
    text = start + defuse(tokenizer, statement.text.strip())
    ids = tuple(tokenizer(text, add_special_tokens=not asking.form.chat).input_ids)
    return Prompt(text, ids), [(len(start), len(text))]


def bare_prompt(tokenizer: Any, asking: Asking, asked: str, mode: str) -> Prompt:
    """What was asked, put as it is under the run's instruction: without its template and examples."""
    told = wording_of(mode, asking.settings.wordings[0])
    return render_turns(tokenizer, told, [], defuse(tokenizer, asked.strip()), "", asking.form)


def run_prompt(tokenizer: Any, asking: Asking, question: Question, mode: str) -> Prompt:
    """The run's prompt about a question: its first wording, order and demonstrations."""
    settings = asking.settings
    return render(
        tokenizer,
        settings.template,
        question,
        mode=mode,
        wording=settings.wordings[0],
        order=settings.orders[0],
        demonstrations=asking.demonstrations,
        demo_answers=settings.demo_answers,
        demo_seed=settings.demo_seed,
        form=asking.form,
    )


def _common(first: str, second: str) -> int:
    """How many leading characters two texts share."""
    return next(
        (place for place, (a, b) in enumerate(zip(first, second, strict=False)) if a != b),
        min(len(first), len(second)),
    )
