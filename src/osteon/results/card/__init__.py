"""A finished run folder and a model's name -> the model's card, as Markdown. Computes nothing, reads no picture.

What a person has to know who is handed a model without its study: what it is, for whom it was made and tested, how good
it is there with its uncertainty, what moves it, and on what terms it may be handed on. After Mitchell M et al. Model
cards for model reporting. FAccT 2019. doi 10.1145/3287560.3287596.
"""

from __future__ import annotations

from osteon.core.errors import InputError, suggest
from osteon.core.run import Tables
from osteon.results.card import about, merit
from osteon.results.card.markdown import escape
from osteon.results.card.subject import Subject
from osteon.results.card.unsure import unsure
from osteon.results.report.folder import Finished
from osteon.study import ModelSettings

__all__ = ["card"]

_SECTIONS = (
    ("What it is", about.making),
    ("What it is for, and what it is not for", about.use),
    ("Classes", about.classes),
    ("Patients and centres", about.patients),
    ("How well it tells the classes apart", merit.discrimination),
    ("At fixed thresholds", merit.thresholds),
    ("Whether its probabilities can be taken at their word", merit.calibration),
    ("When it leaves a case open", unsure),
    ("Subgroups", merit.subgroups),
    ("Compared with the box alone", merit.shortcut),
    ("When the box or the picture changes", merit.robustness),
    ("Where it looks", merit.explanation),
    ("How to read a single answer", about.answer),
    ("Licences", about.licences),
    ("Citation and versions", about.citation),
)


def card(run: Tables, model: str) -> str:
    """Write a model's card.

    Args:
        run: A finished run: study.toml and metrics.csv at least; what else is absent is said to be.
        model: The model's name, one of the study's own.

    Returns:
        Markdown. The same files give the same text, with no path, no date, no picture and no patient in it.

    Raises:
        InputError: The run has no such model, or study.toml or metrics.csv is absent or broken.
    """
    finished = Finished.of(run)
    subject = Subject(finished, _settings(finished, model))
    blocks = [f"# Model card: {escape(model)}", "**Research use only; not a medical device.**"]
    if finished.synthetic:
        blocks.append("**SYNTHETIC DATA: the cases are drawn, and these numbers say nothing about patients.**")
    blocks.append(
        f"A model of the study “{escape(finished.study.study.name)}”. Every number on this card is read from the "
        f"study's tables; intervals have a level of {100 * finished.study.evaluation.level:g}%."
    )
    for title, told in _SECTIONS:
        blocks += [f"## {title}", *told(subject)]
    return "\n\n".join(blocks) + "\n"


def _settings(run: Finished, model: str) -> ModelSettings:
    """The model's settings, where it is one that osteon fitted and predicted with."""
    if model in run.added:
        raise InputError(
            f"'{model}' was added to predictions.csv by hand: how it was made is not known here, and it has no card",
            file=run.file("predictions"),
        )
    own = [name for name in run.models if name not in run.added]
    if model not in own:
        raise InputError(f"this run has no model '{model}'", file=run.path, fix=suggest(model, own))
    return run.study.model(model)
