"""Links in README and docs lead somewhere: files and anchors are looked up, addresses judged by form."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from markdown.extensions.toc import slugify

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "core/models/liar/README.md"])
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)|<(https?://[^>\s]+)>")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
GENERATED = re.compile(r"docs/(api/core[\w.]*|liar|glossary|first_lie|bring_your_own)\.md")
"""Pages that the hooks of docs/ make: that they are there is what the strict build of the site checks."""


def links_of(text):
    """Where the links of a page lead, and those of none of its code."""
    plain = re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))
    return [inside or outside for inside, outside in LINK.findall(plain)]


def anchors_of(text):
    return {slugify(re.sub(r"[`*]", "", heading), "-") for heading in HEADING.findall(FENCE.sub("", text))}


def broken(page, link):
    """Why a link leads nowhere; None where it leads somewhere."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None if parts.scheme in ("http", "https") and parts.hostname else "no address"
    target = (page.parent / parts.path).resolve() if parts.path else page
    if not target.is_relative_to(ROOT):
        return "outside of the repository"
    if GENERATED.fullmatch(target.relative_to(ROOT).as_posix()):
        return None
    if not target.exists():
        return "no such file"
    if parts.fragment and parts.fragment not in anchors_of(target.read_text()):
        return "no such heading"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page):
    found = {link: broken(page, link) for link in links_of(page.read_text())}
    assert {link: why for link, why in found.items() if why} == {}


def test_links_are_found_and_broken_ones_are_told(tmp_path):
    page = ROOT / "README.md"
    text = "[a](docs/engine.md) ![b](no.png) <http://127.0.0.1:8501>\n```\n[c](d)\n```\n`[e](f)`"
    assert links_of(text) == ["docs/engine.md", "no.png", "http://127.0.0.1:8501"]
    assert broken(page, "docs/engine.md#results") is None
    assert broken(page, "docs/engine.md#nothing") == "no such heading"
    assert broken(page, "no.png") == "no such file"
    assert broken(page, "../x") == "outside of the repository"
    assert broken(page, "htp://x") == broken(page, "https:///x") == "no address"
    assert broken(page, "https://example.org/a") is None


def test_readme_and_docs_have_links():
    assert len([link for page in PAGES for link in links_of(page.read_text())]) > 100
