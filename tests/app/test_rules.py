"""What a reader may see and answer, case by case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osteon.study.protocol import Readers
from osteon.web.rules import Course, Stage, box_complaint, may_fetch, may_open, stage, step_of, steps

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
CROSSED = Readers(washout_days=28)
SEQUENTIAL = Readers(design="sequential")


def progress(answered: int = 0, *closed: datetime, before: bool = True, after: bool = False) -> Course:
    return Course(before, after, closed, answered, cases=10)


@pytest.mark.parametrize(
    ("protocol", "come", "expected"),
    [
        (CROSSED, progress(before=False), Stage("before", 1, 1, 1)),
        (CROSSED, progress(), Stage("reading", 1, 1, 1)),
        (CROSSED, progress(7), Stage("reading", 1, 8, 1)),
        (CROSSED, progress(10), Stage("review", 1, 11, 1)),
        (CROSSED, progress(0, NOON), Stage("washout", 2, 1, 1, NOON + timedelta(days=28))),
        (
            CROSSED,
            progress(0, NOON - timedelta(days=27, hours=23)),
            Stage("washout", 2, 1, 1, NOON + timedelta(hours=1)),
        ),
        (CROSSED, progress(0, NOON - timedelta(days=28)), Stage("reading", 2, 1, 1)),
        (CROSSED, progress(0, NOON, NOON), Stage("after", 2, 1, 1)),
        (CROSSED, progress(0, NOON, NOON, after=True), Stage("done", 2, 1, 1)),
        (SEQUENTIAL, progress(), Stage("reading", 1, 1, 1)),
        (SEQUENTIAL, progress(1), Stage("reading", 1, 1, 2)),
        (SEQUENTIAL, progress(2), Stage("reading", 1, 2, 1)),
        (SEQUENTIAL, progress(20), Stage("review", 1, 11, 1)),
        (SEQUENTIAL, progress(0, NOON), Stage("after", 1, 1, 1)),
        (Readers(before=(), after=()), progress(before=False), Stage("reading", 1, 1, 1)),
        (Readers(before=(), after=()), progress(0, NOON, NOON, before=False), Stage("done", 2, 1, 1)),
    ],
)
def test_stage(protocol: Readers, come: Course, expected: Stage) -> None:
    assert stage(protocol, come, NOON) == expected


@pytest.mark.parametrize("revise", [True, False])
def test_only_the_case_that_is_due_and_revisable_ones_are_open(revise: bool) -> None:
    protocol = Readers(revise=revise)
    now = stage(protocol, progress(4), NOON)
    assert [p for p in range(1, 12) if may_open(protocol, now, p)] == ([1, 2, 3, 4, 5] if revise else [5])
    assert [p for p in range(1, 12) if may_fetch(protocol, now, p, 10)] == ([1, 2, 3, 4, 5, 6] if revise else [5, 6])


def test_nothing_is_sent_ahead_of_the_last_case() -> None:
    assert not may_fetch(CROSSED, stage(CROSSED, progress(9), NOON), 11, 10)


@given(
    share=st.floats(0, 1),
    closed=st.lists(st.integers(0, 60), max_size=2),
    before=st.booleans(),
    after=st.booleans(),
    design=st.sampled_from(["crossed", "sequential"]),
    position=st.integers(-1, 30),
)
def test_no_case_is_open_outside_reading_and_none_twice(
    share: float, closed: list[int], before: bool, after: bool, design: str, position: int
) -> None:
    protocol = Readers(design=design)
    answered = round(share * 10 * steps(protocol))
    moments = sorted(NOON - timedelta(days=days) for days in closed)
    now = stage(protocol, Course(before, after, tuple(moments), answered, 10), NOON)
    if may_open(protocol, now, position):
        assert now.name in ("reading", "review")
        assert 1 <= position <= min(now.position, 10)
        assert before
        assert 1 <= step_of(protocol, now, position) <= steps(protocol)
        # an unaided answer is never open again once its case has come to the aided step
        assert position == now.position or step_of(protocol, now, position) == steps(protocol)
    assert may_fetch(protocol, now, position, 10) >= may_open(protocol, now, position)


@pytest.mark.parametrize(
    ("rules", "boxed", "no_lesion", "said"),
    [
        ({}, False, False, None),
        ({}, True, False, "asks for no box"),
        ({}, False, True, "asks for no box"),
        ({"draw_box": True}, True, False, None),
        ({"draw_box": True}, False, False, "Please draw a box around the lesion."),
        ({"draw_box": True}, False, True, "every case of this study has one"),
        ({"draw_box": True, "no_lesion": True}, True, False, None),
        ({"draw_box": True, "no_lesion": True}, False, True, None),
        ({"draw_box": True, "no_lesion": True}, False, False, "or say that there is no lesion"),
        ({"draw_box": True, "no_lesion": True}, True, True, "Either draw a box or"),
    ],
)
def test_a_box_that_is_asked_for_has_to_be_drawn(
    rules: dict[str, bool], boxed: bool, no_lesion: bool, said: str | None
) -> None:
    complaint = box_complaint(Readers(**rules), boxed=boxed, no_lesion=no_lesion)
    assert complaint is None if said is None else complaint is not None and said in complaint


def test_what_is_not_there_is_not_called_positive() -> None:
    protocol = Readers(draw_box=True, no_lesion=True)
    assert "contradict" in str(box_complaint(protocol, boxed=False, no_lesion=True, positive=True))
    assert box_complaint(protocol, boxed=True, positive=True) is None


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"no_lesion": True}, "draw_box"),
        ({"context_confirmed": ("pain",)}, "not in context"),
        ({"burned_in": {"boxes": {"a": [[5, 0, 5, 9]]}}}, "no area"),
        ({"answers": ("one",)}, "answers"),
    ],
)
def test_a_protocol_that_contradicts_itself_is_refused(settings_: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Readers.model_validate(settings_)
