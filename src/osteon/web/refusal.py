"""What a room does not allow now."""

from __future__ import annotations


class NotAllowedError(Exception):
    """The rules of the study do not allow it now; the message is for the reader.

    Args:
        template: What to say in English, by which pages find it in the reader's language.
        values: What stands in its places, by name.
    """

    def __init__(self, template: str, **values: str | float) -> None:
        super().__init__(template.format(**values) if values else template)
        self.template, self.values = template, values
