"""Names, texts and JSON as nobody should send them."""

from typing import Any

from hypothesis import strategies as st

PIECES = (
    "..",
    "/",
    "\\",
    "~",
    "~no-such-user",
    "/etc/passwd",
    "CON",
    "nul",
    ".",
    "",
    " ",
    "x" * 300,
    "\u202e",
    "\u200f",
    "\u2066",
    "\x00",
    "\x1b[31m",
    "\r",
    "\n",
    "\x85",
    "\u2028",
    "\ufeff",
    "{text}",
    "{",
    "}",
    "%s",
    "$HOME",
    "`id`",
    "'",
    '"',
    ";--",
    "<script>",
    "=1+1",
    "@SUM(A1)",
    "-n",
    "--",
    "é",
    "中",
    "🙂",
    "e\u0301",
    "\ud800",
    "9" * 400,
    "1e999",
    "nan",
    "-1",
    "0",
    "x" * 20_000,
)
NAMES = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), min_size=1, max_size=4).map("".join)
"""Paths up and out, the home of nobody, reserved names, 300 and 20,000 characters, marks that turn the
writing direction or steer a terminal, half a character, numbers out of all bounds."""


def json_values(leaves: int = 8) -> st.SearchStrategy[Any]:
    """Anything that JSON can say, with hostile text in it."""
    plain = st.none() | st.booleans() | st.integers() | st.integers(10**30, 10**31) | st.floats() | NAMES
    return st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
        max_leaves=leaves,
    )


@st.composite
def spoilt(draw: st.DrawFn, value: Any, depth: int = 4) -> Any:
    """A JSON value in which something, somewhere, is another value, missing, or there twice."""
    places = (
        list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    )
    if not places or depth == 0 or draw(st.integers(0, 4)) == 0:
        return draw(json_values(3))
    place, change = draw(st.sampled_from(places)), draw(st.integers(0, 9))
    copy = dict(value) if isinstance(value, dict) else list(value)
    if change == 0:
        del copy[place]
    elif change == 1 and isinstance(copy, list):
        copy.append(copy[place])
    else:
        copy[place] = draw(spoilt(copy[place], depth - 1))
    return copy
