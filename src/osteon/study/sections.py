"""The sections of study.toml but for its models: each a frozen group of settings with its defaults."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from osteon.core.cells import meant, number
from osteon.core.words import ASSUMED
from osteon.study.settings import Count, Fraction, Once, Settings, TableName


class StudySection(Settings):
    """``[study]``: what is studied and where the run goes.

    Attributes:
        name: The study's name, as the report prints it.
        cohort: The cohort table, relative to the study file.
        output: The run folder, relative to the study file.
        seed: The one random seed of the study.
        preset: ``fair`` or ``paper``.
        weights: A folder to look for weights files in before the usual places, relative to the study file.
        duplicates: What to do when one picture is on both sides of the development/external line: ``error`` stops,
            ``exclude`` sets the external copy aside and says so in the flow.
        per_patient: Which cases of a patient are taken: ``all``; the ``first`` in the table; the one with the
            ``largest`` box, in pixels; or a list of views, such as ``["AP", "lateral"]``: the first of these that there
            is, then the first in the table.
        agreement: How well those who drew the boxes agree, for the report: ``agreement.csv`` of 'osteon annotate
            export', relative to the study file.
    """

    name: str = "study"
    cohort: str = "cohort.csv"
    output: str = "run"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    preset: Literal["fair", "paper"] = "fair"
    weights: str = "weights"
    duplicates: Literal["error", "exclude"] = "error"
    per_patient: Annotated[tuple[TableName, ...], Once] | Literal["all", "first", "largest"] = "all"
    agreement: str = ""

    @field_validator("per_patient", mode="before")
    @classmethod
    def _a_rule(cls, said: Any) -> Any:
        if said in ("all", "first", "largest") or (isinstance(said, list | tuple) and said):
            return said
        raise ValueError("the rule is 'all', 'first', 'largest' or a list of views")


class Task(Settings):
    """``[task]``: which labels are the positive class; empty means that the labels are 0 and 1 already.

    Attributes:
        positive: Labels that count as positive, spelled as in the table; a number needs no quotes.
        column: The cohort's column that holds the label.
        name: What the positive class is called wherever results are told; a single positive label names it by default.
    """

    positive: tuple[TableName, ...] = ()
    column: TableName = "label"
    name: str = "positive"

    @model_validator(mode="before")
    @classmethod
    def _named_by_its_label(cls, given: Any) -> Any:
        """The one positive label is what people call the class, unless it is a bare number."""
        labels = given.get("positive") if isinstance(given, dict) and "name" not in given else None
        match labels:
            case [str() as label] if meant(label) and number(meant(label)) is None:
                return {**given, "name": meant(label)}
        return given


class Centres(Settings):
    """``[centres]``: the two roles of a centre.

    Attributes:
        development: Centres that models are made from, spelled as in the table; a number needs no quotes.
        external: Centres that they are tested on; empty takes all that are not development.
    """

    development: Annotated[tuple[TableName, ...], Field(min_length=1)]
    external: tuple[TableName, ...] = ()

    @model_validator(mode="after")
    def _disjoint(self) -> Centres:
        both = sorted(set(self.development) & set(self.external))
        if both:
            raise ValueError(f"centre {both[0]!r} is both development and external")
        return self


class Crop(Settings):
    """``[crop]``: from a box to the picture a network sees.

    Attributes:
        margin: Added on each side, as a fraction of the box's side.
        size: Side of the square network input in pixels; None takes what the backbone was made for.
        square: Widen the shorter side so that the aspect ratio is kept; otherwise the crop is stretched.
        min_box: A box with a side under this many pixels of the stored image is set aside.
    """

    margin: Annotated[float, Field(ge=0, le=2)] = 0.15
    size: Annotated[int, Field(ge=32, le=1024)] | None = None
    square: bool = True
    min_box: Annotated[float, Field(ge=1)] = 4


class Evaluation(Settings):
    """``[evaluation]``: folds, thresholds and the one prespecified contrast.

    Attributes:
        primary: The primary pair of models, a - b; empty takes the first two models.
        margin: The primary question is then whether a is not inferior to b by more than this much in AUC, one-sided at
            half of 1 - ``level``; none asks whether either is better.
        folds: Number of cross-validation folds, grouped by patient and stratified; ``style`` is short for 5 of them and
            5 styles.
        fold_column: A column of the cohort that says which fold each development case is held out in, in place of folds
            that osteon deals; it has as many values as ``folds`` says.
        styles: Clusters of acquisition style (grey levels at the borders, noise, sharpness, size) that every model is
            also fitted without, and judged on, in turn; 0 for none. The figures stand beside those of the folds.
        rotate: Whether each centre is also held out in turn and every model made from all others, a secondary analysis
            after the main one: how performance travels from centre to centre.
        refits: Bootstrap samples of patients on which every model of tables and every head on a frozen network is made
            anew, folds and tuning included: how far each prediction hangs on who happened to be in development; 0 for
            none.
        bootstrap: Number of bootstrap samples where an interval needs them.
        sensitivity: The chosen sensitivity of the second operating point (the first is Youden's).
        specificity: The chosen specificity of the third.
        level: Confidence level of every interval.
        thresholds: Range of threshold probabilities of the decision curve, low and high.
        subgroups: Cohort columns to report within; numbers are cut at the development median.
        unsure: How often a case's prediction set may leave its true class out, in each class; a case whose set holds
            both classes is called unsure. Fixed on development, out of fold.
    """

    primary: tuple[str, ...] = ()
    margin: float | None = None
    folds: Annotated[int, Field(ge=2, le=20)] = 5
    fold_column: TableName | None = None
    styles: Annotated[int, Field(ge=0, le=20)] = 0
    rotate: bool = False
    refits: Annotated[int, Field(ge=0, le=10_000)] = 0
    bootstrap: Annotated[int, Field(ge=100)] = 2000
    sensitivity: Annotated[float, Field(gt=0, lt=1)] = 0.9
    specificity: Annotated[float, Field(gt=0, lt=1)] = 0.9
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    thresholds: tuple[Fraction, Fraction] = (0.02, 0.8)
    subgroups: Annotated[tuple[TableName, ...], Once] = ()
    unsure: Annotated[float, Field(gt=0, lt=0.5)] = 0.1

    @model_validator(mode="before")
    @classmethod
    def _by_style(cls, said: Any) -> Any:
        """``folds = "style"``: ordinary folds, and as many styles unless the study names another number."""
        if isinstance(said, dict) and said.get("folds") == "style":
            return {"styles": 5, **said, "folds": 5}
        return said

    @field_validator("styles")
    @classmethod
    def _more_than_one(cls, value: int) -> int:
        if value == 1:
            raise ValueError("one style is all cases; name 2 or more, or 0 for none")
        return value

    @field_validator("refits")
    @classmethod
    def _enough_for_limits(cls, value: int) -> int:
        if 0 < value < 20:
            raise ValueError("limits of 95% take 20 samples or more; 200 is usual, and 0 is none")
        return value

    @field_validator("thresholds")
    @classmethod
    def _low_and_high(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] > value[1]:
            raise ValueError(f"the low threshold, {value[0]:g}, is above the high one, {value[1]:g}")
        return value

    @field_validator("margin")
    @classmethod
    def _a_loss_that_would_be_accepted(cls, value: float | None) -> float | None:
        if value is not None and not 0 < value < 0.5:
            raise ValueError(
                "a margin lies between 0 and 0.5, the AUC of chance below that of certainty; 0.05 is usual"
            )
        return value

    @model_validator(mode="after")
    def _margin_of_a_pair(self) -> Evaluation:
        if self.margin is not None and not self.primary:
            raise ValueError('a margin belongs to a pair of models; name it, e.g. primary = ["new", "old"]')
        return self

    @field_validator("primary")
    @classmethod
    def _pair(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) not in (0, 2) or len(set(value)) != len(value):
            raise ValueError("the primary contrast is a pair of two different models")
        return value


class Robustness(Settings):
    """``[robustness]``: how strongly boxes and pictures are perturbed, in fractions of the box's side.

    Attributes:
        grades: ``fractions``: boxes are changed by assumed fractions, the lists below. ``annotators``: each box is
            exchanged for another annotator's, by differences that were measured; the lists are empty then.
        differences: The table of measured differences (``differences.csv`` of 'osteon annotate export'), relative to
            the study file.
        shift: Grades of translation.
        scale: Grades of relative change of size.
        aspect: Grades of relative change of aspect ratio.
        combined: Grades of all three at once.
        image: Whether the picture itself is changed as well (rotation, gamma, noise, blur, JPEG, markers masked).
        repeats: Random draws a case and grade; 0 leaves the step out.
        cases: How many external cases are perturbed, as equally as can be from each centre and class; -1 takes all.
    """

    grades: Literal["fractions", "annotators"] = "fractions"
    differences: str = ""
    shift: Annotated[tuple[Fraction, ...], Once] = (0.05, 0.1, 0.2, 0.3)
    scale: Annotated[tuple[Fraction, ...], Once] = (0.1, 0.2, 0.3)
    aspect: Annotated[tuple[Fraction, ...], Once] = (0.1, 0.2)
    combined: Annotated[tuple[Fraction, ...], Once] = (0.1, 0.2)
    image: bool = True
    repeats: Annotated[int, Field(ge=0)] = 10
    cases: Annotated[int, Field(ge=-1)] = -1

    @model_validator(mode="before")
    @classmethod
    def _one_source_of_changes(cls, said: Any) -> Any:
        """Assumed fractions or measured differences, never both."""
        if not isinstance(said, dict):
            return said
        measured = said.get("grades") == "annotators"
        if measured != bool(said.get("differences")):
            raise ValueError("grades = 'annotators' and differences, the measured table, belong together")
        if measured and any(said.get(kind) for kind in ASSUMED):
            raise ValueError(
                "with grades = 'annotators' boxes are changed as measured: take the lists of fractions out"
            )
        return {**said, **dict.fromkeys(ASSUMED, ())} if measured else said

    @model_validator(mode="after")
    def _something_changes(self) -> Robustness:
        if self.grades == "annotators":
            return self
        if self.repeats and not (self.image or self.shift or self.scale or self.aspect or self.combined):
            raise ValueError("nothing is changed: no list has a grade, and image is false; repeats = 0 says so")
        return self


class Explain(Settings):
    """``[explain]``: class-activation maps and their scores.

    Attributes:
        methods: ``gradcam``, ``gradcam++``, ``hirescam``, ``occlusion``.
        cases: How many external cases are explained; 0 leaves the step out, -1 takes all.
        sanity: Whether maps of randomised weights and labels are scored as well.
    """

    methods: Annotated[tuple[Literal["gradcam", "gradcam++", "hirescam", "occlusion"], ...], Once] = ("gradcam",)
    cases: Annotated[int, Field(ge=-1)] = -1
    sanity: bool = True

    @property
    def quick(self) -> tuple[str, ...]:
        """The methods that need one forward pass; stability and sanity are measured with these."""
        return tuple(method for method in self.methods if method != "occlusion")

    @model_validator(mode="after")
    def _some_method(self) -> Explain:
        if self.cases and not self.methods:
            raise ValueError("no method is named; cases = 0 leaves the step out")
        return self


class FiguresSection(Settings):
    """``[figures]``: the files that each figure is written to, beside the SVG that the report shows.

    Attributes:
        also: ``pdf`` (text as text), ``png`` or ``tiff``; an empty list leaves the SVG alone.
        dpi: Dots per inch of PNG and TIFF.
    """

    also: Annotated[tuple[Literal["pdf", "png", "tiff"], ...], Once] = ("pdf",)
    dpi: Annotated[int, Field(ge=72, le=1200)] = 300


class Compute(Settings):
    """``[compute]``: what can change the last bits of a result; the number of jobs cannot, and is not a setting.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        precision: Of training: ``auto`` (bfloat16 or float16 where the device is faster with it) or ``float32``.
        predict: Of final predictions: ``float32`` unless the study says ``auto``.
        threads: CPU threads of one work unit.
        engine: What frozen backbones run on: ``torch``, ``onnxruntime`` (faster, on the processor alone), or ``auto``:
            onnxruntime where the extra ``onnx`` is installed, the device is the processor and the backbone can be
            translated; else torch.
    """

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "float32"] = "auto"
    predict: Literal["float32", "auto"] = "float32"
    threads: Count = 1
    engine: Literal["auto", "torch", "onnxruntime"] = "auto"
