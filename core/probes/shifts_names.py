"""What a run is called as a shift of another, and which half of the shifts it is in."""

from collections.abc import Sequence

from core.engine.settings import HarvestSettings
from core.store.runs import Run

IN_WORDS = {
    "wordings": "wording",
    "orders": "choice order",
    "shots": "examples",
    "demo_sets": "sets of examples",
    "demo_answers": "examples answered by",
    "demo_seed": "examples of seed",
    "system": "system role",
    "chat": "chat template",
}
"""Settings that change what is asked, beside style and template."""
UNCHANGED = "asked alike"


def shift_name(run: Run, shifted: Run) -> str:
    """In what the prompts of a shifted run differ from a run's, such as "typos" or "template yes-no"."""
    mine, other = (HarvestSettings.from_dict(record.settings) for record in (run, shifted))
    parts = [shifted.style] if shifted.style != run.style else []
    if (mine.template.body, mine.template.choices) != (other.template.body, other.template.choices):
        parts.append(f"template {other.template.name}")
    asked, differently = mine.to_dict(), other.to_dict()
    for name, words in IN_WORDS.items():
        if asked[name] != differently[name]:
            parts.append(f"{words} {_value(differently[name])}")
    return ", ".join(parts) or UNCHANGED


def halves(names: Sequence[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The names in two halves that take turns in the order of the alphabet; the first has one more, if any.

    Runs of one name are on one side: none of them is judged after training on another.
    """
    ordered = sorted(set(names))
    return frozenset(ordered[::2]), frozenset(ordered[1::2])


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "+".join(map(str, value)) if isinstance(value, list) else str(value)
