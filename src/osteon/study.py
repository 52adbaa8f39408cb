"""study.toml <-> a frozen Study. Unknown settings are refused, with the nearest known one.

Everything has a default. ``preset = "fair"`` (the default) is the study as it should be run; ``preset = "paper"`` takes
the published settings of the 2026 study (doi 10.1186/s13244-026-02271-y) as far as they are known.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

import tomli_w
from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from osteon.cells import is_missing, plain, trimmed
from osteon.errors import StudyError, suggest
from osteon.protocol import Readers
from osteon.settings import Settings, TableName
from osteon.tables import columns, contents, written


def _no_missing_word(name: str) -> str:
    if is_missing(trimmed(name)):
        raise ValueError(f"{name!r} counts as a missing value in every table of the run")
    return name


Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ,._+-]*$", max_length=60), AfterValidator(_no_missing_word)
]


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
    """

    name: str = "study"
    cohort: str = "cohort.csv"
    output: str = "run"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    preset: Literal["fair", "paper"] = "fair"
    weights: str = "weights"
    duplicates: Literal["error", "exclude"] = "error"


class Task(Settings):
    """``[task]``: which labels are the positive class; empty means that the labels are 0 and 1 already.

    Attributes:
        positive: Labels that count as positive, spelled as in the table; a number needs no quotes.
        column: The cohort's column that holds the label.
        name: What the positive class is called in the report.
    """

    positive: tuple[TableName, ...] = ()
    column: TableName = "label"
    name: str = "positive"


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


class Augment(Settings):
    """Live augmentation, drawn anew for every picture in every epoch; a frozen backbone sees jitter alone.

    Attributes:
        rotate: Greatest rotation in degrees.
        shift: Greatest translation as a fraction of the crop's side.
        scale: Greatest relative change of scale.
        flip: Chance of a left-right flip.
        flip_vertical: Chance of an upside-down flip.
        gamma: Greatest log2 change of gamma.
        contrast: Greatest relative change of contrast.
        noise: Greatest standard deviation of added noise (pixels are in [0, 1]).
        jitter: Greatest shift and log-scale of the *box* itself, as a fraction of its side, drawn before the crop. The
            head of a frozen backbone learns from five such boxes of each case.
    """

    rotate: Annotated[float, Field(ge=0, le=180)] = 15
    shift: Fraction = 0.05
    scale: Fraction = 0.1
    flip: Fraction = 0.5
    flip_vertical: Fraction = 0.0
    gamma: Annotated[float, Field(ge=0, le=2)] = 0.3
    contrast: Fraction = 0.1
    noise: Fraction = 0.02
    jitter: Fraction = 0.0


#: What each recipe sets unless the study says otherwise.
RECIPES: dict[str, dict[str, Any]] = {
    "frozen": {"epochs": 100, "learning_rate": 1e-3, "weight_decay": 1e-2, "patience": 20},
    "last-stage": {"epochs": 20, "learning_rate": 3e-4, "weight_decay": 1e-2, "patience": 6},
    "full": {"epochs": 30, "learning_rate": 2e-4, "weight_decay": 5e-2, "patience": 8, "layer_decay": 0.6},
    "paper": {
        "epochs": 100,
        "learning_rate": 4e-3,
        "weight_decay": 0.0,
        "patience": 10,
        "batch_size": 128,
        "dropout": 0.5,
        "loss": "focal",
        "class_weights": False,
        "schedule": "plateau",
        "warmup": 0.0,
        "augment": Augment(rotate=10, shift=0.2, scale=0.2, flip=0.5, flip_vertical=0.5, gamma=0, contrast=0, noise=0),
    },
}


class Network(Settings):
    """``[[models]] kind = "network"``: a backbone, the weights it starts from, and how it is fine-tuned.

    Attributes:
        name: The model's name in every table.
        backbone: ``resnet50``, ``inception_v3``, or any timm backbone.
        weights: ``imagenet``, ``radimagenet``, ``random``, ``file:PATH``, ``timm:NAME`` or a record's name.
        record: The record that describes an unknown file.
        recipe: ``frozen``, ``last-stage``, ``full`` or ``paper``; sets the defaults of what follows.
        size: Side of the input in pixels; None takes the crop's.
        head: How a frozen recipe fits its head: ``logistic`` (closed optimisation) or ``gradient``.
        epochs: Greatest number of passes.
        batch_size: Pictures in a step.
        learning_rate: Peak rate of the head; stage i below it has ``rate * layer_decay ** i``.
        layer_decay: Discriminative learning rates.
        weight_decay: Decoupled weight decay (AdamW).
        schedule: ``cosine`` or ``plateau`` (on the inner validation AUC).
        warmup: Share of the steps over which the rate climbs.
        patience: Epochs without a better inner validation AUC before training stops.
        ema: Decay of the moving average of weights; 0 for none.
        dropout: Before the head.
        loss: ``cross-entropy`` or ``focal`` (gamma 2).
        class_weights: Weigh classes inversely to their frequency.
        augment: Live augmentation.
        average_boxes: Test-time averaging over this many boxes, the drawn one and others within 10% of its sides around
            it; 1 for the drawn box alone.
        seeds: How many training seeds; their probabilities are averaged and their spread reported.
    """

    kind: Literal["network"] = "network"
    name: Name
    backbone: str = "resnet50"
    weights: str = "imagenet"
    record: str | None = None
    recipe: Literal["frozen", "last-stage", "full", "paper"] = "frozen"
    size: Annotated[int, Field(ge=32, le=1024)] | None = None
    head: Literal["logistic", "gradient"] = "logistic"
    epochs: Count = 30
    batch_size: Count = 32
    learning_rate: Positive = 2e-4
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    schedule: Literal["cosine", "plateau"] = "cosine"
    warmup: Fraction = 0.1
    patience: Count = 8
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    loss: Literal["cross-entropy", "focal"] = "cross-entropy"
    class_weights: bool = True
    augment: Augment = Augment()
    average_boxes: Count = 1
    seeds: Count = 1

    @model_validator(mode="before")
    @classmethod
    def _recipe_defaults(cls, given: Any) -> Any:
        if isinstance(given, dict):
            return {**RECIPES.get(given.get("recipe", "frozen"), {}), **given}
        return given


class Radiomics(Settings):
    """``[[models]] kind = "radiomics"``: elastic-net logistic regression on features of the lesion.

    Attributes:
        name: The model's name.
        region: ``mask`` (the box where a case has none) or ``box``.
        bins: Fixed bin number of the discretisation.
        filters: Filtered images to add: ``log-SIGMA``, ``wavelet``, ``gradient``, ``lbp``.
        spacing: Resample to this many mm where the spacing is known; None keeps the pixels.
        with_box: Add the box's size and position.
        correlation: Of two features correlated above this, one is dropped, inside each fold.
        rule: ``best`` or ``1se`` (the sparsest within one standard error).
        icc: Reliability filter: least ICC(3,1) under box perturbation; 0 for none.
    """

    kind: Literal["radiomics"] = "radiomics"
    name: Name = "radiomics"
    region: Literal["mask", "box"] = "mask"
    bins: Annotated[int, Field(ge=4, le=256)] = 32
    filters: tuple[str, ...] = ()
    spacing: Positive | None = None
    with_box: bool = False
    correlation: Annotated[float, Field(gt=0, le=1)] = 0.95
    rule: Literal["best", "1se"] = "best"
    icc: Fraction = 0.0


class Clinical(Settings):
    """``[[models]] kind = "clinical"``: logistic regression on chosen columns, imputed and encoded inside the folds.

    Attributes:
        name: The model's name.
        variables: Cohort columns.
    """

    kind: Literal["clinical"] = "clinical"
    name: Name = "clinical"
    variables: Annotated[tuple[TableName, ...], Field(min_length=1)] = ("age", "sex", "site")


class Combined(Settings):
    """``[[models]] kind = "combined"``: another model's out-of-fold score + clinical columns.

    Attributes:
        name: The model's name.
        of: The model that gives the score.
        variables: Clinical columns.
    """

    kind: Literal["combined"] = "combined"
    name: Name = "combined"
    of: str
    variables: tuple[TableName, ...] = ("age", "sex", "site")


class Box(Settings):
    """``[[models]] kind = "box"``: the box's size and position alone, the shortcut baseline; always run.

    Attributes:
        name: The model's name.
    """

    kind: Literal["box"] = "box"
    name: Name = "box"


Model = Annotated[Network | Radiomics | Clinical | Combined | Box, Field(discriminator="kind")]


class Evaluation(Settings):
    """``[evaluation]``: folds, thresholds and the one prespecified contrast.

    Attributes:
        primary: The primary pair of models, a - b; empty takes the first two models.
        folds: Number of cross-validation folds, grouped by patient and stratified.
        bootstrap: Number of bootstrap samples where an interval needs them.
        sensitivity: The chosen sensitivity of the second operating point (the first is Youden's).
        level: Confidence level of every interval.
        thresholds: Range of threshold probabilities of the decision curve, low and high.
        subgroups: Cohort columns to report within; numbers are cut at the development median.
    """

    primary: tuple[str, ...] = ()
    folds: Annotated[int, Field(ge=2, le=20)] = 5
    bootstrap: Annotated[int, Field(ge=100)] = 2000
    sensitivity: Annotated[float, Field(gt=0, lt=1)] = 0.9
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    thresholds: tuple[Fraction, Fraction] = (0.02, 0.8)
    subgroups: tuple[TableName, ...] = ()

    @field_validator("primary")
    @classmethod
    def _pair(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) not in (0, 2) or len(set(value)) != len(value):
            raise ValueError("the primary contrast is a pair of two different models")
        return value


class Robustness(Settings):
    """``[robustness]``: how strongly boxes and pictures are perturbed, in fractions of the box's side.

    Attributes:
        shift: Grades of translation.
        scale: Grades of relative change of size.
        aspect: Grades of relative change of aspect ratio.
        combined: Grades of all three at once.
        image: Whether the picture itself is changed as well (rotation, gamma, noise, blur, JPEG, markers masked).
        repeats: Random draws a case and grade; 0 leaves the step out.
        cases: How many external cases are perturbed, as equally as can be from each centre and class; -1 takes all.
    """

    shift: tuple[Fraction, ...] = (0.05, 0.1, 0.2, 0.3)
    scale: tuple[Fraction, ...] = (0.1, 0.2, 0.3)
    aspect: tuple[Fraction, ...] = (0.1, 0.2)
    combined: tuple[Fraction, ...] = (0.1, 0.2)
    image: bool = True
    repeats: Annotated[int, Field(ge=0)] = 10
    cases: Annotated[int, Field(ge=-1)] = -1


class Explain(Settings):
    """``[explain]``: class-activation maps and their scores.

    Attributes:
        methods: ``gradcam``, ``gradcam++``, ``hirescam``, ``occlusion``.
        cases: How many external cases are explained; 0 leaves the step out, -1 takes all.
        sanity: Whether maps of randomised weights and labels are scored as well.
    """

    methods: tuple[Literal["gradcam", "gradcam++", "hirescam", "occlusion"], ...] = ("gradcam",)
    cases: Annotated[int, Field(ge=-1)] = -1
    sanity: bool = True


class Compute(Settings):
    """``[compute]``: what can change the last bits of a result; the number of jobs cannot, and is not a setting.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        precision: Of training: ``auto`` (bfloat16 or float16 where the device is faster with it) or ``float32``.
        predict: Of final predictions: ``float32`` unless the study says ``auto``.
        threads: CPU threads of one work unit.
    """

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "float32"] = "auto"
    predict: Literal["float32", "auto"] = "float32"
    threads: Count = 1


class Study(Settings):
    """A whole study. ``folder`` is where its file lies; paths in it are relative to that."""

    study: StudySection = StudySection()
    task: Task = Task()
    centres: Centres
    crop: Crop = Crop()
    models: Annotated[tuple[Model, ...], Field(min_length=1)]
    evaluation: Evaluation = Evaluation()
    robustness: Robustness = Robustness()
    explain: Explain = Explain()
    compute: Compute = Compute()
    readers: Readers | None = None
    folder: Annotated[Path, Field(exclude=True)] = Path()

    _kinds: ClassVar[tuple[str, ...]] = ("network", "radiomics", "clinical", "combined", "box")

    @model_validator(mode="before")
    @classmethod
    def _always_a_box_baseline(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("models"), list | tuple):
            kinds = [m.get("kind") if isinstance(m, dict) else getattr(m, "kind", None) for m in given["models"]]
            if "box" not in kinds:
                given = {**given, "models": [*given["models"], {"kind": "box", "name": "box"}]}
        return given

    @model_validator(mode="after")
    def _names_agree(self) -> Study:
        names = [model.name for model in self.models]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two models are named '{name}'")
            alike = [other for other in names if other != name and plain(other) == plain(name)]
            if alike:
                raise ValueError(f"the models '{name}' and '{alike[0]}' differ in case or spaces only")
        for index, model in enumerate(self.models):
            if isinstance(model, Combined):
                if model.of not in names:
                    raise ValueError(f"models[{index}].of: no model '{model.of}'. {suggest(model.of, names)}")
                if isinstance(self.model(model.of), Combined):
                    raise ValueError(f"models[{index}].of: '{model.of}' is itself a combined model")
        for name in self.evaluation.primary:
            if name not in names:
                raise ValueError(f"evaluation.primary: no model '{name}'. {suggest(name, names)}")
        return self

    def model(self, name: str) -> Model:
        """The model of that name."""
        return next(model for model in self.models if model.name == name)

    @property
    def primary(self) -> tuple[str, str]:
        """The primary pair; the first two models unless the study names others."""
        first = [model.name for model in self.models][:2]
        pair = self.evaluation.primary or tuple(first)
        return (pair[0], pair[-1])

    @property
    def cohort_path(self) -> Path:
        """Where the cohort table lies."""
        return self.folder / self.study.cohort

    @property
    def run_path(self) -> Path:
        """Where the run goes."""
        return self.folder / self.study.output

    def relocated(self, folder: Path) -> Study:
        """The same study as a file in another folder would say it: every path relative to that folder."""

        def moved(path: str) -> str:
            return Path(os.path.relpath(self.folder / path, folder)).as_posix()

        section = self.study.model_copy(
            update={name: moved(getattr(self.study, name)) for name in ("cohort", "output", "weights")}
        )
        models = tuple(
            model.model_copy(update={"weights": "file:" + moved(model.weights.removeprefix("file:"))})
            if isinstance(model, Network) and model.weights.startswith("file:")
            else model
            for model in self.models
        )
        return self.model_copy(update={"study": section, "models": models, "folder": folder})

    def to_toml(self) -> str:
        """The resolved study, every default written out."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True), multiline_strings=False)

    def write(self, path: Path) -> None:
        """Write the resolved study, atomically."""
        with written(path) as beside:
            beside.write_text(self.to_toml(), encoding="utf-8")


def load(path: str | Path) -> Study:
    """Read a study file.

    Args:
        path: A ``study.toml``.

    Returns:
        The study with every default filled in.

    Raises:
        StudyError: The file is absent, not TOML, or holds an unknown or impossible setting.
        TableError: No models are named, and the cohort table, whose columns decide which are taken, cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "study.toml"
    given = _parsed(path)
    folder = path.parent
    section = given.get("study")
    section = section if isinstance(section, dict) else {}
    preset = section.get("preset", "fair")
    if preset == "paper" and isinstance(given.setdefault("crop", {}), dict):
        given["crop"].setdefault("margin", 0.0)
    if "models" not in given:
        cohort = folder / str(section.get("cohort", "cohort.csv"))
        # An absent cohort is told by whoever reads it.
        given["models"] = default_models(set(columns(cohort)) if cohort.is_file() else set(), preset)
    try:
        return Study(**given, folder=folder)
    except ValidationError as error:
        raise _explained(error, path) from None


def default_models(columns: set[str], preset: str) -> list[dict[str, Any]]:
    """The models of a study that names none: the question of the 2026 paper, asked of this cohort.

    Args:
        columns: The cohort's columns; clinical models use age, sex and site where they exist.
        preset: ``fair`` or ``paper``.
    """
    recipe = "paper" if preset == "paper" else "frozen"
    backbones = ("resnet50", "inception_v3") if preset == "paper" else ("resnet50",)
    models: list[dict[str, Any]] = [
        {
            "kind": "network",
            "name": f"{backbone}-{weights}",
            "backbone": backbone,
            "weights": weights,
            "recipe": recipe,
        }
        for backbone in backbones
        for weights in ("radimagenet", "imagenet")
    ]
    models.append({"kind": "radiomics", "name": "radiomics"})
    clinical = [name for name in ("age", "sex", "site") if name in columns]
    if clinical:
        models.append({"kind": "clinical", "name": "clinical", "variables": clinical})
        models.append({"kind": "combined", "name": "combined", "of": models[0]["name"], "variables": clinical})
    return models


def _parsed(path: Path) -> dict[str, Any]:
    """What a TOML file says, in any Unicode encoding."""
    try:
        text = contents(path, error=StudyError, fix="Save it as UTF-8 text.")
    except FileNotFoundError:
        raise StudyError("no such study file", file=path, fix="'osteon demo' makes an example.") from None
    except IsADirectoryError:
        raise StudyError("not a TOML file (it is a folder)", file=path) from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        line = text.splitlines()[int(place[1]) - 1].strip()[:80] if place else ""
        fix = None
        if set(line) & set("\u201c\u201d\u2018\u2019\u201e\u00ab\u00bb"):
            fix = 'Quotes have to be straight: " and not \u201c or \u201d.'
        elif "\\" in line:
            fix = "Write paths with /, or between single quotes."
        elif re.search(r"[=\[,]\s*0\d", line):
            fix = "Put quotes around a number that begins with 0."
        said = f"{error}: {line}" if line else str(error)
        raise StudyError(f"not a TOML file ({said})", file=path, fix=fix) from None


def _explained(error: ValidationError, path: Path) -> StudyError:
    """The first complaint of pydantic as a sentence a radiologist can act on."""
    complaints = error.errors(include_url=False)
    # A misspelt section is also a missing one: the misspelling is the news.
    first = next((c for c in complaints if c["type"] == "extra_forbidden"), complaints[0])
    steps = [step for step in first["loc"] if step not in Study._kinds]
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")
    if first["type"] == "extra_forbidden":
        known = _known_settings(first["loc"])
        return StudyError(f"unknown setting '{place}'", file=path, fix=suggest(str(steps[-1]), known))
    if first["type"] == "missing":
        return StudyError(
            f"the setting '{place}' is missing",
            file=path,
            fix=f"Add it, e.g. {_EXAMPLES.get(place, place + ' = ...')}.",
        )
    if first["type"] == "union_tag_invalid" or first["type"] == "union_tag_not_found":
        return StudyError(f"'{place}' needs a kind", file=path, fix=f"Choose one of {', '.join(Study._kinds)}.")
    message = first["msg"].removeprefix("Value error, ").replace("a valid tuple", 'a list, such as ["1"]')
    value = first.get("input")
    shown = f" (it is {value!r})" if isinstance(value, str | int | float | bool) else ""
    return StudyError(f"'{place}': {message}{shown}" if place else message, file=path)


_EXAMPLES = {"centres": '[centres] development = ["1"]', "centres.development": 'development = ["1"]'}


def _known_settings(location: tuple[int | str, ...]) -> list[str]:
    """The settings that exist where an unknown one was found."""
    kinds: dict[str, type[Settings]] = {
        "network": Network,
        "radiomics": Radiomics,
        "clinical": Clinical,
        "combined": Combined,
        "box": Box,
    }
    here: type[Settings] = Study
    for step in location[:-1]:
        if isinstance(step, int) or step == "models":
            continue
        if step in kinds:
            here = kinds[step]
            continue
        annotation = here.model_fields[str(step)].annotation
        # the group itself, or the group inside `Readers | None` and `tuple[Person, ...]`
        inside = (annotation, *get_args(annotation))
        here = next((kind for kind in inside if isinstance(kind, type) and issubclass(kind, Settings)), here)
    return [name for name in here.model_fields if name != "folder"]
