"""A hospital's network for tests: a DICOM port that stores, radiographs, drawings, and a model that answers at once.

As a program it is a node with that model in a process of its own: FOLDER PORT TO QUIET RESERVE.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
)
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.presentation import PresentationContext

from archive import free_port
from osteon.io import sending
from osteon.io.objects.identity import uid
from osteon.node.running import Node
from osteon.node.settings import Callers, Limits, Listen, Watch

#: The patient, whom no line of a log may name.
PATIENT = {"PatientID": "SMITH7", "PatientName": "SMITH^JOHN"}
IDENTITY = "ab" * 32


class Port:
    """A DICOM port that stores: what it took, and what it answers to each C-STORE by number (-1 to break off)."""

    def __init__(self, port: int = 0) -> None:
        self.port, self.taken, self._asked = port or free_port(), list[str](), 0
        self.stores: Callable[[int], int] = lambda _: 0

    def anew(self, stores: Callable[[int], int]) -> None:
        self.stores, self._asked = stores, 0
        self.taken.clear()

    def store(self, event: evt.Event) -> int:
        self._asked += 1
        status = self.stores(self._asked)
        if status < 0:
            event.assoc.abort()
        elif status == 0:
            self.taken.append(event.request.AffectedSOPInstanceUID)
        return max(status, 0)


@contextmanager
def storing(
    contexts: list[PresentationContext] = AllStoragePresentationContexts, *, port: int = 0, **how: Any
) -> Iterator[Port]:
    """A port called PACS that OSTEON and NODE may call, for as long as the context lasts."""
    made, ae = Port(port), AE("PACS")
    ae.supported_contexts = contexts
    ae.require_called_aet, ae.require_calling_aet = True, ["OSTEON", "NODE"]
    handlers = [(evt.EVT_C_STORE, made.store), *how.pop("handlers", [])]
    server = ae.start_server(("127.0.0.1", made.port), block=False, evt_handlers=handlers, **how)
    try:
        yield made
    finally:
        server.shutdown()


def radiograph(path: Path, number: int, *, side: int = 40, **attributes: Any) -> Path:
    """The radiograph of a study of this number."""
    new = _object(ComputedRadiographyImageStorage, f"1.2.3.{number}.1", number)
    new.Modality, new.Rows, new.Columns, new.SamplesPerPixel = "CR", side, side, 1
    new.PhotometricInterpretation, new.BitsAllocated, new.BitsStored = "MONOCHROME2", 16, 16
    new.HighBit, new.PixelRepresentation = 15, 0
    new.PixelData = np.random.default_rng(number).integers(0, 4096, (side, side), dtype=np.uint16).tobytes()
    return _written(new, path, attributes)


def drawing(path: Path, number: int, *, further: int = 0, **attributes: Any) -> Path:
    """A presentation state with a box on the radiograph of this number; further ones draw elsewhere."""
    new = _object(GrayscaleSoftcopyPresentationStateStorage, f"1.2.3.{number}.2.{further}", number)
    new.Modality = "PR"
    image, graphic, annotation = Dataset(), Dataset(), Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = ComputedRadiographyImageStorage, f"1.2.3.{number}.1"
    graphic.GraphicAnnotationUnits, graphic.GraphicType, graphic.GraphicDimensions = "PIXEL", "POLYLINE", 2
    x, y = 8 + further, 10
    graphic.GraphicData = [x, y, x + 16, y, x + 16, y + 14, x, y + 14, x, y]
    graphic.NumberOfGraphicPoints = 5
    annotation.ReferencedImageSequence, annotation.GraphicObjectSequence = [image], [graphic]
    new.GraphicAnnotationSequence = [annotation]
    return _written(new, path, attributes)


def _object(sop_class: str, instance: str, number: int) -> Dataset:
    new = Dataset()
    new.SOPClassUID, new.SOPInstanceUID = sop_class, instance
    new.StudyInstanceUID, new.SeriesInstanceUID = f"1.2.3.{number}", f"{instance}.9"
    for name, value in PATIENT.items():
        setattr(new, name, value)
    return new


def _written(new: Dataset, path: Path, attributes: dict[str, Any]) -> Path:
    for name, value in attributes.items():
        setattr(new, name, value)
    new.file_meta = FileMetaDataset()
    new.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    new.save_as(path, enforce_file_format=True)
    return path


def answer_uid(number: int, *further: int) -> str:
    """UID of the answer to a radiograph with these drawings."""
    return uid("answer", f"1.2.3.{number}.1", [f"1.2.3.{number}.2.{one}" for one in further])


class Answers:
    """A model that answers at once, each radiograph and its drawings with one object."""

    identity = IDENTITY

    def __call__(self, radiograph: Path, drawings: Sequence[Path], folder: Path) -> tuple[Path, ...]:
        source = pydicom.dcmread(radiograph)
        source.SOPInstanceUID = uid(
            "answer", str(source.SOPInstanceUID), [str(pydicom.dcmread(each).SOPInstanceUID) for each in drawings]
        )
        folder.mkdir(exist_ok=True)
        source.save_as(folder / "answer.dcm", enforce_file_format=True)
        return (folder / "answer.dcm",)


@contextmanager
def node(
    folder: Path, to: str, *, limits: Limits | None = None, watch: Watch | None = None, allow: Sequence[str] = (),
    answers: Any = None, certificate: tuple[Path, Path] | None = None,
) -> Iterator[tuple[sending.Destination, list[str], Node]]:  # fmt: skip
    """A node in this process: how it is sent to, its log, and itself."""
    log: list[str] = []
    limits = limits or Limits(quiet=0, reserve=0)
    made = Node(folder, answers or Answers(), sending.destination(to, title="NODE"), limits, log.append, first=0.1)
    authority = certificate[0] if certificate else None
    listen = Listen("NODE", "" if allow else "127.0.0.1", free_port(), Callers.parsed(allow), certificate, authority)
    running = threading.Thread(target=made.run, args=(listen, watch))
    running.start()
    try:
        wait_for(lambda: any(line.startswith("ready") for line in log))
        url = f"dicoms://NODE@localhost:{listen.port}" if certificate else f"dicom://NODE@127.0.0.1:{listen.port}"
        yield sending.destination(url), log, made
    finally:
        made.stop()
        running.join(20)
    assert not running.is_alive()
    told = "\n".join(log)
    assert "SMITH" not in told
    assert "1.2.3." not in told


def wait_for(so: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.02)


if __name__ == "__main__":
    room, at, address, rest, spare = sys.argv[1:]
    Node(
        Path(room), Answers(), sending.destination(address, title="NODE"),
        Limits(quiet=float(rest), reserve=int(spare)), lambda line: print(line, flush=True), first=0.2,
    ).run(Listen("NODE", "127.0.0.1", int(at), Callers({})))  # fmt: skip
