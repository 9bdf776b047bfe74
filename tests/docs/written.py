"""The commands that README and docs show, as a reader would type them."""

import re
import shlex
from pathlib import Path

from core.cli import parser

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(telltale [^`\n]+)`")
REST = "…"
"""Stands where a reader puts what was written before."""


def blocks(text):
    """The command lines of each sh block: comments off, lines that go on joined, one list of words a line."""
    for block in BLOCK.findall(text):
        lines = block.replace("\\\n", " ").splitlines()
        yield [words for line in lines if (words := shlex.split(line, comments=True))]


def telltale_words(words):
    """What follows the program's name on a line that calls it; None on a line that does not."""
    for place, word in enumerate(words):
        if word == "telltale" or word.endswith("bin/telltale"):
            return words[place + 1 :]
    return None


def shown_commands(text):
    """Everything that a page has `telltale` do, in its blocks and in its sentences."""
    lines = [words for block in blocks(text) for words in block]
    lines += [shlex.split(line) for line in INLINE.findall(text)]
    return [found for words in lines if (found := telltale_words(words)) is not None]


def commands():
    """The parser of each command by its name."""
    return next(action.choices for action in parser()._actions if isinstance(action.choices, dict))
