"""The base of every group of settings, and the kinds of value that settings have."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from osteon.core.cells import is_missing, meant, trimmed, written


class Settings(BaseModel):
    """A frozen group of settings that refuses what it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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


def _no_missing_word(name: str) -> str:
    if is_missing(trimmed(name)):
        raise ValueError(f"{name!r} counts as a missing value in every table of the run")
    if meant(name) != name:
        raise ValueError(f"tables would read {name!r} as {meant(name)!r}; call it that")
    return name


def _each_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{value!r} is named twice")
    return values


#: Of a list in which each thing stands once.
Once = AfterValidator(_each_once)
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ,._+-]*$", max_length=60), AfterValidator(_no_missing_word)
]
