"""Identifiers of results, made from what they identify: the same question to the same model gives the same objects."""

from __future__ import annotations

import hashlib
import json
import uuid


def uid(*parts: object) -> str:
    """A UID of what the parts say: ``2.25.`` and the number of a UUID (version 8) made of their SHA-256.

    >>> uid("model", 1)
    '2.25.170789051097931719589018359861781684211'
    """
    told = hashlib.sha256(json.dumps(parts, default=str, ensure_ascii=False).encode()).digest()
    number = int.from_bytes(told[:16], "big")
    number = number & ~(0xF << 76) | 8 << 76  # version
    number = number & ~(0x3 << 62) | 2 << 62  # variant
    return f"2.25.{uuid.UUID(int=number).int}"


def device_uid(model: str) -> str:
    """The UID of a model as a device: the leading half of its SHA-256, marked as a UUID.

    Args:
        model: 64 hexadecimal digits.
    """
    return uid("osteon model", model)
