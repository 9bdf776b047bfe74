"""The grid that is tried where nobody says otherwise."""

from core.prompts.fitting import default_template
from core.prompts.templates import BUILT_IN, Template


def default_templates(choices: tuple[str, str]) -> tuple[Template, ...]:
    """The usual template for questions with these choices, and the same put as a statement."""
    name = default_template(choices)
    return tuple(BUILT_IN[found] for found in (name, f"{name}-statement") if found in BUILT_IN)
