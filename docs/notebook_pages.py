"""Makes a page of each notebook in docs/: what was run, and what it gave, as it stands in the file.

A figure is the picture that was kept beside it; the notebook itself has it to zoom and hover in.
"""

import base64
from pathlib import Path

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

HERE = Path(__file__).resolve().parent


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each notebook, and its pictures."""
    for source in sorted(HERE.glob("*.ipynb")):
        text, pictures = page_of(source)
        files.append(File.generated(config, f"{source.stem}.md", content=text))
        for name, content in pictures.items():
            files.append(File.generated(config, name, content=content))
    return files


def page_of(source: Path) -> tuple[str, dict[str, bytes]]:
    """A notebook as Markdown, and the pictures that it shows, by the names that it calls them."""
    notebook = nbformat.read(source, as_version=4)
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        for output in cell.outputs:
            shown = output.get("data", {})
            if "image/png" in shown:
                name = f"{source.stem}-{len(pictures) + 1}.png"
                pictures[name] = base64.b64decode(shown["image/png"])
                parts.append(f"![What the cell above draws]({name})")
            elif "text/html" in shown:
                parts.append(shown["text/html"])
            else:
                parts.append(f"```text\n{shown.get('text/plain', output.get('text', ''))}\n```")
    first, *rest = parts
    where = f"*The notebook itself: [`docs/{source.name}`]({source.name}).*"
    return "\n\n".join([first, where, *rest]), pictures
