"""Asks a model about each answer of a run. What it answers is kept: asking goes on where it stopped."""

import json
from collections.abc import Callable

import pandas as pd

from core.downloads import Progress, ignore_progress
from core.engine.settings import HarvestSettings
from core.errors import Cancelled, ProbeError
from core.own_report.question import CHOICES, ORDERS, asked_about, next_turn
from core.own_report.store import OwnReportStore
from core.store.runs import Run, RunStore

BLOCK = 64
"""Answers that are asked about and committed at once."""
ARM = ["mode", "wording", "order", "demo_set"]


def answers_to_report(frame: pd.DataFrame) -> pd.DataFrame:
    """The answers that can be asked about: something was said, and it is the one that stands for its prompt.

    Args:
        frame: what `RunStore.answers` gives.
    """
    return frame[frame["said"].notna() & (frame["sample"] == 0)]


def unreported(store: RunStore, run: str) -> int:
    """How many of a run's answers the model was not asked about yet."""
    return OwnReportStore(store.cache).unreported(run)


def ask_own_reports(
    store: RunStore,
    run: str,
    *,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> int:
    """Ask a run's model whether each of its answers was true; gives how many it was asked about now.

    Raises:
        ProbeError: nothing was said in the run, or its model has changed.
        ModelError, StoreError, TemplateError: see `ModelShelf.get`, `RunStore`, `next_turn`, `check_length`.
        Cancelled: `cancelled` said so; what was answered is kept.
    """
    record = store.run(run)
    kept = OwnReportStore(store.cache)
    wanted = answers_to_report(store.answers(record.run, heavy=True))
    if wanted.empty:
        raise ProbeError(f"run {record.run} has no answer that says anything: there is nothing to ask about")
    todo = wanted[~wanted["answer"].isin(kept.of(record.run)["answer"])]
    if todo.empty:
        return 0
    progress(0.0, "loading the model")
    ask = _asker(store, record)
    blocks = [
        part.iloc[start : start + BLOCK]
        for _, part in todo.groupby(ARM, sort=False)
        for start in range(0, len(part), BLOCK)
    ]
    done = 0
    for block in blocks:
        if cancelled():
            raise Cancelled("asking the model itself was cancelled: what it answered is kept")
        progress(done / len(todo), f"asked about {done:,} of {len(todo):,} answers")
        kept.add(record.run, ask(block))
        done += len(block)
    progress(1.0, "done")
    return done


def _asker(store: RunStore, run: Run) -> Callable[[pd.DataFrame], list[dict]]:
    """Puts the question about some answers of one arm to the run's own model, in both orders of choices."""
    from core.answers import boundary_ids, choice_masses, log_odds, make_reader  # torch is needed here alone
    from core.engine.answer_prompts import answer_prompts
    from core.engine.decoding import Decoding
    from core.engine.generate import end_ids
    from core.engine.prompts import prompt_of
    from core.models.loading import SHELF
    from core.prompts.chat import Prompt, chat_format, check_length

    harvest = HarvestSettings.from_dict(run.settings)
    loaded = SHELF.get(harvest.model, store.cache)
    if loaded.fingerprint != run.facts["model_content"]:
        raise ProbeError(
            f"{run.facts['model']} is no longer the model that run {run.run} was made with: harvest again"
        )
    tokenizer = loaded.tokenizer
    reader = make_reader(tokenizer, CHOICES)
    boundary = None if reader.single else boundary_ids(tokenizer)
    chat = chat_format(tokenizer, harvest.system, harvest.chat).chat
    turns, ends = [next_turn(tokenizer, chat, order) for order in ORDERS], end_ids(loaded)

    def ask(block: pd.DataFrame) -> list[dict]:
        rows = block.to_dict("records")
        prompts = []
        for row in rows:
            own = prompt_of(run, row, tokenizer).ids
            for turn in turns:
                ids = asked_about(own, json.loads(row["ids"]), turn, ends)
                check_length(Prompt("", ids), 1, loaded.context, f"the report on answer {row['answer']}")
                prompts.append(ids)
        masses = [(0.0, 0.0)] * len(prompts)
        for places, answers in answer_prompts(
            loaded, prompts, reader, Decoding(max_new_tokens=1), boundary=boundary
        ):
            for place, answer in zip(places, answers, strict=True):
                masses[place] = choice_masses(reader, list(answer.spelling_probabilities))
        return [
            {
                "answer": row["answer"],
                "yes_first": log_odds(*yes_first),
                "no_first": log_odds(*no_first),
                "outside": max(0.0, 1 - (sum(yes_first) + sum(no_first)) / 2),
            }
            for row, yes_first, no_first in zip(rows, masses[::2], masses[1::2], strict=True)
        ]

    return ask
