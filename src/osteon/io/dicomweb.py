"""Radiographs, and what was drawn on them, from an archive that speaks DICOMweb (PS3.18): QIDO-RS finds, WADO-RS gives.

Who may is said by the environment: ``OSTEON_DICOMWEB_TOKEN``, or ``OSTEON_DICOMWEB_USER`` and its ``..._PASSWORD``; the
certificate of a hospital's own authority by ``REQUESTS_CA_BUNDLE``, one of osteon's own by ``OSTEON_CERTIFICATE`` and
``OSTEON_KEY``. No message quotes an address or an identifier.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pandas as pd

from osteon.core import tables
from osteon.core.errors import InputError, suggest
from osteon.core.extras import need
from osteon.core.hosts import loopback
from osteon.io.dicom import MODALITIES
from osteon.io.stored import quiet

if TYPE_CHECKING:
    import requests
    from dicomweb_client import DICOMwebClient
    from pydicom.dataset import Dataset

#: What became of each object; nothing of its identity.
FETCHED = tables.Contract(
    "fetched",
    {"file": tables.Column("path"), "outcome": tables.Column("text"), "reason": tables.Column("free", filled=False)},
)
#: What a study can be asked for (PS3.18 table 10.6.1-5).
KEYS = (
    *("StudyDate", "StudyTime", "AccessionNumber", "ModalitiesInStudy", "ReferringPhysicianName", "PatientName"),
    *(
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "StudyInstanceUID",
        "StudyID",
        "StudyDescription",
        "InstitutionName",
    ),
)
#: Radiographs, and objects that may draw on them.
_WANTED = (*MODALITIES, "SEG", "SR", "PR")
_TRIES, _SECONDS = 5, 60.0
_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_RUN = "Run the same command again: it goes on where it stopped."


@dataclass(frozen=True)
class Fetched:
    """What came of it.

    Attributes:
        folder: Where the objects are.
        outcomes: How many were fetched, were here already, or are refused by the archive.
        left: Series of other modalities, by modality.
    """

    folder: Path
    outcomes: Mapping[str, int]
    left: Mapping[str, int]

    def __str__(self) -> str:
        told = ", ".join(f"{count} {outcome}" for outcome, count in self.outcomes.items() if count)
        others = ", ".join(f"{count} {modality}" for modality, count in sorted(self.left.items()))
        return f"{self.folder}: {told}" + (f"; series of other modalities were left: {others}" if others else "")


def parsed_query(said: list[str]) -> dict[str, str]:
    """Keys and values of ``KEY=VALUE``.

    Raises:
        InputError: A key is none of :data:`KEYS`, or there is none.
    """
    query: dict[str, str] = {}
    for each in said:
        key, _, value = each.partition("=")
        if key not in KEYS or not value:
            raise InputError(
                f"'{key}' cannot be asked for" if key not in KEYS else f"'{key}' has no value",
                column="--query",
                fix=suggest(key, list(KEYS)) if key not in KEYS else f"Write {key}=VALUE; * stands for anything.",
            )
        query[key] = value
    if not query:
        raise InputError(
            "nothing is asked for", column="--query", fix="Give --query KEY=VALUE, such as StudyDate=20240101-20241231."
        )
    return query


def session(url: str) -> requests.Session:
    """How an archive is spoken to: with what the environment says of who may.

    Args:
        url: The root of its DICOMweb services, such as ``https://pacs.example/dicom-web``.

    Raises:
        InputError: It is no such address, the extra is not installed, or a password would be sent in the clear.
    """
    need("dicom", "DICOMweb archives")
    from dicomweb_client.session_utils import create_session

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError("not the address of an archive", fix="Give its root, such as https://pacs.example/dicom-web.")
    made: requests.Session = create_session()
    token, user = os.environ.get("OSTEON_DICOMWEB_TOKEN"), os.environ.get("OSTEON_DICOMWEB_USER")
    if token:
        made.headers["Authorization"] = f"Bearer {token}"
    elif user:
        made.auth = (user, os.environ.get("OSTEON_DICOMWEB_PASSWORD", ""))
    if certificate := os.environ.get("OSTEON_CERTIFICATE"):
        key = os.environ.get("OSTEON_KEY")
        made.cert = (certificate, key) if key else certificate
    if (token or user or parts.password) and parts.scheme == "http" and not loopback(parts.hostname):
        raise InputError("the password would be sent in the clear", fix="Give an address that begins with https.")
    return made


def connect(url: str, *, pause: float = 1.0) -> DICOMwebClient:
    """A client for an archive, which asks five times before it gives up.

    Args:
        url: The root of its DICOMweb services.
        pause: Seconds before the second try.

    Raises:
        InputError: See :func:`session`.
    """
    made = session(url)
    from dicomweb_client import DICOMwebClient

    made.request = partial(_patiently, made.request, pause)
    client = DICOMwebClient(url.rstrip("/"), session=made)
    client.set_http_retry_params(retry=False)
    return client


def _patiently(send: Callable[..., requests.Response], pause: float, *given: Any, **how: Any) -> requests.Response:
    """Send a request until it is answered, five times at most, waiting twice as long each time."""
    import requests

    for attempt in range(_TRIES):
        last = attempt == _TRIES - 1
        try:
            answer = send(*given, **how | {"timeout": _SECONDS})
            if last or answer.status_code not in _AGAIN:
                return answer
        except requests.RequestException:
            if last:
                raise
        time.sleep(pause * 2**attempt)
    raise AssertionError


def later(error: Exception) -> bool:
    """Whether what an archive answers may be otherwise a little later."""
    status = _status(error)
    return status is None or status in _AGAIN


def said(error: Exception) -> str:
    """An error without the address, which may hold identifiers.

    >>> said(TimeoutError("https://pacs/studies?PatientName=SMITH"))
    'no answer (TimeoutError)'
    """
    status = _status(error)
    if status in (401, 403):
        return f"the archive refuses access (HTTP {status})"
    return f"no answer ({type(error).__name__})" if status is None else f"the archive answers HTTP {status}"


def fetch(url: str, out: Path, query: Mapping[str, str], *, pause: float = 1.0) -> Fetched:
    """Fetch radiographs, and what may be drawn on them, of the studies that a query finds.

    Each object is a file of ``out/dicom``, named by a digest of its UID; one that is there is not fetched again.
    ``out/fetched.csv`` says what became of each.

    Args:
        url: The root of the archive's DICOMweb services.
        out: Where to.
        query: Of :data:`KEYS`.
        pause: Seconds before the second of five tries.

    Raises:
        InputError: The archive cannot be asked, finds nothing, or did not give every object although it did not refuse.
    """
    import requests

    client, folder = connect(url, pause=pause), out / "dicom"
    left: Counter[str] = Counter()
    try:
        with quiet():
            found = list(objects(client, query, left))
    except (requests.RequestException, ValueError) as error:
        fix = "Set OSTEON_DICOMWEB_USER and OSTEON_DICOMWEB_PASSWORD, or OSTEON_DICOMWEB_TOKEN."
        refused = _status(error) in (401, 403)
        raise InputError(said(error), fix=fix if refused else "Check the address, and that the archive runs.") from None
    if not found:
        others = f" but series of {', '.join(sorted(left))}" if left else ""
        raise InputError(f"the archive finds no radiograph{others}", column="--query", fix="Ask for other studies.")
    rows = [_one(client, folder, identifiers) for identifiers in found]
    tables.write(pd.DataFrame(rows), out / "fetched.csv", FETCHED)
    outcomes = Counter(row["outcome"] for row in rows)
    if outcomes["missing"]:
        many = f"{outcomes['missing']} of {len(rows)} objects could not be fetched"
        raise InputError(f"{many}; fetched.csv says why", file=out / "fetched.csv", fix=_RUN)
    return Fetched(folder, outcomes, left)


def objects(client: DICOMwebClient, query: Mapping[str, str], left: Counter[str]) -> Iterator[tuple[str, str, str]]:
    """Study, series and instance UID of all objects that are wanted; other series are counted."""
    for study in client.search_for_studies(search_filters=dict(query), get_remaining=True):
        own = _value(study, "0020000D")
        for series in client.search_for_series(own, get_remaining=True):
            modality, number = _value(series, "00080060"), _value(series, "0020000E")
            if modality and modality not in _WANTED:
                left[modality if modality.isalnum() and len(modality) < 9 else "unknown"] += 1
                continue
            for one in client.search_for_instances(own, number, get_remaining=True):
                yield own, number, _value(one, "00080018")


def retrieve(client: DICOMwebClient, identifiers: tuple[str, str, str]) -> Dataset:
    """An object as the archive has it, in whatever transfer syntax."""
    made: Dataset = client.retrieve_instance(*identifiers, media_types=(("application/dicom", "*"),))
    return made


def _one(client: DICOMwebClient, folder: Path, identifiers: tuple[str, str, str]) -> dict[str, str]:
    """Fetch an object, unless it is here; what became of it."""
    import requests

    path = folder / f"{hashlib.sha256(identifiers[2].encode()).hexdigest()[:24]}.dcm"
    row = {"file": f"{folder.name}/{path.name}", "outcome": "here already", "reason": ""}
    if path.is_file():
        return row
    try:
        with quiet():
            made = retrieve(client, identifiers)
        if str(made.get("SOPInstanceUID")) != identifiers[2]:
            return row | {"outcome": "refused", "reason": "the archive sends another object"}
        with tables.written(path) as beside:
            made.save_as(beside, enforce_file_format=True)
    except requests.RequestException as error:
        return row | {"outcome": "missing" if later(error) else "refused", "reason": said(error)}
    except OSError:
        raise
    except Exception as error:  # whatever a damaged answer makes the client or pydicom raise
        return row | {"outcome": "refused", "reason": f"what the archive sends is damaged ({type(error).__name__})"}
    return row | {"outcome": "fetched"}


def _value(item: Mapping[str, Any], tag: str) -> str:
    """The first value of an element in DICOM JSON."""
    return str((item.get(tag, {}).get("Value") or [""])[0])


def _status(error: Exception) -> int | None:
    return getattr(getattr(error, "response", None), "status_code", None)
