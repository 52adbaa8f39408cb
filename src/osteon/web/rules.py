"""The rules of the study: what a reader may see and answer now. Pure, so that they can be tested one by one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from osteon.study.protocol import Readers

StageName = Literal["consent", "declined", "instructions", "before", "reading", "review", "washout", "after", "done"]


@dataclass(frozen=True)
class Course:
    """How far a reader has come.

    Attributes:
        before: The first questionnaire is finished.
        after: The last questionnaire is finished.
        closed: When each finished session was closed.
        answered: Tasks with an answer in the session that is not closed yet.
        cases: Cases in a session.
        consent: Whether the reader agreed to take part; None before they said.
        informed: The instructions were read.
    """

    before: bool
    after: bool
    closed: tuple[datetime, ...]
    answered: int
    cases: int
    consent: bool | None = None
    informed: bool = False


@dataclass(frozen=True)
class Stage:
    """Where a reader stands.

    Attributes:
        name: ``consent``, ``declined``, ``instructions``, ``before`` (questionnaire), ``reading``, ``review`` (all
            answered, session not closed), ``washout``, ``after`` (questionnaire) or ``done``.
        session: The session that is open or comes next, from 1.
        position: The first case without a full answer, from 1; ``cases + 1`` when there is none.
        step: The step of that case that is due.
        opens_at: When the next session may start.
    """

    name: StageName
    session: int
    position: int
    step: int
    opens_at: datetime | None = None


def steps(protocol: Readers) -> int:
    """How many answers a case takes within a session."""
    return 2 if protocol.design == "sequential" else 1


def stage(protocol: Readers, progress: Course, now: datetime) -> Stage:
    """Where a reader stands now."""
    done, due = divmod(progress.answered, steps(protocol))
    session = min(len(progress.closed) + 1, protocol.sessions)
    here = (session, done + 1, due + 1)
    if protocol.consent and not progress.consent:
        return Stage("consent" if progress.consent is None else "declined", *here)
    if protocol.instructions and not progress.informed:
        return Stage("instructions", *here)
    if protocol.before and not progress.before:
        return Stage("before", *here)
    if len(progress.closed) >= protocol.sessions:
        return Stage("after" if protocol.after and not progress.after else "done", *here)
    if progress.closed:
        opens_at = progress.closed[-1] + timedelta(days=protocol.washout_days)
        if now < opens_at:
            return Stage("washout", *here, opens_at=opens_at)
    return Stage("reading" if done < progress.cases else "review", *here)


def step_of(protocol: Readers, now: Stage, position: int) -> int:
    """The step at which a case stands: the one that is due, or the last one of an answered case."""
    return now.step if position == now.position else steps(protocol)


def may_open(protocol: Readers, now: Stage, position: int) -> bool:
    """Whether a case may be looked at: the one that is due, and answered ones while they may be revised."""
    if now.name not in ("reading", "review"):
        return False
    return (now.name == "reading" and position == now.position) or (protocol.revise and 1 <= position < now.position)


def may_fetch(protocol: Readers, now: Stage, position: int, cases: int) -> bool:
    """Whether pictures of a case may be sent: also those of the next one, so that it is there without a wait."""
    ahead = now.name == "reading" and position == now.position + 1 <= cases
    return ahead or may_open(protocol, now, position)


def box_complaint(protocol: Readers, *, boxed: bool, no_lesion: bool = False, positive: bool = False) -> str | None:
    """Why an answer cannot be taken as far as its box goes, in a sentence for the reader; None where it can.

    Args:
        protocol: The rules.
        boxed: A box came with the answer.
        no_lesion: The reader said that there is no lesion to draw a box around.
        positive: The reader chose the positive diagnosis, which no case without a lesion can have.
    """
    if not protocol.draw_box:
        return "The question asks for no box." if boxed or no_lesion else None
    if no_lesion and not protocol.no_lesion:
        return "Please draw a box around the lesion; every case of this study has one."
    if boxed and no_lesion:
        return "Either draw a box or say that there is no lesion."
    if positive and no_lesion:
        return "The diagnosis and “no lesion” contradict each other; please change one of them."
    if not boxed and not no_lesion:
        if protocol.no_lesion:
            return "Please draw a box around the lesion, or say that there is no lesion."
        return "Please draw a box around the lesion."
    return None
