"""Each promise of docs/security.md names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
PROMISES = re.split(r"\n(?=- \*\*|## )", PAGE.split("## What is not promised")[0])


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_a_named_test_exists(file, test):
    functions = [node.name for node in ast.parse((ROOT / file).read_text()).body if hasattr(node, "name")]
    assert test in functions


def test_every_promise_names_a_test():
    promises = [part for part in PROMISES if part.startswith("- **")]
    assert len(promises) >= 9
    assert [part.splitlines()[0] for part in promises if "::test_" not in part] == []
