"""Radiographs and cohorts in, and nothing that could identify a patient out.

Reading an image takes one function, whatever its format::

    from osteon.io import read_image

    radiograph = read_image("case.dcm")   # .pixels (H, W) float32 in [0, 1], bone bright; .spacing in mm or None
"""

from osteon.io.images import image_size, read_image, read_mask, read_stored
from osteon.io.stored import StoredRadiograph

__all__ = ["StoredRadiograph", "image_size", "read_image", "read_mask", "read_stored"]
