"""How what a person typed, uploaded or named stands in a message: one line, visible, and never too long.

A cell of ten megabytes, a terminal's control sequence or a mark that turns the writing direction is cut or
spelt out (`\\u202e`), so that a message stays a sentence. What is kept and computed with is left as it came.
"""

from collections.abc import Sequence

LONGEST_VALUE = 100
LONGEST_PATH = 300
LONGEST_SENTENCE = 600


def quoted(value: object, most: int = LONGEST_VALUE) -> str:
    """A value as Python writes it, text in quotes; what is longer than `most` is cut at the end."""
    if isinstance(value, str):
        return _cut(repr(value[:most]), len(value), most)
    return named(repr(value), most)


def named(text: object, most: int = LONGEST_VALUE) -> str:
    """A name or a reason without quotes around it; what is longer than `most` is cut at the end."""
    whole = str(text)
    return _cut(visible(whole[:most]), len(whole), most)


def listed(values: Sequence[str], most: int = 10) -> str:
    """The first of some names with commas between them, and how many there are besides."""
    more = f", … {len(values) - most:,} more" if len(values) > most else ""
    return ", ".join(named(value) for value in values[:most]) + more


def sentence(message: object, most: int = LONGEST_SENTENCE) -> str:
    """A message on one line; of a longer one the middle is left out, since its end says what to mend."""
    short = _without_middle(" ".join(str(message).split()), most)
    return _without_middle(visible(short), most)


def visible(text: str, kept: str = "") -> str:
    """The text with all that is not to be seen spelt out, save the characters in `kept`."""
    if text.isprintable():
        return text
    return "".join(mark if mark.isprintable() or mark in kept else repr(mark)[1:-1] for mark in text)


def _cut(shown: str, length: int, most: int) -> str:
    """What is shown of a text of some length, at most two marks (its quotes) longer than `most`."""
    if length <= most and len(shown) <= most + 2:
        return shown
    return f"{shown[: most + 2]}… ({length:,} characters)"


def _without_middle(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 2 :]}"
