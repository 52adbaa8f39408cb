"""What a room does not allow now."""

from __future__ import annotations


class NotAllowedError(Exception):
    """The rules of the study do not allow it now; the message is for the reader."""
