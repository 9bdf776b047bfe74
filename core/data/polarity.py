"""Polarity: whether a text is a statement or the negation of one, for sources that hold both.

Only `cities` does ("is in", "is not in"). The `numbers` say larger and smaller, which are opposites and no
negations; a review has neither; and a claim about a statement has a polarity of its own.
"""

MARKS = {"cities": (":is:", ":is-not:")}
"""By source: what stands in the id of a statement, and in its place in that of its negation."""


def polarity(question: str, source: str) -> int | None:
    """1 for a statement, -1 for its negation, None for a question of a source that has no negations.

    Args:
        question: the id of a question in direct form.
    """
    if source not in MARKS or question.endswith(":claim"):
        return None
    plain, negated = MARKS[source]
    if negated in question:
        return -1
    return 1 if plain in question else None


def negated_by(question: str, source: str) -> str:
    """The id of the statement that a question negates; its own id where it negates none."""
    if polarity(question, source) != -1:
        return question
    plain, negated = MARKS[source]
    return question.replace(negated, plain)
