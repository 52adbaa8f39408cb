"""What browsers may send: every body is held against one of these before anything looks at it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path as InPath
from pydantic import BaseModel, ConfigDict, Field

#: Text that both databases can hold: no control characters but line ends and tabs. (Half characters pydantic refuses.)
WORDS = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
Text = Annotated[str, Field(max_length=2000, pattern=WORDS)]
Seconds = Annotated[float, Field(ge=0, le=86400, allow_inf_nan=False)]
Pixel = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
Number = Annotated[int, InPath(ge=1, le=100_000)]
Session = Annotated[int, Field(ge=1, le=2)]
Name = Annotated[str, InPath(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,19}$")]
Confidence = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Call = Annotated[int, Field(ge=0, le=1)]
Revision = Annotated[int, Field(ge=1, le=1_000_000)]
Turn = Annotated[int, Field(ge=1, le=1_000_000_000)]


class Body(BaseModel):
    """A body that refuses what it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Entry(Body):
    """The token of an invitation."""

    token: Annotated[str, Field(max_length=200)]


class Left(Body):
    """How long a case was on the screen before the reader turned away from it."""

    seconds: Seconds


class Box(Body):
    """A drawn box, in pixels of the stored picture."""

    view: Annotated[int, Field(ge=1, le=1000)]
    x0: Pixel
    y0: Pixel
    x1: Pixel
    y1: Pixel


class Answer(Body):
    """An answer to a case; see :class:`osteon.web.answers.Submitted`."""

    session: Session
    step: Session
    confidence: Confidence
    call: Call | None = None
    box: Box | None = None
    comment: Text = ""
    seconds: Seconds
    receipt: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$")]
    no_lesion: bool = False
    revises: Revision | None = None
    acted: Seconds | None = None


class Draft(Body):
    """An answer that is not finished: any part of it may be missing."""

    session: Session
    step: Session
    turn: Turn
    confidence: Confidence | None = None
    call: Call | None = None
    box: Box | None = None
    comment: Text = ""
    no_lesion: bool = False
    revises: Revision | None = None
    acted: Seconds | None = None


Answers = Annotated[dict[Annotated[str, Field(max_length=40)], Text], Field(max_length=200)]


class Questionnaire(Body):
    """A whole questionnaire, item to value."""

    answers: Answers


class QuestionnaireDraft(Body):
    """What has been filled in of a questionnaire so far."""

    answers: Answers
    turn: Turn


class Consent(Body):
    """Whether the reader takes part."""

    agreed: bool


class Close(Body):
    """The session that is to be closed."""

    session: Session


class Washout(Body):
    """Another wash-out, and why."""

    days: Annotated[float, Field(ge=0, le=3650, allow_inf_nan=False)]
    reason: Annotated[str, Field(min_length=3, max_length=400, pattern=WORDS)]
