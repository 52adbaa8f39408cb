"""What a node takes: radiographs, and what draws regions on them; everything else is refused with its reason."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import uuid
from collections.abc import Callable
from pathlib import Path

from osteon.core.errors import ImageError
from osteon.io import dicom, rois
from osteon.io.objects.identity import device_uid
from osteon.io.objects.source import read_source
from osteon.node.queue import Queue, Taken, onto_disk
from osteon.node.settings import Limits

#: Statuses of C-STORE (PS3.4 table B.2-1).
FULL, OTHER, UNREADABLE = 0xA700, 0xA900, 0xC000
_NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "Manufacturer", "DeviceUID")


class RefusedError(Exception):
    """An object is not taken: the status that says so, and why, in words that quote nothing of it."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


def name_of(uid: str) -> str:
    """What an object is called in files and in the log: the beginning of a digest of its UID."""
    return hashlib.sha256(uid.encode()).hexdigest()[:16]


class Receiving:
    """Takes objects.

    Args:
        queue: Where they are noted.
        folder: Where they are kept.
        limits: How much is taken.
        identity: Of the model, whose own answers are not taken for drawings.
        wake: Called when there may be something to answer.
    """

    def __init__(
        self, queue: Queue, folder: Path, limits: Limits, identity: str, wake: Callable[[], object] = lambda: None
    ) -> None:
        self._queue, self._folder, self._limits, self._wake = queue, folder, limits, wake
        self._own = device_uid(identity)

    def take(self, write: Callable[[Path], object], uid: str = "") -> str:
        """Take an object; when this returns it is on the disk.

        Args:
            write: Writes it to a path.
            uid: The SOP Instance UID that it was announced by.

        Returns:
            What it is, for the log.

        Raises:
            RefusedError: It is not taken, and nothing of it is kept.
        """
        if shutil.disk_usage(self._folder).free < self._limits.reserve:
            raise RefusedError(FULL, "the disk is nearly full")
        beside = self._folder / f"{uuid.uuid4().hex}.part"
        try:
            write(beside)
            return self._kept(beside, uid)
        except (OSError, sqlite3.Error) as error:
            raise RefusedError(FULL, f"it cannot be kept ({type(error).__name__})") from None
        except ImageError as error:
            raise RefusedError(UNREADABLE, error.what) from None
        finally:
            beside.unlink(missing_ok=True)

    def _kept(self, beside: Path, announced: str) -> str:
        if beside.stat().st_size > self._limits.largest:
            raise RefusedError(UNREADABLE, f"longer than {self._limits.largest // 2**20} MB")
        header = dicom.parse(beside, _NEEDED)
        sop_class, uid, study, maker, device = (str(header.get(name) or "") for name in _NEEDED)
        if not (uid and study and sop_class) or (announced and uid != announced):
            raise RefusedError(OTHER, "not the object that it is announced as")
        draws = rois.draws(sop_class)
        if device == self._own or (maker == "osteon" and not draws):
            return "an answer of osteon's, not kept"
        if self._queue.knows(uid) and not self._queue.set_aside_before(uid):
            return f"{name_of(uid)} again"
        on = _drawn_on(beside) if draws else None
        if not draws:
            _check(beside)
        if not draws and self._queue.waiting() >= self._limits.waiting:
            raise RefusedError(FULL, f"{self._limits.waiting} radiographs wait")
        file = self._folder / f"{name_of(uid)}-{beside.stem[:8]}.dcm"
        onto_disk(beside)
        beside.rename(file)
        try:
            onto_disk(self._folder)
            new = self._queue.add(Taken(uid, study, file.name, on), self._limits.quiet)
        except BaseException:
            file.unlink()
            raise
        if not new:  # it came over two associations at once
            file.unlink()
        self._wake()
        return f"{name_of(uid)}, {'a radiograph' if on is None else 'a drawing'}"


def _check(path: Path) -> None:
    """Refuse what is no radiograph to which a result can be tied; its pixels are decoded when it is answered."""
    dicom.image_size(path)
    dicom.check_pixels(path)
    read_source(path)


def _drawn_on(path: Path) -> frozenset[str]:
    """The radiographs on which an object draws regions."""
    found = rois.read(path)
    on = frozenset(roi.instance for roi in found.rois) - {""}
    if not on:
        why = found.passed[0].why if found.passed else "it does not say on which radiograph it lies"
        raise RefusedError(UNREADABLE, f"no region is drawn: {why}")
    return on
