"""What the command line does, `import core` does: by the table of docs/commands/index.md, and by options."""

import inspect
import re
from dataclasses import fields

import pytest

import core
from core.commands.decisions import ACTS
from core.notebook.commands import options_of
from core.probes.lie_score import LieScoreSettings
from core.probes.rows import ProbeSettings
from core.steering.settings import SteerSettings
from tests.docs.written import ROOT, commands

NOT_FROM_PYTHON = {"dashboard": "serves pages until it is stopped"}
SETTINGS = {
    "lie-score": LieScoreSettings,
    "steer": SteerSettings,
}
"""What a function's further settings are, where they are not a probe's."""
CALLED = {
    "action": "the function's own name",
    "add": "file",
    "alpha": "alphas",
    "cross_validate": "the function's own name",
    "delete": "name",
    "engine": "on_ray, or the option",
    "export": "name",
    "layer_rule": "rule",
    "positions": "where",
    "text": "texts",
}
"""Options that have another name in Python, or are none there because a function is called for them."""
REFUSED = {"train-liar": {"adapter", "four_bit"}}
"""Options that a command has and refuses, with the reason in its own words."""
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def table():
    """The rows: pages, commands and functions, by name."""
    text = (ROOT / "docs" / "commands" / "index.md").read_text().partition("## The same in three places")[2]
    _, _, *rows = ROW.findall(text)
    return [
        (page, re.findall("`([^`]+)`", told), re.findall("`([^`]+)`", named)) for page, told, named in rows
    ]


def spoken():
    """Everything that the command line can be told to do."""
    acts = {"runs": options_of("runs")["action"].choices, "decisions": ACTS}
    found = {f"{name} {act}" for name, known in acts.items() for act in known}
    found |= {f"probes --{option}" for option in ("export", "add", "delete")}
    return found | (set(commands()) - set(acts))


def test_each_command_has_a_function_or_a_reason_why_not():
    told = [command for _, known, _ in table() for command in known]
    assert sorted(told) == sorted(spoken())
    without = {command for _, known, functions in table() for command in known if not functions}
    assert without == set(NOT_FROM_PYTHON)


def test_each_function_stands_beside_its_command():
    assert {name for _, _, functions in table() for name in functions} == set(core.__all__)


def test_each_page_stands_beside_its_command():
    pages = {page.lower().replace(" ", "_") for page, _, _ in table()}
    there = {path.stem for path in (ROOT / "docs" / "pages").glob("*.md")} - {"index", "projection"}
    assert there <= pages


@pytest.mark.parametrize("command", sorted(set(commands()) - set(NOT_FROM_PYTHON)))
def test_each_option_is_had_from_python(command):
    functions = [
        name for _, known, of in table() if command in {told.split()[0] for told in known} for name in of
    ]
    taken = set()
    for name in functions:
        for parameter in inspect.signature(getattr(core, name)).parameters.values():
            if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
                taken.add(parameter.name)
            elif parameter.name == "options":
                taken |= set(options_of(command))
            else:
                taken |= {field.name for field in fields(SETTINGS.get(command, ProbeSettings))}
    taken |= {option for option, called in CALLED.items() if called in taken or " " in called}
    assert set(options_of(command)) - REFUSED.get(command, set()) <= taken
