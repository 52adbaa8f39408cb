"""One question of the first page and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from markupsafe import Markup

from osteon.results.report.page import Block, bullets


@dataclass(frozen=True)
class Answer:
    """A question of the study and what it found.

    Attributes:
        question: In plain words.
        verdict: The answer in one sentence.
        told: The sentences that bear it out.
        picture: A small picture.
        section: Anchor of the section with all of it; empty where there is none.
        listed: Whether the sentences are a list.
    """

    question: str
    verdict: str
    told: tuple[str, ...]
    picture: Markup = field(default_factory=Markup)
    section: str = ""
    listed: bool = False

    def __html__(self) -> str:
        said: Block | Markup = bullets(self.told) if self.listed else Markup("<p>{}</p>").format(" ".join(self.told))
        more = Markup('<p class="more"><a href="#{}">All of it</a></p>').format(self.section) if self.section else ""
        return Markup(
            '<article class="answer"><h3>{}</h3><p class="verdict">{}</p>{}{}{}</article>'
        ).format(self.question, self.verdict, self.picture, said if self.told else "", more)  # fmt: skip
