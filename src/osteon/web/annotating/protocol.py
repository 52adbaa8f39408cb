"""``annotate.toml``: who annotates, and what is asked of each case; everything has a default."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from osteon.core.errors import InputError
from osteon.study.protocol import ADMINISTRATOR, HARMLESS, BurnedIn, Code, Text
from osteon.study.settings import Once, Settings, TableName


class Asked(Settings):
    """``[[fields]]``: something that is asked besides the outline.

    Attributes:
        id: The column of the cohort table that the answer goes to.
        text: What stands beside it; the column's name by default.
        of: Whether it is asked of each lesion, of each picture or of the whole case.
        kind: ``choice``, ``number`` or ``text``.
        choices: The answers of a ``choice``.
        required: A case cannot be finished without it.
    """

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    text: Text | Literal[""] = ""
    of: Literal["lesion", "picture", "case"] = "case"
    kind: Literal["choice", "number", "text"] = "choice"
    choices: Annotated[tuple[TableName, ...], Once] = ()
    required: bool = False

    @model_validator(mode="after")
    def _choices_belong(self) -> Asked:
        if (self.kind == "choice") != (len(self.choices) > 1):
            raise ValueError("choices (two or more) belong to the kind 'choice', and to no other")
        if self.id in _TAKEN:
            raise ValueError(f"the column '{self.id}' is filled by osteon itself; use another name")
        return self


_TAKEN = frozenset({"case_id", "image", "centre", "label", "x0", "y0", "x1", "y1", "patient_id", "mask"})


class Annotating(Settings):
    """The whole protocol.

    Attributes:
        title: What the pages are headed with.
        annotators: Name codes of those who annotate; each case is annotated by all of them.
        adjudicator: Name code of the third person, who decides where annotators differ; empty for nobody.
        instructions: What annotators are told before the first case and under Help.
        shapes: Which outlines may be drawn, the usual one first.
        labels: What a lesion may be called; without any no label is asked, and that of the source is kept.
        fields: What else is asked.
        unusable: Reasons for which a case is not usable.
        iou: Annotators differ where their outlines of a lesion have a smaller intersection over union.
        context: Columns that annotators see beside the pictures.
        together: ``patient``: all pictures of a patient and site are one case, up to six. ``picture``: each is one.
        burned_in: Text in the pixels.
    """

    title: Text = "Annotation"
    annotators: Annotated[tuple[Code, ...], Field(min_length=1, max_length=20), Once] = ("A1", "A2")
    adjudicator: Code | Literal[""] = "J"
    instructions: Annotated[str, Field(max_length=4000)] = ""
    shapes: Annotated[tuple[Literal["box", "polygon"], ...], Field(min_length=1), Once] = ("box", "polygon")
    labels: Annotated[tuple[TableName, ...], Field(max_length=9), Once] = ()
    fields: tuple[Asked, ...] = ()
    unusable: Annotated[tuple[Text, ...], Field(min_length=1, max_length=9), Once] = (
        "no bone on it",
        "too poor to judge",
        "the lesion was operated on",
        "other",
    )
    iou: Annotated[float, Field(gt=0, le=1)] = 0.7
    context: tuple[str, ...] = ("age", "sex", "site", "view")
    together: Literal["patient", "picture"] = "patient"
    burned_in: BurnedIn = BurnedIn()

    @model_validator(mode="after")
    def _codes_differ(self) -> Annotating:
        codes = [code.casefold() for code in (*self.annotators, self.adjudicator, ADMINISTRATOR) if code]
        if len(set(codes)) < len(codes):
            raise ValueError(f"annotators, adjudicator and '{ADMINISTRATOR}' need codes of their own")
        ids = [field.id for field in self.fields]
        if len(set(ids)) < len(ids):
            raise ValueError("two fields have one id")
        if not set(self.context) <= set(HARMLESS):
            raise ValueError(f"annotators may see {', '.join(HARMLESS)} beside a picture, and nothing else")
        return self

    def asked(self, of: str) -> tuple[Asked, ...]:
        """The fields of each lesion, picture or case."""
        return tuple(field for field in self.fields if field.of == of)


def load(path: Path) -> Annotating:
    """Read a protocol.

    Raises:
        InputError: The file cannot be read, or says what is not known.
    """
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"the protocol cannot be read ({error})", file=path, fix="Write a TOML file.") from None
    return _held(said, path)


def _held(said: dict[str, Any], path: Path | None) -> Annotating:
    try:
        return Annotating.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        fix = "See the settings in the guide 'Draw the lesions'."
        raise InputError(what[:1].lower() + what[1:], file=path, column=place or None, fix=fix) from None


def with_options(
    protocol: Annotating, annotators: str | None = None, labels: str | None = None, confirmed: bool = False
) -> Annotating:
    """A protocol with what the command line says instead.

    Args:
        protocol: The protocol.
        annotators: Name codes, separated by commas.
        labels: What a lesion may be called, separated by commas.
        confirmed: Nothing that is left in any picture identifies anybody.

    Raises:
        InputError: They make no protocol.
    """
    said = protocol.model_dump()
    if annotators is not None:
        said["annotators"] = tuple(filter(None, (code.strip() for code in annotators.split(","))))
    if labels is not None:
        said["labels"] = tuple(filter(None, (label.strip() for label in labels.split(","))))
    if confirmed:
        said["burned_in"]["confirmed"] = ("all",)
    return _held(said, None)
