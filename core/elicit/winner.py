"""The winner of a search as the settings of a run, on other questions than those that picked it."""

import shlex
from dataclasses import replace

from core.elicit.outcome import CellResult, Outcome
from core.elicit.search import settings_of
from core.elicit.settings import ElicitSettings
from core.elicit.store import Elicitation
from core.engine.settings import HarvestSettings
from core.errors import StoreError
from core.models.catalog import LIAR_ID
from core.prompts.templates import BUILT_IN

CONSTANT = 0.5
OPTIMISTIC = (
    "The winner's own figures are optimistic: it was chosen on these answers. What it really does is what a "
    "run on other questions shows, and the questions that picked it are left out of that run."
)

UNPROVEN = (
    "No cell is told from guessing: a cell that always gives the same choice scores 0.50, and an interval of "
    "the winner's rates reaches that. Try other wordings, more questions, or another model."
)


def is_proven(winner: CellResult) -> bool:
    """Whether both rates' intervals lie above 0.5, which answers that never change reach."""
    return min(winner.figures.honest_accuracy.low, winner.figures.lie_rate.low) > CONSTANT


def winner_settings(record: Elicitation, outcome: Outcome, n: int | None = None) -> HarvestSettings:
    """The winner as a run in both modes that leaves out the questions which picked it.

    Args:
        n: how many questions the run is to ask; None for all that are left.

    Raises:
        StoreError: the search is not finished.
    """
    if outcome.winner is None:
        raise StoreError(f"elicitation {record.elicitation} has no winner yet: run it to its end first")
    found = settings_of(ElicitSettings.from_dict(record.settings), outcome.winner.cell)
    return replace(found, data=replace(found.data, n=n, left_out=record.elicitation))


def harvest_command(settings: HarvestSettings) -> str:
    """The command that starts such a run; a template that is not built in has to be saved or in a file."""
    data, decoding = settings.data, settings.decoding
    parts: list[object] = ["telltale", "harvest", "--data", data.name, "--template", settings.template.name]
    for flag, value, usual in (
        ("--n", data.n, None),
        ("--seed", data.seed, 0),
        ("--form", data.form, None),
        ("--split", data.split, None),
        ("--text-column", data.mapping and data.mapping.text, None),
        ("--label-column", data.mapping and data.mapping.label, None),
        ("--model", settings.model.id, LIAR_ID),
        ("--adapter", settings.model.adapter, None),
        ("--wording", settings.wordings[0], 0),
        ("--order", settings.orders[0], 0),
        ("--shots", settings.shots, 0),
        ("--demo-sets", settings.demo_sets if settings.shots else None, None),
        ("--demo-answers", settings.demo_answers, "truth"),
        ("--demo-seed", settings.demo_seed, 0),
        ("--max-new-tokens", decoding.max_new_tokens, 4),
        ("--temperature", decoding.temperature, 0.0),
        ("--left-out", data.left_out, None),
    ):
        if value != usual:
            parts += [flag, value]
    parts += ["--no-system"] if not settings.system else []
    parts += ["--plain"] if not settings.chat else []
    parts += ["--four-bit"] if settings.model.four_bit else []
    return shlex.join(map(str, parts))


def is_built_in(settings: HarvestSettings) -> bool:
    """Whether its template can be named to the command line without being saved first."""
    return BUILT_IN.get(settings.template.name) == settings.template
