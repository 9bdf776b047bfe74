"""The name that a person gives to what was brought from elsewhere, as it stands in the run's title."""

from core.errors import DataError
from core.shown import quoted

LONGEST_NAME = 60


def named_template(template: str, name: str | None) -> str:
    """What stands in the place of a template's name: what kind of run it is, and the person's name for it.

    Raises:
        DataError: the name is too long, or holds what is not to be seen.
    """
    told = (name or "").strip()
    if not told:
        return template
    if len(told) > LONGEST_NAME or not told.isprintable():
        raise DataError(
            f"{quoted(told)} is no name of a run: choose up to {LONGEST_NAME} characters that can be seen"
        )
    return f"{template}: {told}"
