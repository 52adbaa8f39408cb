"""One radiograph without its patient: a new file of cleaned elements and cleaned pixels."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from osteon.core import tables
from osteon.core.errors import ImageError, InputError
from osteon.core.version import __version__
from osteon.io import dicom
from osteon.io.burned.finding import stated
from osteon.io.burned.hiding import hide_in
from osteon.io.burned.masking import Masked, mask
from osteon.io.burned.sheet import figure
from osteon.io.deidentify import profile
from osteon.io.deidentify.elements import clean, drop_words, words
from osteon.io.deidentify.secret import Pseudonym
from osteon.io.persons import generic, plain
from osteon.io.stored import quiet
from osteon.study.protocol import BurnedIn

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset

    from osteon.io.dicom_pixels import StoredValues

#: Computed, digital (for presentation and processing) radiographs and secondary captures.
_CLASSES = tuple(f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("1", "1.1", "1.1.1", "7", "7.1", "7.2", "7.3", "7.4"))
_NO_LESION = (float("nan"),) * 4
_SEARCHED = 5  # letters and digits of a word that is looked for in the bytes of what was written
#: Elements about pixels as they were, which are no more.
_OF_PIXELS = (
    *("PlanarConfiguration", "SmallestImagePixelValue", "LargestImagePixelValue", "NumberOfFrames", "ICCProfile"),
    *(f"{colour}PaletteColorLookupTableDescriptor" for colour in ("Red", "Green", "Blue")),
)


@dataclass(frozen=True)
class Cleaned:
    """What became of one file.

    Attributes:
        file: Where it lies in the folder that is passed on; "" where it was set aside.
        reason: Why it was set aside; "" where it was not.
        done: Place, name and treatment of each element that changed.
        drawn: It on the contact sheet; "" where there is no picture.
        case: What it is called there.
        undecided: What has to be decided about its text.
    """

    file: str = ""
    reason: str = ""
    done: tuple[tuple[str, str, str], ...] = ()
    drawn: str = ""
    case: str = ""
    undecided: str = ""


def pseudonym_of(header: Dataset, key: bytes) -> Pseudonym:
    """What stands for the patient of a file: told by identifier and issuer, else name and birth, else the study."""
    said = {name: str(header.get(name) or "").strip(" \0") for name in ("PatientID", "PatientName", "PatientBirthDate")}
    if not generic(said["PatientID"]):
        told = ["id", plain(said["PatientID"]), plain(str(header.get("IssuerOfPatientID") or ""))]
    elif not generic(said["PatientName"]) and said["PatientBirthDate"]:
        told = ["name", plain(said["PatientName"]), said["PatientBirthDate"]]
    else:
        told = ["study", str(header.get("StudyInstanceUID") or header.get("SOPInstanceUID"))]
    return Pseudonym(key, "\0".join(told))


def cleaned(path: Path, out: Path, key: bytes, decided: BurnedIn) -> Cleaned:
    """Write a radiograph without its patient, unless it cannot be cleaned or somebody has to look first.

    Args:
        path: The file.
        out: The folder that is passed on.
        key: The secret.
        decided: What was decided about text in the pixels.
    """
    done: list[tuple[str, str, str]] = []
    drawn = case = ""
    try:
        with quiet():
            stored, radiograph = dicom.read_values(path)
            header = dicom.read_header(path)
            if str(header.get("SOPClassUID")) not in _CLASSES:
                return Cleaned(reason="its SOP class is none of those of radiographs (CR, DX, secondary capture)")
            pseudonym = pseudonym_of(header, key)
            case = pseudonym.file(str(header.get("SOPInstanceUID")))
            masked = mask(radiograph, stated(path), decided, case, _NO_LESION)
            shown = (masked.radiograph.render().pixels * 255).round().astype(np.uint8)
            drawn = figure(shown, pseudonym.name, 1, case, masked)
            if masked.open:
                why = f"text in the picture: {_WHY[masked.open]}"
                return Cleaned(reason=why, drawn=drawn, case=case, undecided=masked.open)
            content = _written(header, stored, masked, pseudonym, done)
    except ImageError as error:
        return Cleaned(reason=error.what, drawn=drawn, case=case)
    except InputError:  # a box that was drawn by hand lies outside the picture
        raise
    except Exception as error:  # whatever a damaged element makes pydicom raise
        return Cleaned(reason=f"it cannot be written again ({type(error).__name__})", drawn=drawn, case=case)
    if content is None:
        return Cleaned(reason="what names the patient is still in it after cleaning", drawn=drawn, case=case)
    file = f"{pseudonym.name}/{case}.dcm"
    with tables.written(out / file) as beside:
        beside.write_bytes(content)
    return Cleaned(file, "", tuple(done), drawn, case)


_WHY = {
    "over the anatomy": "something over the anatomy looks like text",
    "stated": "the header says that text is burned in, and none was found",
}


def _written(
    header: FileDataset, stored: StoredValues, masked: Masked, pseudonym: Pseudonym, done: list[tuple[str, str, str]]
) -> bytes | None:
    """The new file; None where words that name somebody are still in its header."""
    from pydicom.datadict import keyword_for_tag
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    def told(place: str, what: str) -> None:
        tag = place.rpartition("(")[2].rstrip(")").replace(",", "")
        # A private element's place is told, nothing of what it is called.
        done.append((place, keyword_for_tag(int(tag, 16)) if int(tag[:4], 16) % 2 == 0 else "private", what))

    unwanted = words(header)
    clean(header, pseudonym, told)
    drop_words(header, unwanted, told)
    new = Dataset()
    new.update({element.tag: element for element in header})
    new.SpecificCharacterSet = "ISO_IR 192"
    new.PatientName = new.PatientID = pseudonym.name
    _mark(new)
    new.file_meta = FileMetaDataset()
    new.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    bare = io.BytesIO()
    new.save_as(bare, enforce_file_format=True)
    if _holds(bare.getvalue(), unwanted):
        return None
    _put_pixels(new, stored, masked)
    whole = io.BytesIO()
    new.save_as(whole, enforce_file_format=True)
    return whole.getvalue()


def _mark(new: Dataset) -> None:
    """Say that and how it was cleaned (PS3.3 C.7.1.1, C.7.6.1 and C.12.1)."""
    from pydicom.dataset import Dataset

    new.PatientIdentityRemoved = "YES"
    new.DeidentificationMethod = [f"osteon {__version__}", profile.EDITION]
    methods = []
    for value, meaning in profile.METHODS.items():
        method = Dataset()
        method.CodeValue, method.CodingSchemeDesignator, method.CodeMeaning = value, "DCM", meaning
        methods.append(method)
    new.DeidentificationMethodCodeSequence = methods
    new.LongitudinalTemporalInformationModified = "MODIFIED"
    new.BurnedInAnnotation = "NO"  # what is left was looked at


def _put_pixels(new: Dataset, stored: StoredValues, masked: Masked) -> None:
    """The values without text, uncompressed and without a bit that is not the picture's."""
    values = hide_in(stored.values, masked.painted)
    for name in _OF_PIXELS:
        if name in new:
            delattr(new, name)
    if not str(new.get("PhotometricInterpretation")).strip().upper().startswith("MONOCHROME"):
        new.PhotometricInterpretation = "MONOCHROME2"  # colour is read as luminance, in its own window
        low, high = masked.radiograph.window
        new.WindowCenter, new.WindowWidth, new.VOILUTFunction = (low + high) / 2, high - low, "LINEAR_EXACT"
    new.Rows, new.Columns = values.shape
    new.SamplesPerPixel, new.PixelRepresentation = 1, int(values.dtype.kind == "i")
    new.BitsAllocated, new.BitsStored, new.HighBit = values.dtype.itemsize * 8, stored.bits, stored.bits - 1
    content = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).tobytes()
    new.add_new(0x7FE00010, "OB" if values.dtype.itemsize == 1 else "OW", content + b"\0" * (len(content) % 2))


def _holds(content: bytes, unwanted: set[str]) -> bool:
    """Whether bytes hold a word that names somebody, as text of any of the common encodings."""
    small = content.lower()
    return any(
        word.encode(encoding) in small
        for word in unwanted
        if len(word) >= _SEARCHED
        for encoding in ("utf-8", "utf-16-le", "utf-16-be")
    )
