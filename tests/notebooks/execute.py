"""Executes the notebooks of docs/, for their test and, by `python -m tests.notebooks.execute`, to be saved.

Saved are figures as Plotly's own JSON and as a picture, which takes kaleido and a Chromium. Bars of progress
are left out of what is saved: they tell of a machine.
"""

import os
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from core.paths import cache_folder
from tests.conftest import beside

DOCS = Path(__file__).resolve().parents[2] / "docs"
NOTEBOOKS = ("first_lie", "bring_your_own")
SECONDS_A_CELL = 600


def executed(name: str, cache: Path, renderer: str = "plotly_mimetype") -> NotebookNode:
    """A notebook of docs/, run from its first cell to its last in a kernel of its own.

    Args:
        cache: the folder that it writes to, and that it is run in.
        renderer: what Plotly makes of figures.

    Raises:
        CellExecutionError: a cell failed.
    """
    book = nbformat.read(DOCS / f"{name}.ipynb", as_version=4)
    client = NotebookClient(book, timeout=SECONDS_A_CELL, resources={"metadata": {"path": str(cache)}})
    variables = {"TELLTALE_CACHE": str(cache), "PLOTLY_RENDERER": renderer, "HF_HUB_OFFLINE": "1"}
    client.execute(env=os.environ | variables)
    for cell in code_cells(book):
        cell.outputs = [output for output in cell.outputs if not is_bar(output)]
        cell.metadata.pop("execution", None)  # when it began and ended
    return book


def code_cells(book: NotebookNode) -> list[NotebookNode]:
    """Its cells of code, in order."""
    return [cell for cell in book.cells if cell.cell_type == "code"]


def is_bar(output: NotebookNode) -> bool:
    """Whether an output is what a bar of progress left."""
    on_stderr = output.output_type == "stream" and output.name == "stderr"
    return on_stderr and (output.text.startswith("\r") or not output.text.strip())


def main() -> None:
    """Save every notebook with what its cells give now."""
    for name in NOTEBOOKS:
        with tempfile.TemporaryDirectory() as folder:
            book = executed(name, beside(cache_folder(), Path(folder)), "plotly_mimetype+png")
        book.metadata.language_info = {"name": "python"}
        nbformat.write(book, DOCS / f"{name}.ipynb")


if __name__ == "__main__":
    main()
