"""What MkDocs does besides while it builds the site: it makes pages from the program, which cannot go stale.

The help of each command comes from the command line's own parser, the reference from docstrings, the words
from what the app says of them, and the liar's card from beside the adapter.
"""

import argparse
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from core.cli import parser

ROOT = Path(__file__).resolve().parents[1]
HELP = "<!-- help -->"
"""Where the help of a command stands on its page, docs/commands/COMMAND.md."""
CARD = ROOT / "core" / "models" / "liar" / "README.md"
WORDS = ROOT / "dashboard" / "help" / "glossary.md"
TAKEN_OVER = {CARD: ("liar.md", ""), WORDS: ("glossary.md", "# Words\n\n")}
"""Files that lie elsewhere: which page each is, and what goes before its text."""
WIDTH = 80
OUTSIDE = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+(?!\.)[^)#]+)(?:#[^)]*)?\)")
REFERENCE = re.compile(r"\(([\w.]+)\.md\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made: of each package that docs/api/index.md lists, and what is taken over."""
    for package in REFERENCE.findall((ROOT / "docs" / "api" / "index.md").read_text()):
        text = f"# {package}\n\n::: {package}\n"
        files.append(File.generated(config, f"api/{package}.md", content=text))
    for source, (page, before) in TAKEN_OVER.items():
        files.append(File.generated(config, page, content=before + source.read_text()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put in the help of a command, and name what lies outside of docs/, which is no page, by its path."""
    place = Path(page.file.src_uri)
    if HELP in markdown:
        markdown = markdown.replace(HELP, f"```text\n{help_of(place.stem)}```")
    return OUTSIDE.sub(lambda link: within_the_site(place, *link.groups()), markdown)


def help_of(command: str) -> str:
    """What `telltale COMMAND --help` prints, at one width wherever it is made.

    Raises:
        KeyError: there is no such command.
    """
    found = commands()[command]
    found.formatter_class = lambda prog: argparse.HelpFormatter(prog, width=WIDTH)
    return found.format_help()


def commands() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command by its name."""
    for action in parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    raise LookupError("the command line has no commands")


def within_the_site(place: Path, text: str, target: str) -> str:
    """A link as the site can keep it: within docs/ as it is, to a page taken over, or else only a path."""
    found = (ROOT / "docs" / place.parent / target).resolve()
    if found.is_relative_to(ROOT / "docs"):
        return f"[{text}]({target})"
    if found in TAKEN_OVER:
        return f"[{text}]({'../' * (len(place.parts) - 1)}{TAKEN_OVER[found][0]})"
    path = found.relative_to(ROOT).as_posix()
    return f"`{path}`" if text.strip("`") == path else f"{text} (`{path}`)"
