"""The question and its two answers in a radiologist's words, from the study's own labels."""

from __future__ import annotations

from collections.abc import Iterable

from osteon.study import Task
from osteon.study.protocol import Readers, ask

_LONGEST = 40  # characters of an answer: it stands on a button
_MOST = 2  # labels that an answer names


def worded(protocol: Readers, task: Task, labels: Iterable[str]) -> Readers:
    """Put the question and the answers into words where the protocol leaves them open.

    Args:
        protocol: The rules.
        task: What counts as positive.
        labels: The cohort's labels.

    Returns:
        The protocol with a question and two answers.
    """
    plain = {"", "0", "1"}
    positive = [label for label in task.positive if label.strip() not in plain]
    folded = {label.casefold() for label in task.positive}
    negative = sorted({label for label in labels if label.casefold() not in folded} - plain)
    answers = protocol.answers or (_answer(negative), _answer(positive))
    if not all(answers):
        answers = ("no", "yes")
    named = [task.name] if task.name != Task().name else []
    kinds = positive or list(protocol.answers[1:]) or named
    question = protocol.question or (ask(kinds) if kinds else protocol.asked)
    return protocol.model_copy(update={"answers": answers, "question": question})


def _answer(labels: list[str]) -> str:
    """The labels of a class as one answer; empty where they are none or too many."""
    said = " or ".join(labels)
    return said if 0 < len(labels) <= _MOST and len(said) <= _LONGEST else ""
