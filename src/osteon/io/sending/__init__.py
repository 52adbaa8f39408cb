"""DICOM objects to where they are looked at: an archive's DICOMweb (STOW-RS) or its DICOM port (C-STORE).

    to = sending.destination("https://pacs.example/dicom-web")      # or dicom://PACS@10.0.0.5:104, dicoms:// over TLS
    print(sending.send([Path("out")], to))

A destination is sent the files as they are, and says of each object what became of it. No message quotes an address,
an identifier or what the other side says in free text.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from osteon.core.errors import ImageError, InputError
from osteon.core.extras import need
from osteon.core.words import counted
from osteon.io.sending.instance import Destination, Instance, Outcome, read_instance
from osteon.io.sending.store import Store
from osteon.io.sending.stow import Stow

__all__ = ["Destination", "Instance", "Outcome", "Sent", "destination", "read_instance", "send"]

_TRIES = 5
#: Status of a command that may be run again later: EX_TEMPFAIL of sysexits.h.
_LATER = 75


@dataclass(frozen=True)
class Sent:
    """What became of each object, in their order."""

    outcomes: Sequence[Outcome]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many were sent, refused or not taken yet."""
        return Counter(one.outcome for one in self.outcomes)

    @property
    def status(self) -> int:
        """0: the destination has all; 2: it or osteon refuses some; 75: it may take the rest later."""
        return 2 if self.counts["refused"] else _LATER if self.counts["unreached"] else 0

    def __str__(self) -> str:
        lines = [str(one) for one in self.outcomes]
        told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.counts.items()))
        return "\n".join([*lines, f"{counted(len(lines), 'object')}: {told}"])


def destination(to: str, *, title: str = "OSTEON") -> Destination:
    """Where objects can be sent.

    Args:
        to: ``https://HOST/ROOT`` of DICOMweb services, or ``dicom://TITLE@HOST:PORT``, ``dicoms://`` over TLS.
        title: The application entity title that osteon calls itself.

    Raises:
        InputError: It is neither, or the extra is not installed.
    """
    need("dicom", "archives")
    if to.partition("://")[0] in ("dicom", "dicoms"):
        return Store.at(to, title)
    return Stow(to)


def send(
    paths: Iterable[Path], to: Destination, *, pause: float = 1.0, say: Callable[[str], None] = lambda _: None
) -> Sent:
    """Send files, trying five times what is not taken at once, with pauses that double.

    Args:
        paths: DICOM files, and folders of them.
        to: Where to.
        pause: Seconds before the second try.
        say: Told of each pause.

    Raises:
        InputError: There is nothing to send.
    """
    outcomes: dict[Path, Outcome] = {}
    instances: list[Instance] = []
    for path in _files(paths):
        try:
            instances.append(read_instance(path))
        except ImageError as error:
            outcomes[path] = Outcome(path, "refused", error.what)
        else:
            outcomes[path] = Outcome(path, "unreached", "not tried")
    left = instances
    for attempt in range(_TRIES):
        outcomes |= {one.path: one for one in to.attempt(left)}
        left = [one for one in left if outcomes[one.path].outcome == "unreached"]
        if not left or attempt == _TRIES - 1:
            break
        wait = pause * 2**attempt
        say(f"{counted(len(left), 'object')} not taken ({outcomes[left[0].path].reason}); again in {wait:g} s")
        time.sleep(wait)
    return Sent(list(outcomes.values()))


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """Every file, those of folders in the order of their names."""
    given = 0
    for path in paths:
        if not path.exists():
            raise InputError("no such file or folder", file=path)
        found = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        given += len(found)
        yield from found
    if not given:
        raise InputError("there is no file to send", fix="Give DICOM files, or a folder of 'osteon predict --dicom'.")
