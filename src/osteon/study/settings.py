"""The base of every group of settings and of every model's, and the kinds of value that settings have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from osteon.core.cells import is_missing, meant, trimmed, written
from osteon.core.run import Tables
from osteon.core.words import listed


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


class ModelSettings(Settings):
    """What every ``[[models]]`` entry says; a kind of model adds its own settings.

    Attributes:
        kind: The kind's name, a literal.
        name: The model's name in every table.
        looks: Whether it looks at the box or the picture, so that changing them can change what it tells.
        maps: Whether it may have maps of where it looks.
        crops: Whether it is shown crops as ``[crop]`` says, and answers in the precision that ``[compute]`` says.
        baseline: Whether it is the shortcut that every other model has to beat.
        drawn: The colour, and the number of the dash and marker, that figures keep for the kind; None where it shares
            those that are left.
    """

    kind: str
    name: Name
    looks: ClassVar[bool] = True
    maps: ClassVar[bool] = False
    crops: ClassVar[bool] = False
    baseline: ClassVar[bool] = False
    drawn: ClassVar[tuple[str, int] | None] = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Clinical columns of the cohort that it reads."""
        return ()

    @property
    def needs(self) -> tuple[str, ...]:
        """Models whose probabilities it is made from."""
        return ()

    @property
    def sees_through(self) -> tuple[str, ...]:
        """Models whose frozen backbone makes numbers of the picture for it."""
        return ()

    @property
    def made_once(self) -> str:
        """Why it is not made again for every bootstrap sample of patients; "" where it is."""
        return ""

    @property
    def masks(self) -> bool:
        """Whether it looks at the lesion's mask, where there is one."""
        return False

    def as_fitted(self) -> ModelSettings:
        """The settings that fitting depends on."""
        return self

    def pretrained_otherwise(self, other: ModelSettings) -> bool:
        """Whether it is the same network as another model, started from something else."""
        return False

    def relocated(self, moved: Callable[[str], str]) -> ModelSettings:
        """The same model with every path as another folder would say it."""
        return self

    def in_words(self, run: Tables) -> str:
        """What the report's Methods say of it, without a full stop: how it was fitted in this run.

        Args:
            run: The run's tables, and what it recorded.
        """
        own = self.model_dump(mode="json", exclude={"kind", "name"})
        settings = f" ({listed(f'{name} {value}' for name, value in own.items())})" if own else ""
        return f"a model of the kind “{self.kind}”, which is not one of osteon's own{settings}"
