"""Pseudonyms, UIDs and shifts of dates from a secret: always the same, and not to be had without it.

Everything is a keyed digest (HMAC-SHA-256) of what it stands for. Whoever has the secret can tell whether a pseudonym
is that of somebody they know; it stays where the radiographs came from.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import uuid
from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from osteon.core.errors import InputError

_BYTES = 32
_DAYS = (30, 3650)
_DATE, _TIME = re.compile(r"\d{8}"), re.compile(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?")
_MOMENT = re.compile(r"(\d{8})(\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?([+-]\d{4})?")


def load(path: Path) -> bytes:
    """The secret of a file, which is made where there is none; others on the machine cannot read it.

    Raises:
        InputError: The file is no secret.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
            handle.write(secrets.token_hex(_BYTES) + "\n")
    try:
        found = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (ValueError, OSError):
        found = b""
    if len(found) < _BYTES:
        raise InputError(
            "not a secret of osteon", file=path, fix="Give the file of an earlier run, or the path of one to make."
        )
    return found


@dataclass(frozen=True)
class Pseudonym:
    """What stands for one patient.

    Attributes:
        key: The secret.
        patient: Whatever tells the patient from others.
    """

    key: bytes
    patient: str

    @property
    def name(self) -> str:
        """In the place of name and identifier."""
        return "P" + b32encode(_digest(self.key, "patient", self.patient))[:12].decode()

    @property
    def back(self) -> timedelta:
        """By how much the patient's dates and times lie too early, in whole minutes."""
        least, most = (days * 24 * 60 for days in _DAYS)
        number = int.from_bytes(_digest(self.key, "dates", self.patient)[:8], "big")
        return timedelta(minutes=least + number % (most - least))

    def uid(self, uid: str) -> str:
        """In the place of a UID."""
        return f"2.25.{uuid.UUID(bytes=_digest(self.key, 'uid', uid)[:16], version=4).int}"

    def file(self, instance: str) -> str:
        """What the file of a SOP Instance UID is called."""
        return _digest(self.key, "file", instance).hex()[:12]

    def day(self, day: str, time: str = "") -> str:
        """A date (DA), earlier; with the time of day that belongs to it. "" for what is none."""
        try:
            began = datetime.strptime(day + (time[:4] if _TIME.fullmatch(time) else "")[:4].ljust(4, "0"), "%Y%m%d%H%M")
            return f"{began - self.back:%Y%m%d}" if _DATE.fullmatch(day) else ""
        except (ValueError, OverflowError):
            return ""

    def time(self, time: str) -> str:
        """A time of day (TM), earlier; seconds and their parts stay. "" for what is none."""
        try:
            began = datetime.strptime("20000102" + time[:4].ljust(4, "0"), "%Y%m%d%H%M")
        except ValueError:
            return ""
        return f"{began - self.back:%H%M}{time[4:]}" if _TIME.fullmatch(time) else ""

    def moment(self, moment: str) -> str:
        """A date with time (DT), earlier. "" for what is none, or tells no day."""
        parts = _MOMENT.fullmatch(moment)
        if parts is None:
            return ""
        day, time, zone = (part or "" for part in parts.groups())
        earlier = self.day(day, time)
        return earlier and earlier + (self.time(time) if time else "") + zone


def _digest(key: bytes, kind: str, what: str) -> bytes:
    return hmac.digest(key, f"{kind}\0{what}".encode(), "sha256")
