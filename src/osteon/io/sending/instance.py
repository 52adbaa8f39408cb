"""What is sent, where it can go, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from osteon.core.errors import ImageError
from osteon.io import dicom

_NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID")
_REFUSED = {0x0106: "an element is not valid", 0x0122: "SOP class not taken", 0x0124: "not authorised"}
Became = Literal["sent", "refused", "unreached"]


@dataclass(frozen=True)
class Instance:
    """A file that can be sent: its SOP class, its UID and its transfer syntax."""

    path: Path
    sop_class: str
    uid: str
    syntax: str


@dataclass(frozen=True)
class Outcome:
    """What became of a file.

    Attributes:
        path: The file.
        outcome: The destination has it; will not have it as it is; or has not said so yet.
        reason: Why not.
    """

    path: Path
    outcome: Became
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.outcome}" + (f" ({self.reason})" if self.reason else "")


class Destination(Protocol):
    """Where objects can be sent."""

    def attempt(self, instances: Sequence[Instance]) -> Iterator[Outcome]:
        """Offer each once; a destination that has an object already takes it again."""


def read_instance(path: Path) -> Instance:
    """What has to be known of a file before it is sent.

    Raises:
        ImageError: It is no DICOM file of one object.
    """
    with path.open("rb") as handle:
        whole = handle.read(132)[128:] == b"DICM"
    header = dicom.parse(path, _NEEDED) if whole else None
    if header is None or not all(header.get(name) for name in _NEEDED):
        raise ImageError(
            "not a DICOM file of one object", file=path, fix="Give what 'osteon predict --dicom' or an archive wrote."
        )
    return Instance(path, str(header.SOPClassUID), str(header.SOPInstanceUID), str(header.file_meta.TransferSyntaxUID))


def judged(path: Path, status: int) -> Outcome:
    """What a status of C-STORE (PS3.4 B.2.3), or a failure reason of STOW-RS (PS3.18 10.5), says of an object."""
    if status == 0 or status >> 12 == 0xB:  # a warning: it is kept
        return Outcome(path, "sent")
    if status >> 8 == 0xA7:
        return Outcome(path, "unreached", f"the destination is out of resources ({status:04X})")
    if status == 0x0110:
        return Outcome(path, "unreached", "the destination could not process it (0110)")
    why = _REFUSED.get(status) or {0xA9: "not of its SOP class"}.get(status >> 8) or "failure"
    why = "not understood" if status >> 12 == 0xC else why
    return Outcome(path, "refused", f"the destination says: {why} ({status:04X})")
