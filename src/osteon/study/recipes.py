"""``[[models]]``: the settings of every kind of model, and the models of a study that names none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, GetCoreSchemaHandler, model_validator
from pydantic_core import core_schema

from osteon.study.settings import Count, Fraction, Name, Once, Positive, Settings, TableName


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


class ModelSettings(Settings):
    """What every ``[[models]]`` entry says; a kind of model adds its own settings.

    Attributes:
        kind: The kind's name, a literal.
        name: The model's name in every table.
        looks: Whether it looks at the box or the picture, so that changing them can change what it tells.
        maps: Whether it may have maps of where it looks.
        baseline: Whether it is the shortcut that every other model has to beat.
    """

    kind: str
    name: Name
    looks: ClassVar[bool] = True
    maps: ClassVar[bool] = False
    baseline: ClassVar[bool] = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Clinical columns of the cohort that it reads."""
        return ()

    @property
    def needs(self) -> tuple[str, ...]:
        """Models whose probabilities it is made from."""
        return ()

    def as_fitted(self) -> ModelSettings:
        """The settings that fitting depends on."""
        return self

    def relocated(self, moved: Callable[[str], str]) -> ModelSettings:
        """The same model with every path as another folder would say it."""
        return self


class Network(ModelSettings):
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
    maps: ClassVar[bool] = True

    def as_fitted(self) -> Network:
        """The settings that fitting depends on: boxes are averaged in prediction alone."""
        return self.model_copy(update={"average_boxes": 1})

    def relocated(self, moved: Callable[[str], str]) -> Network:
        """The same network with the path of its weights as another folder would say it."""
        if not self.weights.startswith("file:"):
            return self
        return self.model_copy(update={"weights": "file:" + moved(self.weights.removeprefix("file:"))})

    @model_validator(mode="before")
    @classmethod
    def _recipe_defaults(cls, given: Any) -> Any:
        if isinstance(given, dict):
            return {**RECIPES.get(given.get("recipe", "frozen"), {}), **given}
        return given


class Radiomics(ModelSettings):
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
        icc: Reliability filter: least ICC(3,1) under box perturbation, below 1; 0 for none.
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
    icc: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Clinical(ModelSettings):
    """``[[models]] kind = "clinical"``: logistic regression on chosen columns, imputed and encoded inside the folds.

    Attributes:
        name: The model's name.
        variables: Cohort columns.
    """

    kind: Literal["clinical"] = "clinical"
    name: Name = "clinical"
    variables: Annotated[tuple[TableName, ...], Field(min_length=1), Once] = ("age", "sex", "site")
    looks: ClassVar[bool] = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Clinical columns of the cohort that it reads."""
        return self.variables


class Combined(ModelSettings):
    """``[[models]] kind = "combined"``: another model's out-of-fold score + clinical columns.

    Attributes:
        name: The model's name.
        of: The model that gives the score.
        variables: Clinical columns.
    """

    kind: Literal["combined"] = "combined"
    name: Name = "combined"
    of: str
    variables: Annotated[tuple[TableName, ...], Once] = ("age", "sex", "site")
    looks: ClassVar[bool] = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Clinical columns of the cohort that it reads."""
        return self.variables

    @property
    def needs(self) -> tuple[str, ...]:
        """The model that gives the score."""
        return (self.of,)


class Box(ModelSettings):
    """``[[models]] kind = "box"``: the box's size and position alone, the shortcut baseline; always run.

    Attributes:
        name: The model's name.
    """

    kind: Literal["box"] = "box"
    name: Name = "box"
    baseline: ClassVar[bool] = True


#: The kinds of model that a study may name; :func:`register` adds to them.
KINDS: dict[str, type[ModelSettings]] = {
    kind.model_fields["kind"].default: kind for kind in (Network, Radiomics, Clinical, Combined, Box)
}


class _OfAnyKind:
    """Tells pydantic to choose a model's settings by its ``kind``, among those there are by now."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        choices = {name: handler.generate_schema(kind) for name, kind in KINDS.items()}
        return core_schema.tagged_union_schema(choices, discriminator="kind")


Model = Annotated[ModelSettings, _OfAnyKind]


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
