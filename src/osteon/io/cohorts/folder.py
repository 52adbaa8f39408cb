"""A folder of images: FOLDER/label/image or FOLDER/centre/label/image, or any folder with a table of labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from osteon.io.cohorts import SUFFIXES, Lesion, Skipped


def read(folder: Path) -> Iterator[Lesion | Skipped]:
    """Yield every image of a folder and below it, in the order of their paths.

    The folder an image lies in is its label, and the folder above that its centre; a table of labels may say otherwise.
    Files and folders whose name begins with a dot, and a folder ``masks``, are passed over.
    """
    for image in sorted(folder.rglob("*")):
        *above, name = image.relative_to(folder).parts
        hidden = any(part.startswith(".") for part in (*above, name)) or "masks" in above
        if hidden or image.suffix.lower() not in SUFFIXES or not image.is_file():
            continue
        label = above[-1] if above else ""
        yield Lesion(image, label, columns={"centre": above[-2]} if len(above) > 1 else {})
