"""Show the cross-references of docstrings (``:func:`~osteon.stats.auc```) as the names that they mean."""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:func|class|attr|data|mod|meth):`(~)?\.?([\w.]+)`")


class Roles(griffe.Extension):
    """Takes Sphinx's roles out of every docstring."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Shorten ``~a.b.c`` to ``c``, as Sphinx does."""
        if obj.docstring:
            obj.docstring.value = _ROLE.sub(
                lambda found: f"`{found[2].rpartition('.')[2] if found[1] else found[2]}`", obj.docstring.value
            )
