"""A folder of images: FOLDER/label/image or FOLDER/centre/label/image, or any folder with a table of labels."""

from __future__ import annotations

from collections.abc import Iterator

from osteon.core.errors import ImageError
from osteon.io.cohorts._files import Folder, plain
from osteon.io.cohorts._items import Item, Lesion, Skipped
from osteon.io.images import image_size

#: Why a picture is left over.
LEFT = "in a folder 'masks', and no row of a table names it"


def read(folder: Folder) -> Iterator[Item]:
    """Yield every image of a folder and below it, in the order of their paths; what is one, its content tells.

    The folder an image lies in is its label, and the folder above that its centre; a table of labels may say otherwise.
    A folder ``masks`` is not searched.
    """
    for image in folder.files:
        *above, _ = image.relative_to(folder.path).parts
        if "masks" in map(plain, above):
            continue
        try:
            image_size(image)
        except ImageError as error:
            yield Skipped(image, error.what)
            continue
        label = above[-1] if above else ""
        yield Lesion(image, label, columns={"centre": above[-2]} if len(above) > 1 else {})
