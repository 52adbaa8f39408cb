"""STOW-RS (PS3.18 10.5): one request an object, so that each has its own answer."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from osteon.io.dicomweb import later, said, session
from osteon.io.sending.instance import Instance, Outcome, judged

if TYPE_CHECKING:
    import requests

_SECONDS = 60.0
_FAILED, _DONE, _REASON, _UID = "00081198", "00081199", "00081197", "00081155"


class Stow:
    """DICOMweb services that store.

    Args:
        url: Their root.

    Raises:
        InputError: It is no such address, or a password would be sent in the clear.
    """

    def __init__(self, url: str) -> None:
        self._session = session(url)
        self._url = f"{url.rstrip('/')}/studies"

    def attempt(self, instances: Sequence[Instance]) -> Iterator[Outcome]:
        """Offer each once; where nobody answers, the rest wait."""
        import requests

        left = list(instances)
        while left:
            one = left.pop(0)
            try:
                yield _outcome(one, self._post(one.path))
            except requests.RequestException as error:
                yield from (Outcome(each.path, "unreached", said(error)) for each in (one, *left))
                return

    def _post(self, path: Path) -> requests.Response:
        boundary = uuid.uuid4().hex
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        answer: requests.Response = self._session.post(
            self._url,
            data=head + path.read_bytes() + f"\r\n--{boundary}--\r\n".encode(),
            headers={
                "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
                "Accept": "application/dicom+json",
            },
            timeout=_SECONDS,
        )
        return answer


def _outcome(one: Instance, answer: requests.Response) -> Outcome:
    """What an answer says of an object: by its own line of the answer where there is one, else by the status."""
    import requests

    told = _json(answer)
    for item in _items(told, _FAILED):
        if _first(item, _UID) in (one.uid, None):
            reason = _first(item, _REASON)
            return judged(one.path, reason if isinstance(reason, int) and reason else 0x0110)
    if answer.status_code == 200 or any(_first(item, _UID) == one.uid for item in _items(told, _DONE)):
        return Outcome(one.path, "sent")
    error = requests.HTTPError(response=answer)
    return Outcome(one.path, "unreached" if later(error) else "refused", said(error))


def _json(answer: requests.Response) -> dict[str, Any]:
    """The dataset that an answer holds; nothing where it holds none, or XML."""
    try:
        told = answer.json()
    except ValueError:
        return {}
    told = told[0] if isinstance(told, list) and told else told
    return told if isinstance(told, dict) else {}


def _items(told: dict[str, Any], tag: str) -> list[dict[str, Any]]:
    found = told.get(tag)
    items = found.get("Value") if isinstance(found, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _first(item: dict[str, Any], tag: str) -> Any:
    found = item.get(tag)
    values = found.get("Value") if isinstance(found, dict) else None
    return values[0] if isinstance(values, list) and values else None
