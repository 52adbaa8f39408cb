"""What the server sends: every reply is held against one of these, so that nothing else can slip out.

The browser's types are made from them (``static/js/types.d.ts``).
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Reply(BaseModel):
    """A reply with these fields and no other."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class Entered(Reply):
    """Who has signed in."""

    role: Literal["reader", "admin"]


class Gone(Reply):
    """This browser is signed out."""

    left: bool


class About(Reply):
    """What the pages say of the study."""

    title: str
    synthetic: bool = False


class Item(Reply):
    """One question of a questionnaire."""

    id: str
    text: str
    kind: Literal["scale", "choice", "number", "text"]
    choices: list[str]
    required: bool


class Question(Reply):
    """What is asked of each case, and the rules that a reader is told."""

    asked: str
    answers: tuple[str, str]
    scale: Literal["0-100", "5-point"]
    call: bool
    draw_box: bool
    no_lesion: bool = False
    comment: bool
    advice: Literal["shown", "on-demand"]
    heatmap: bool
    revise: bool
    washout_days: float
    design: Literal["crossed", "sequential"]


class Stage(Reply):
    """Where a reader stands.

    Attributes:
        name: The stage.
        session: The session that is open or comes next.
        sessions: How many there are.
        position: The first case without a full answer.
        step: The step of it that is due.
        steps: How many steps a case has.
        cases: How many cases a session has.
        open: How many cases of this session have no full answer yet.
        drafts: Positions at which something was begun and not saved.
        opens_at: When the next session may start.
        items: The questionnaire that is due.
        filled: What has been filled in of it so far.
        text: The consent or the instructions that are due.
    """

    name: Literal["consent", "declined", "instructions", "before", "reading", "review", "washout", "after", "done"]
    session: int
    sessions: int
    position: int
    step: int
    steps: int
    cases: int
    open: int
    drafts: list[int]
    opens_at: str | None
    items: list[Item]
    filled: dict[str, str]
    text: str = ""


class Whereabouts(Reply):
    """The question, and where a reader stands."""

    question: Question
    stage: Stage


class Me(Whereabouts):
    """The reader who is signed in."""

    code: str
    role: Literal["reader"]
    csrf: str
    language: str = ""
    study: About


class Size(Reply):
    """Height and width in pixels."""

    height: int
    width: int


class ViewSize(Size):
    """One picture of a case, and its half where that is sent ahead."""

    number: int
    half: Size | None


class OtherWindow(Reply):
    """A window on the stored values 0 to 65535.

    Attributes:
        low: Stored value that is black.
        high: Stored value that is white.
        curve: Greys from 0 to 1 at even steps between them, where the way is not a straight line.
        centre: The middle of this window as the file writes it, where that is not the mean of low and high.
        width: Its width as the file writes it, where that is not their difference.
    """

    low: float
    high: float
    curve: list[float] | None = None
    centre: float | None = None
    width: float | None = None


class Window(OtherWindow):
    """The default window, and how stored values become the file's own.

    Attributes:
        slope: The file's value of a stored value v is ``slope * v + intercept``.
        intercept: See there.
        others: The windows that the file offers besides.
    """

    slope: float = 1.0
    intercept: float = 0.0
    others: list[OtherWindow] = []


class View(ViewSize):
    """One picture as it is shown."""

    window: Window
    spacing: list[float] | None
    boxes: list[list[float]]
    heatmap: Size | None
    name: str | None = None


class Box(Reply):
    """A drawn box."""

    view: int
    x0: float
    y0: float
    x1: float
    y1: float


class OwnAnswer(Reply):
    """The reader's own latest answer to a step of the case."""

    step: int
    confidence: float
    call: int | None
    box: Box | None
    comment: str
    revision: int


class OwnDraft(Reply):
    """What the reader began and did not save."""

    confidence: float | None = None
    call: int | None = None
    box: Box | None = None
    comment: str = ""
    no_lesion: bool = False
    revises: int | None = None
    acted: float | None = None


class Case(Reply):
    """Everything that the browser needs to show a case.

    The heat map and the probability are not here: they are asked for, and that is recorded.
    """

    session: int
    position: int
    step: int
    steps: int
    aided: bool
    advised: bool
    views: list[View]
    context: dict[str, str]
    answers: list[OwnAnswer]
    draft: OwnDraft | None


class Noted(Reply):
    """Something was written down of this step."""

    step: int


class Kept(Reply):
    """Whether a draft was kept, or a later one is there already."""

    kept: bool


class Advice(Reply):
    """The model's calibrated probability, its cut-off, and on which side of it the case lies."""

    probability: float | None
    threshold: float | None
    positive: bool


class Stored(Whereabouts):
    """An answer is on disk."""

    revision: int
    answered_at: str


class AdministratorMe(Reply):
    """The administrator who is signed in."""

    code: str
    role: Literal["admin"]
    csrf: str
    study: About


class ReaderProgress(Reply):
    """How far a reader has come; no answers."""

    code: str
    experience: float | None
    invited: bool
    stage: str
    session: int
    sessions: int
    read: int
    cases: int
    opens_at: str | None
    seen_at: str | None
    seconds: float | None


class Invitation(Reply):
    """A new link; it is sent this once."""

    token: str


class Revoked(Reply):
    """A link has ended."""

    revoked: bool


class Change(Reply):
    """One change of the protocol since it was made."""

    setting: str
    before: Any
    after: Any
    reason: str
    person: str
    at: str


class Protocol(Reply):
    """What the administrator may change of the protocol, and what was changed."""

    sessions: int
    washout_days: float
    changes: list[Change]
