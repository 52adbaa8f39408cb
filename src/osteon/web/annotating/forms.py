"""What annotators' browsers may send."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from osteon.web import forms
from osteon.web.forms import WORDS, Entry, Pixel, Seconds, Text, Turn

__all__ = ["Annotation", "Body", "Draft", "Entry", "Lesion", "Shape"]

_Value = Annotated[str, Field(max_length=400, pattern=WORDS)]
_Fields = Annotated[dict[Annotated[str, Field(max_length=40)], _Value], Field(max_length=40)]
_Number = Annotated[int, Field(ge=1, le=1000)]


class Body(forms.Body):
    """A body that is also sent back, with all its fields."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


class Shape(Body):
    """An outline of a lesion in pixels of the stored picture: two corners of a box, or the corners of a polygon."""

    view: _Number
    lesion: _Number
    kind: Literal["box", "polygon"]
    points: Annotated[list[tuple[Pixel, Pixel]], Field(min_length=2, max_length=400)]
    suggestion: _Number | None = None


class Lesion(Body):
    """What is said of a lesion, whichever pictures it is outlined on."""

    label: _Value = ""
    fields: _Fields = Field(default_factory=dict)


class Content(Body):
    """What an annotator says of a case; a draft may be incomplete."""

    status: Literal["lesions", "none", "unusable"] | None = None
    reason: _Value = ""
    shapes: Annotated[list[Shape], Field(max_length=60)] = Field(default_factory=list)
    lesions: Annotated[dict[str, Lesion], Field(max_length=60)] = Field(default_factory=dict)
    pictures: Annotated[dict[str, _Fields], Field(max_length=20)] = Field(default_factory=dict)
    fields: _Fields = Field(default_factory=dict)
    comment: Text = ""


class Draft(Body):
    """An annotation that is not finished; `revises` is the revision that it is to replace, 0 for none."""

    content: Content
    revises: Annotated[int, Field(ge=0, le=1_000_000)]
    turn: Turn


class Annotation(Body):
    """A finished annotation."""

    content: Content
    revises: Annotated[int, Field(ge=0, le=1_000_000)]
    seconds: Seconds
    receipt: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$")]
