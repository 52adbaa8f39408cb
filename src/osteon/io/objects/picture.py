"""The secondary capture: a picture for viewers that show nothing else, with everything burned in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from osteon.io.objects.making import Making

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def picture(making: Making, pixels: NDArray[np.uint8]) -> Dataset:
    """A picture of the radiograph and what is said of it.

    Args:
        making: The radiograph and what is said of it.
        pixels: (H, W, 3) red, green and blue.
    """
    from highdicom.sc import SCImage
    from pydicom.dataset import Dataset

    source = making.source
    made = SCImage.from_ref_dataset(
        source,
        pixels,
        "RGB",
        8,
        "PATIENT",
        patient_orientation=("L", "F"),  # replaced below: the page around the radiograph has none
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        **making.common("picture"),
    )
    made.PatientOrientation = ""
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.BurnedInAnnotation = "YES"
    made.DerivationDescription = " ".join(making.author.warnings)
    reference = Dataset()
    reference.ReferencedSOPClassUID = source.SOPClassUID
    reference.ReferencedSOPInstanceUID = source.SOPInstanceUID
    made.SourceImageSequence = [reference]
    return making.finished(made, "picture")
