"""What MkDocs does besides while it builds the site: it makes pages from the program, which cannot go stale.

The help of each command comes from the command line's own parser, the reference from docstrings, and the
liar's card from where it lies beside the adapter.
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
CARD = "liar.md"
CARD_SOURCE = ROOT / "core" / "models" / "liar" / "README.md"
WIDTH = 80
OUTSIDE = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+(?!\.)[^)#]+)(?:#[^)]*)?\)")
REFERENCE = re.compile(r"\(([\w.]+)\.md\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made: one for each package that docs/api/index.md lists, and the liar's card."""
    for package in REFERENCE.findall((ROOT / "docs" / "api" / "index.md").read_text()):
        text = f"# {package}\n\n::: {package}\n"
        files.append(File.generated(config, f"api/{package}.md", content=text))
    files.append(File.generated(config, CARD, content=CARD_SOURCE.read_text()))
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
    """A link as the site can keep it: as it is within docs/, to the card's page, or else a path, unlinked."""
    found = (ROOT / "docs" / place.parent / target).resolve()
    if found.is_relative_to(ROOT / "docs"):
        return f"[{text}]({target})"
    if found == CARD_SOURCE:
        return f"[{text}]({'../' * (len(place.parts) - 1)}{CARD})"
    path = found.relative_to(ROOT).as_posix()
    return f"`{path}`" if text.strip("`") == path else f"{text} (`{path}`)"
