"""The site of the documentation: it builds without a warning, and asks nothing of another machine."""

import ast
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from core.cli import parser

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
OTHER_HOST = re.compile(r"^(https?:)?//")
FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}
"""What a browser fetches by itself, by the attribute that says from where."""
NOT_FETCHED = {"canonical", "next", "prev", "alternate"}
"""Links of a page's head that a browser does not follow."""


class Fetches(HTMLParser):
    """Collects what a browser fetches of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "link" and given.get("rel") in NOT_FETCHED:
            return
        if tag in FETCHED and given.get(FETCHED[tag]):
            self.found.append(given[FETCHED[tag]])


def fetched_from(html):
    reader = Fetches()
    reader.feed(html)
    return reader.found


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_what_a_browser_fetches_is_seen():
    html = '<link rel="canonical" href="https://a/"><link rel="stylesheet" href="//b/c.css"><img src="d.png">'
    assert fetched_from(html) == ["//b/c.css", "d.png"]


def test_no_page_fetches_anything_from_another_host(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 50
    found = {address for page in pages for address in fetched_from(page.read_text())}
    assert any(address.endswith(".css") for address in found)
    assert [address for address in found if OTHER_HOST.match(address)] == []


def test_no_style_sheet_fetches_anything_from_another_host(site):
    sheets = list(site.rglob("*.css"))
    assert sheets
    asked = [address for sheet in sheets for address in re.findall(r"url\(['\"]?([^)]+)", sheet.read_text())]
    asked += [line for sheet in sheets for line in re.findall(r"@import[^;]+", sheet.read_text())]
    assert [address for address in asked if OTHER_HOST.match(address.lstrip("\"'"))] == []


def test_a_command_s_page_has_its_help_and_all_its_options(site):
    for file in (DOCS / "commands").glob("*.md"):
        if file.stem == "index":
            continue
        page = (site / "commands" / f"{file.stem}.html").read_text()
        assert f"usage: telltale {file.stem}" in page
        for action in commands()[file.stem]._actions:
            for option in action.option_strings:
                assert option in page


def test_the_reference_renders_arguments_and_errors_of_docstrings(site):
    page = (site / "api" / "core.probes.html").read_text()
    area = page.split('id="core.probes.metrics.area"')[1].split('id="core.probes.metrics.margin"')[0]
    assert "Obuchowski 1997" in area
    assert re.search(r"Raises:.*ProbeError.*one class only", area, re.DOTALL)


def test_every_command_has_a_page_and_every_page_a_command():
    pages = {file.stem for file in (DOCS / "commands").glob("*.md")} - {"index"}
    assert pages == set(commands())
    listed = re.findall(r"\| \[([\w-]+)\]\(\1\.md\)", (DOCS / "commands" / "index.md").read_text())
    assert set(listed) == pages and len(listed) == len(pages)


def test_every_page_of_the_app_has_one_here_and_none_is_of_a_page_that_is_gone():
    app = ast.parse((ROOT / "dashboard" / "app.py").read_text())
    views = {
        Path(node.args[0].value).stem: title(node)
        for node in ast.walk(app)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "Page"
    }
    headings = {
        file.stem: file.read_text().splitlines()[0].removeprefix("# ")
        for file in (DOCS / "pages").glob("*.md")
        if file.stem != "index"
    }
    assert len(views) >= 12
    assert headings == views


def title(node):
    return next(keyword.value.value for keyword in node.keywords if keyword.arg == "title")


def commands():
    return next(action.choices for action in parser()._actions if isinstance(action.choices, dict))


def test_what_troubleshooting_quotes_is_what_the_program_says():
    headings = re.findall(r'^### "(.+)"$', (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)
    sources = [file for folder in ("core", "dashboard") for file in (ROOT / folder).rglob("*.py")]
    said = "\n".join(message for file in sources for message in messages(file))
    assert len(headings) > 10
    assert [heading for heading in headings if heading not in said] == []


def messages(file):
    """The texts in a file's code, what is filled in left out."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
