"""What the annotation room sends: every reply is held against one of these, so that nothing else can slip out."""

from __future__ import annotations

from typing import Literal

from osteon.web.annotating.forms import Content
from osteon.web.replies import About, Entered, Gone, Invitation, Kept, Reply, Revoked, ViewSize, Window

__all__ = ["Entered", "Gone", "Invitation", "Kept", "Revoked", "ViewSize"]


class Field(Reply):
    """Something that is asked besides the outline."""

    id: str
    text: str
    of: Literal["lesion", "picture", "case"]
    kind: Literal["choice", "number", "text"]
    choices: list[str]
    required: bool


class Questions(Reply):
    """What is asked of each case."""

    instructions: str
    shapes: list[Literal["box", "polygon"]]
    labels: list[str]
    fields: list[Field]
    unusable: list[str]
    iou: float


class Task(Reply):
    """A line of a work list."""

    position: int
    state: Literal["open", "begun", "done", "waiting", "agreed", "differ"]
    why: str = ""


class Me(Reply):
    """Who is signed in, and what there is to do."""

    code: str
    role: Literal["annotator"]
    csrf: str
    study: About
    adjudicates: bool
    questions: Questions
    work: list[Task]


class Whereabouts(Reply):
    """What there is to do."""

    work: list[Task]


class View(ViewSize):
    """A picture of a case."""

    window: Window
    spacing: list[float] | None = None
    name: str | None = None


class Suggestion(Reply):
    """A box that the annotator may start from."""

    number: int
    view: int
    box: list[float]
    label: str


class Other(Reply):
    """What an annotator said, as the adjudicator sees it: without a name, in an order of the case's own."""

    letter: str
    content: Content


class Case(Reply):
    """Everything the browser needs to show a case."""

    position: int
    views: list[View]
    context: dict[str, str]
    suggestions: list[Suggestion]
    saved: Content | None
    revision: int
    draft: Content | None
    others: list[Other]
    why: str


class Stored(Reply):
    """An annotation is on disk."""

    revision: int
    saved_at: str
    work: list[Task]


class Version(Reply):
    """An earlier annotation of one's own."""

    revision: int
    saved_at: str
    content: Content


class AdministratorMe(Reply):
    """The administrator who is signed in."""

    code: str
    role: Literal["admin"]
    csrf: str
    study: About


class Progress(Reply):
    """How far somebody has come; nothing of what they drew."""

    code: str
    adjudicates: bool
    invited: bool
    done: int
    cases: int
    seen_at: str | None
    seconds: float | None
