"""Execute the pages of the gallery: each a script in docs/gallery, told as Markdown with its pictures.

A page is made again where its script, the package or the demonstration is newer. A cell that fails stops everything.
"""

from __future__ import annotations

from pathlib import Path

import jupytext
from nbclient import NotebookClient
from nbconvert import MarkdownExporter
from nbconvert.writers import FilesWriter

ROOT = Path(__file__).parents[1]
GALLERY = ROOT / "docs" / "gallery"


def newest() -> float:
    """When the code or the demonstration's run last changed."""
    sources = [*(ROOT / "src").rglob("*.py"), ROOT / "demo" / "run" / "report.html"]
    return max(path.stat().st_mtime for path in sources)


def make(script: Path) -> None:
    """Execute a page from the repository's root and write it with its pictures."""
    notebook = jupytext.read(script)
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()
    for cell in notebook.cells:  # what libraries tell their developers is no part of a page
        cell["outputs"] = [output for output in cell.get("outputs", []) if output.get("name") != "stderr"]
    parts = {"unique_key": script.stem, "output_files_dir": f"{script.stem}_files"}
    body, resources = MarkdownExporter().from_notebook_node(notebook, parts)
    FilesWriter(build_directory=str(script.parent)).write(body, resources, notebook_name=script.stem)


if __name__ == "__main__":
    for page in sorted(GALLERY.glob("*.py")):
        told = page.with_suffix(".md")
        if not told.exists() or told.stat().st_mtime < max(newest(), page.stat().st_mtime):
            print(page.name)
            make(page)
