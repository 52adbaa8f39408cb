"""The name of a file that belongs to a case: one rule for those who write it and those who look for it."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

_LONGEST = 180  # characters, so that the temporary file beside it has a legal name, too


def file_name(identifier: str, suffix: str) -> str:
    """A file name for a case, whatever its identifier holds.

    Args:
        identifier: As the cohort table has it: spaces, slashes, any script.
        suffix: Such as ``.png``.

    Returns:
        The identifier with everything but letters, digits and ``_.-~`` percent-encoded; a long one is cut and closed
        with a digest of the whole.

    >>> file_name("a/b 1", ".png")
    'a%2Fb%201.png'
    """
    name = quote(identifier, safe="")
    if name.startswith("."):  # a hidden file, or none
        name = f"%2E{name[1:]}"
    if len(name) > _LONGEST:
        name = f"{name[: _LONGEST - 17]}-{hashlib.sha256(identifier.encode()).hexdigest()[:16]}"
    return f"{name}{suffix}"
