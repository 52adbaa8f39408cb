"""The base of every group of settings, and names as a table spells them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from osteon.cells import meant, trimmed, written


class Settings(BaseModel):
    """A frozen group of settings that refuses what it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _as_in_a_table(value: Any) -> Any:
    """A number as the text that a table holds, and a text without what reading a table takes away."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return written(value)
    if isinstance(value, str):
        text = meant(value)
        if not text:
            what = f"{value!r} counts as a missing value in a table" if trimmed(value) else "the text is empty"
            raise ValueError(what)
        return text
    return value


#: A name that a table holds too: a label, a centre, a column. A number is taken for the text it is there.
TableName = Annotated[str, BeforeValidator(_as_in_a_table)]
