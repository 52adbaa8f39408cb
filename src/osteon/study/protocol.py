"""``[readers]``: the protocol of a reader study, fixed before the first reading."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from osteon.study.settings import Settings

Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,19}$")]
Text = Annotated[str, Field(min_length=1, max_length=400)]


class Person(Settings):
    """A reader under a name code; who that is stays in the study's own files.

    Attributes:
        code: The name code that every table carries.
        experience: Years of experience.
    """

    code: Code
    experience: Annotated[float, Field(ge=0, le=80)] | None = None


class Item(Settings):
    """One question of a questionnaire.

    Attributes:
        id: Its name in questionnaire.csv.
        text: What the reader is asked.
        kind: ``scale`` (1 to 5, from full disagreement to full agreement), ``choice``, ``number`` or ``text``.
        choices: The answers of a ``choice``.
        reverse: On a ``scale``, agreement means *less* receptiveness.
        required: The reader cannot go on without an answer.
    """

    id: Code
    text: Text
    kind: Literal["scale", "choice", "number", "text"] = "scale"
    choices: tuple[Text, ...] = ()
    reverse: bool = False
    required: bool = True

    @model_validator(mode="after")
    def _choices_belong(self) -> Item:
        if (self.kind == "choice") != (len(self.choices) > 1):
            raise ValueError("choices (two or more) belong to the kind 'choice', and to no other")
        return self


BEFORE = (
    Item(id="expects", text="I expect a model's advice to improve my diagnoses of bone tumours."),
    Item(id="would-change", text="I would change a diagnosis when a well-tested model disagrees with me."),
    Item(id="comfortable", text="I am comfortable with software that analyses radiographs in my daily work."),
    Item(id="alone", text="I would rather decide without knowing what a model says.", reverse=True),
    Item(
        id="uses",
        text="How often do you work with such software today?",
        kind="choice",
        choices=("never", "a few times a year", "every month", "every week", "every day"),
    ),
)
AFTER = (
    Item(id="improved", text="The advice improved my diagnoses."),
    Item(id="recognised", text="I could tell when the advice was wrong."),
    Item(id="slower", text="The advice made me slower.", reverse=True),
    Item(id="wants", text="I would want this advice in my daily work."),
    Item(id="remarks", text="Is there anything we should know?", kind="text", required=False),
)


class Readers(Settings):
    """``[readers]``: who reads which cases in which order, what is asked, and what the model may say.

    Attributes:
        people: The readers.
        cases: How many external cases are read, balanced by centre, class and difficulty; 0 takes all of them.
        positives: Share of positive cases in a sample; 0 keeps the cohort's own.
        design: ``crossed``: every case twice, in two sessions with a wash-out between them. ``sequential``: every case
            once, first unaided and then aided.
        arms: Of a crossed design. ``counterbalanced``: each reader reads half of the cases with advice in the first
            session and the other half in the second. ``unaided-first``: the first session has no advice at all.
        washout_days: Least number of days between the end of the first session and the start of the second.
        model: The model whose advice is shown; empty takes the first of the primary contrast.
        rule: The operating point of that model at which its advice is positive.
        advice: ``shown`` with the picture, or ``on-demand``.
        heatmap: Whether the model's heat map may be asked for.
        question: What is asked of each case; empty makes it from ``answers``.
        answers: The negative and the positive answer in words.
        scale: ``0-100`` or ``5-point``: the confidence that the case is positive.
        call: Ask for a yes or no as well.
        draw_box: Ask for a box around the lesion.
        comment: Offer a line for free text.
        show_box: Show the lesion's box; without it the reader has to find the lesion.
        context: Cohort columns that the reader sees beside the picture.
        views: Show all views of the same lesion of the same patient together, as one case.
        revise: Whether an answer may be changed until the session is closed (always in a sequential design: the
            unaided answer is fixed once the advice has been shown).
        before: Questionnaire before the first case; its scale items are the receptiveness score.
        after: Questionnaire after the last case.
    """

    people: tuple[Person, ...] = ()
    cases: Annotated[int, Field(ge=0)] = 0
    positives: Annotated[float, Field(ge=0, lt=1)] = 0.5
    design: Literal["crossed", "sequential"] = "crossed"
    arms: Literal["counterbalanced", "unaided-first"] = "counterbalanced"
    washout_days: Annotated[float, Field(ge=0, le=3650)] = 28
    model: str = ""
    rule: str = "youden"
    advice: Literal["shown", "on-demand"] = "shown"
    heatmap: bool = True
    question: Annotated[str, Field(max_length=400)] = ""
    answers: tuple[Text, Text] = ("negative", "positive")
    scale: Literal["0-100", "5-point"] = "0-100"
    call: bool = True
    draw_box: bool = False
    comment: bool = False
    show_box: bool = True
    context: tuple[str, ...] = ("age", "sex", "site", "view")
    views: bool = True
    revise: bool = True
    before: tuple[Item, ...] = BEFORE
    after: tuple[Item, ...] = AFTER

    @field_validator("people")
    @classmethod
    def _codes_differ(cls, people: tuple[Person, ...]) -> tuple[Person, ...]:
        codes = [person.code.lower() for person in people]
        if len(set(codes)) < len(codes):
            raise ValueError("two readers have the same code")
        return people

    @field_validator("before", "after")
    @classmethod
    def _items_differ(cls, items: tuple[Item, ...]) -> tuple[Item, ...]:
        if len({item.id for item in items}) < len(items):
            raise ValueError("two items of a questionnaire have the same id")
        return items

    @property
    def sessions(self) -> int:
        """How many sessions each reader has."""
        return 2 if self.design == "crossed" else 1

    @property
    def asked(self) -> str:
        """The question as the reader sees it."""
        return self.question or f"Is this lesion {self.answers[1]}?"
