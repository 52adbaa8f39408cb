"""Radiographs and cohorts in, and nothing that could identify a patient out.

Reading an image takes one function, whatever its format::

    from osteon.io import read_image

    radiograph = read_image("case.dcm")   # .pixels (H, W) float32 in [0, 1], bone bright; .spacing in mm or None

and so does turning a dataset into a cohort table::

    from osteon.io import import_cohort

    cohort = import_cohort("btxrd", "BTXRD", "study", guess_patients=True)
"""

from osteon.io.cohorts import formats, import_cohort
from osteon.io.images import image_size, read_image, read_mask, read_stored
from osteon.io.stored import READING, StoredRadiograph

__all__ = [
    "READING",
    "StoredRadiograph",
    "formats",
    "image_size",
    "import_cohort",
    "read_image",
    "read_mask",
    "read_stored",
]
