"""``[readers]``: the protocol of a reader study, fixed before the first reading."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from osteon.study.settings import Settings

Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,19}$")]
#: What the pages can speak.
Language = Literal["en", "de", "es", "fr", "ja", "zh-Hans"]
Text = Annotated[str, Field(min_length=1, max_length=400)]


class Person(Settings):
    """A reader under a name code; who that is stays in the study's own files.

    Attributes:
        code: The name code that every table carries.
        experience: Years of experience.
        language: What the pages speak to this reader; empty takes the study's.
    """

    code: Code
    experience: Annotated[float, Field(ge=0, le=80)] | None = None
    language: Language | Literal[""] = ""


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


#: The code of the person who conducts a reader study.
ADMINISTRATOR = "admin"
#: Cohort columns that a reader may see without more ado: what a request form says and nobody is known by.
HARMLESS = ("age", "sex", "site", "view", "side", "laterality")
#: Words that describe a lesion; anything else is a thing, and takes an article.
_ADJECTIVES = frozenset(
    {"benign", "malignant", "intermediate", "aggressive", "indolent", "suspicious", "locally aggressive", "positive"}
    | {"negative", "abnormal", "normal", "fractured", "primary", "metastatic", "cancerous", "neoplastic"}
)
_Side = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]


def ask(kinds: Iterable[str]) -> str:
    """Ask whether a lesion is of one of several kinds, as a radiologist would.

    >>> ask(["malignant", "giant cell tumor"])
    'Is this lesion malignant or a giant cell tumor?'
    >>> ask(["non-benign"])
    'Is this lesion anything other than benign?'
    """
    return f"Is this lesion {' or '.join(_as_said(kind.strip()) for kind in kinds)}?"


def _as_said(kind: str) -> str:
    lower = kind.lower()
    for negation in ("non-", "non ", "not "):
        if lower.startswith(negation):
            return f"anything other than {_as_said(kind[len(negation) :].strip())}"
    if lower in _ADJECTIVES or lower.startswith(("a ", "an ", "the ")):
        return lower if lower in _ADJECTIVES else kind
    return f"{'an' if lower[:1] in 'aeio' else 'a'} {kind}"


class BurnedIn(Settings):
    """``[readers.burned_in]``: text in the pixels, and what was decided about it from the contact sheet.

    Text outside the anatomy is painted over without asking. For everything else the cases are named here; ``"all"``
    stands for every case.

    Attributes:
        side_markers: ``mask`` or ``keep`` a letter L or R that stands alone.
        paint: Cases whose text over the anatomy is painted over, too.
        confirmed: Cases looked at on the contact sheet, in which nothing is left that identifies anybody.
        boxes: Case to boxes that are painted over besides: x0, y0, x1, y1 in pixels of the picture.
    """

    side_markers: Literal["mask", "keep"] = "mask"
    paint: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()
    boxes: dict[str, tuple[tuple[_Side, _Side, _Side, _Side], ...]] = Field(default_factory=dict)

    @field_validator("boxes")
    @classmethod
    def _have_an_area(cls, boxes: dict[str, tuple[tuple[float, ...], ...]]) -> dict[str, tuple[tuple[float, ...], ...]]:
        for case, drawn in boxes.items():
            for x0, y0, x1, y1 in drawn:
                if not (x0 < x1 and y0 < y1):
                    raise ValueError(f"a box of case {case!r} has no area; give x0, y0, x1, y1")
        return boxes

    def names(self, setting: Literal["paint", "confirmed"], case_id: str) -> bool:
        """Whether a case is named in a list."""
        listed = getattr(self, setting)
        return "all" in listed or case_id in listed


class Readers(Settings):
    """``[readers]``: who reads which cases in which order, what is asked, and what the model may say.

    Attributes:
        people: The readers.
        language: What the pages speak: ``en``, ``de``, ``es``, ``fr``, ``ja`` or ``zh-Hans``; empty takes what each
            reader's browser asks for. Readers may switch. Your own question, answers and items stay as you write them.
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
        question: What is asked of each case; empty makes it from the labels of the positive class, or from ``answers``.
        answers: The negative and the positive answer in words; empty takes the labels of the two classes, or no and yes
            where there are more than two of a class.
        scale: ``0-100`` or ``5-point``: the confidence that the case is positive.
        call: Ask for a yes or no as well.
        draw_box: Ask for a box around the lesion; an answer without one is refused.
        localisation: When a drawn box is on the lesion. ``iou``: it overlaps the lesion's box enough. ``centre``: its
            centre lies in the lesion's box.
        localisation_iou: The least intersection over union of the two boxes.
        no_lesion: Let the reader answer that there is no lesion instead of drawing a box.
        comment: Offer a line for free text.
        show_box: Show the lesion's box; without it the reader has to find the lesion.
        context: Cohort columns that the reader sees beside the picture. Ages over 89 are shown as ">89".
        context_confirmed: Columns of ``context`` other than age, sex, site, view, side and laterality, and those with
            values that look like a name, a date or a number of somebody, which you have looked at and found harmless.
        burned_in: Text in the pixels.
        views: Show all views of the same lesion of the same patient together, as one case.
        revise: Whether an answer may be changed until the session is closed (always in a sequential design: the
            unaided answer is fixed once the advice has been shown).
        consent: What readers agree to before anything else; empty lines part paragraphs. Who does not agree sees no
            case. Empty asks for no consent.
        instructions: What readers are told before the first questionnaire; empty tells nothing.
        before: Questionnaire before the first case; its scale items are the receptiveness score.
        after: Questionnaire after the last case.
    """

    people: tuple[Person, ...] = ()
    language: Language | Literal[""] = ""
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
    answers: tuple[Text, Text] | tuple[()] = ()
    scale: Literal["0-100", "5-point"] = "0-100"
    call: bool = True
    draw_box: bool = False
    localisation: Literal["iou", "centre"] = "iou"
    localisation_iou: Annotated[float, Field(gt=0, le=1)] = 0.5
    no_lesion: bool = False
    comment: bool = False
    show_box: bool = True
    context: tuple[str, ...] = ("age", "sex", "site", "view")
    context_confirmed: tuple[str, ...] = ()
    burned_in: BurnedIn = BurnedIn()
    views: bool = True
    revise: bool = True
    consent: Annotated[str, Field(max_length=8000)] = ""
    instructions: Annotated[str, Field(max_length=8000)] = ""
    before: tuple[Item, ...] = BEFORE
    after: tuple[Item, ...] = AFTER

    @field_validator("people")
    @classmethod
    def _codes_differ(cls, people: tuple[Person, ...]) -> tuple[Person, ...]:
        codes = [person.code.lower() for person in people]
        if len(set(codes)) < len(codes):
            raise ValueError("two readers have the same code")
        if ADMINISTRATOR in codes:
            raise ValueError(f"no reader can be called {ADMINISTRATOR!r}, which is who conducts the study")
        return people

    @field_validator("before", "after")
    @classmethod
    def _items_differ(cls, items: tuple[Item, ...]) -> tuple[Item, ...]:
        if len({item.id for item in items}) < len(items):
            raise ValueError("two items of a questionnaire have the same id")
        return items

    @model_validator(mode="after")
    def _boxes_fit(self) -> Readers:
        if self.no_lesion and not self.draw_box:
            raise ValueError("no_lesion belongs to draw_box = true: without a box there is nothing to leave out")
        loose = sorted(set(self.context_confirmed) - set(self.context))
        if loose:
            raise ValueError(f"context_confirmed names {loose[0]!r}, which is not in context")
        return self

    @property
    def sessions(self) -> int:
        """How many sessions each reader has."""
        return 2 if self.design == "crossed" else 1

    @property
    def asked(self) -> str:
        """The question as the reader sees it."""
        if self.question:
            return self.question
        return ask([self.answers[1]]) if self.answers and self.answers[1].lower() != "yes" else "Is it positive?"
