"""A command's own words from Python: its options by name, with its defaults, and what it found."""

import argparse
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache as once
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from core.cli import Parser, parser
from core.commands import command as function_of
from core.errors import TelltaleError
from core.paths import cache_folder
from core.progress import hidden
from core.shown import listed, quoted, visible
from core.store.runs import Run

OF_A_SHELL = ("help", "cache", "json", "shard", "csv")
"""Options that are none in Python: of the shell, of a batch scheduler, and a file that a frame writes."""


@dataclass(frozen=True, eq=False, repr=False)
class Found:
    """What a command found. It prints as the command does, and its parts are had by name: `found["run"]`.

    Attributes:
        values: the object that the command prints with --json.
        text: what it prints without.
        table: the part that `to_frame` makes a table of; None for all parts in one row.
    """

    values: Mapping[str, Any]
    text: str
    table: str | None = None

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def __repr__(self) -> str:
        return visible(self.text, kept="\n")

    def to_frame(self) -> pd.DataFrame:
        """The rows of the main table; the parts of a figure are columns: `lie_rate_ci`."""
        rows = [dict(self.values)] if self.table is None else list(self.values[self.table])
        return pd.json_normalize(rows, sep="_")


@once
def options_of(command: str) -> dict[str, argparse.Action]:
    """The options of a command that there are in Python, by name."""
    actions = _parser_of(command)._actions
    return {action.dest: action for action in actions if action.dest not in OF_A_SHELL}


def chosen(command: str, given: Mapping[str, Any]) -> tuple[Path, Namespace]:
    """The cache, and a command's options: those given, and the command line's own defaults.

    Args:
        given: by the names of the command line with _ for -, and `cache`. What can be repeated there may be a
            list; a run is its id or a `Run`, and a path may be a `Path`.

    Raises:
        TelltaleError: there is no such option, or it cannot be chosen.
        StoreError: see `cache_folder`.
    """
    given = dict(given)
    cache, known = cache_folder(given.pop("cache", None)), options_of(command)
    for name in given:
        if name not in known:
            raise TelltaleError(
                f"{command} has no option {name!r}: choose from {', '.join(sorted(['cache', *known]))}"
            )
    made = {name: _typed(known[name], value) for name, value in given.items() if value is not None}
    top = _parser_of(command)
    usual = {name: [] if action.nargs == "*" else action.default for name, action in known.items()}
    unasked = {name: top.get_default(name) for name in OF_A_SHELL} | top._defaults
    return cache, Namespace(**(unasked | usual | made | {"command": command}))


def asked(command: str, given: Mapping[str, Any], *, table: str | None = None, show: bool = True) -> Found:
    """Have a command do its work; see `chosen`.

    Args:
        table: see `Found`.

    Raises:
        TelltaleError: what the command refuses.
    """
    cache, options = chosen(command, given)
    with hidden(not show):
        values, text = function_of(command)(cache, options)
    return Found(values, text, table)


@once
def _parser_of(command: str) -> Parser:
    for action in parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices[command]
    raise LookupError("the command line has no commands")


def _typed(action: argparse.Action, value: Any) -> Any:
    """A value as the command line would have it, from what is natural in Python."""
    if hasattr(value, "tolist"):  # of NumPy and pandas
        value = value.tolist()
    if isinstance(action, argparse._AppendAction) or action.nargs in ("+", "*"):
        values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        return [_one(action, entry) for entry in values]
    return _one(action, value)


def _one(action: argparse.Action, value: Any) -> Any:
    if isinstance(value, Run):
        return value.run
    if isinstance(value, PathLike):
        return str(value)
    if action.choices is not None and value not in action.choices:
        known = listed([str(choice) for choice in action.choices])
        raise TelltaleError(f"{action.dest} is {quoted(value)}: choose {known}")
    return value
