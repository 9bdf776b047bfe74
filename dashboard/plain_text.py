"""Text for a place that reads Markdown, shown as it is."""

import re

MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&=])")
UNESCAPED = re.compile(
    r"""
    (?<=http:)(?=//) | (?<=https:)(?=//) | (?<=www)(?=\.) | (?<=[-.\w+]@)(?=[-\w]+\.)  # links
    | (?<=:)(?=[a-z][-+\w/]*:)  # icons, emoji
    | (?:(?<=\A[-<>~])|(?<=\s[-<>~]))(?=(?:->|[->=])(?:\s|\Z))  # arrows and dashes that stand alone
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Where that is cut which Streamlit acts on once it has read the marks, escaped or not: `www.`, `:smile:`."""
CUT = "\N{WORD JOINER}"
"""No width, and no break of the line."""


def as_text(text: object) -> str:
    """Text for a place that reads Markdown, with every mark escaped: shown as it is, never acted on."""
    return MARKDOWN.sub(r"\\\1", UNESCAPED.sub(CUT, str(text)))
