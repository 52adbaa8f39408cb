"""``[[models]] kind = "network"``: its settings, its recipes, and what the report says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from osteon.core.run import Tables
from osteon.core.words import counted, listed
from osteon.study.settings import Count, Fraction, ModelSettings, Name, Positive, Settings

_AUGMENTED = {
    "rotate": "rotation up to {:g}°",
    "shift": "shifts up to {:.0%}",
    "scale": "scaling up to {:.0%}",
    "flip": "left-right flips",
    "flip_vertical": "upside-down flips",
    "gamma": "gamma",
    "contrast": "contrast",
    "noise": "noise",
    "jitter": "jitter of the box up to {:.0%}",
}


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

    def in_words(self) -> str:
        """What is varied, and how far."""
        there = {name: words for name, words in _AUGMENTED.items() if getattr(self, name)}
        if not there:
            return "no augmentation"
        return f"live augmentation by {listed(words.format(getattr(self, name)) for name, words in there.items())}"


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


_LEARNING = {"frozen": "the head alone trained", "last-stage": "the last stage and the head trained"}


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
    crops: ClassVar[bool] = True

    @property
    def made_once(self) -> str:
        """A network that learns would take its whole training for every sample."""
        return "" if self.recipe == "frozen" else "its network is trained, which takes too long to be done so often"

    def as_fitted(self) -> Network:
        """The settings that fitting depends on: boxes are averaged in prediction alone."""
        return self.model_copy(update={"average_boxes": 1})

    def pretrained_otherwise(self, other: ModelSettings) -> bool:
        """Whether another network has the same backbone and other weights."""
        return isinstance(other, Network) and self.backbone == other.backbone and self.weights != other.weights

    def relocated(self, moved: Callable[[str], str]) -> Network:
        """The same network with the path of its weights as another folder would say it."""
        if not self.weights.startswith("file:"):
            return self
        return self.model_copy(update={"weights": "file:" + moved(self.weights.removeprefix("file:"))})

    def in_words(self, run: Tables) -> str:
        """The backbone, what it started from and how it was fine-tuned."""
        found = run.started(self.name)
        begun = [str(found[name]) for name in ("pretrained", "sealed") if name in found]
        parts = [f"{self.backbone} from {self.start(run)}", *begun, *self._training()]
        if self.class_weights:
            parts.append("classes weighed by their frequency and the intercept moved back to the training prevalence")
        if self.recipe == "frozen" and self.augment.jitter:
            parts.append(f"learned from boxes jittered by up to {self.augment.jitter:.0%}")
        if self.average_boxes > 1:
            parts.append(f"predictions averaged over {self.average_boxes} boxes around the drawn one")
        if self.seeds > 1:
            parts.append(f"probabilities averaged over {self.seeds} training seeds")
        return f"{'; '.join(parts)} (recipe “{self.recipe}”)"

    def start(self, run: Tables) -> str:
        """What it started from: the record's name and source and the file's digest, never a path."""
        found = run.started(self.name)
        name = str(found.get("record") or ("" if self.weights.startswith("file:") else self.weights))
        if name == "random" or self.weights == "random":
            return "random weights, drawn from the study's seed"
        source, sha = str(found.get("source", "")), str(found.get("weights", ""))
        detail = [source] * bool("://" in source or source.startswith("hf:")) + [f"SHA-256 {sha[:12]}…"] * bool(sha)
        told = f"{name} weights" if name else "weights of a file"
        return f"{told} ({', '.join(detail)})" if detail else told

    def _training(self) -> Iterator[str]:
        if self.recipe == "frozen" and self.head == "logistic":
            yield (
                "the backbone frozen and an L2-penalised logistic regression on its standardised features, the penalty "
                "chosen by inner folds that keep patients whole"
            )
            return
        yield f"{_LEARNING.get(self.recipe, 'all layers trained')} for at most {counted(self.epochs, 'epoch')}"
        yield f"peak learning rate {self.learning_rate:g}, weight decay {self.weight_decay:g}"
        yield f"dropout {self.dropout:g}, {self.loss} loss"
        if self.recipe != "frozen":
            yield f"batches of {self.batch_size}, {self.schedule} schedule"
            yield from [f"layer decay {self.layer_decay:g}"] * (self.layer_decay != 1)
            yield from [f"moving average of the weights {self.ema:g}"] * bool(self.ema)
            yield self.augment.in_words()
        patient = self.schedule == "cosine" or self.recipe == "frozen"
        stopped = f", stopped after {counted(self.patience, 'epoch')} without a better one" if patient else ""
        yield f"kept at the best AUC of patients set aside inside the training cases{stopped}"

    @model_validator(mode="before")
    @classmethod
    def _recipe_defaults(cls, given: Any) -> Any:
        if isinstance(given, dict):
            return {**RECIPES.get(given.get("recipe", "frozen"), {}), **given}
        return given
