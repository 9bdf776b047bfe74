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
