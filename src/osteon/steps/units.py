"""Work units: one fold of one model, from its training cases to probabilities of all cases that it has not seen.

A unit is given the labels of its own training cases and no other: neither those of the held-out fold nor any of an
external centre.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from osteon import tables, tabular
from osteon.crops import pad_for
from osteon.steps.folder import digest, file_digest, write_json
from osteon.study import Augment, Compute, Crop, Model, Network
from osteon.tables import written
from osteon.types import Floats
from osteon.version import __version__
from osteon.weights import Resolved

#: Raised when the way models are made changes, so that older ones are made anew.
RECIPE_VERSION = 1
#: Boxes of a case that a frozen network with jitter learns from: the drawn one and two pairs around it.
_LESSONS = 5

PROBABILITIES = tables.Contract(
    "probabilities",
    {"case_id": tables.Column(unique=True), "probability": tables.Column("number", low=0, high=1)},
)


@dataclass(frozen=True, eq=False)
class Unit:
    """One fold of one model.

    Attributes:
        name: The unit's name in the ledger, e.g. ``resnet50/fold-2``.
        folder: Where its files go.
        model: The model's settings.
        fold: Which fold is held out.
        training_seed: Which of the model's training seeds this is.
        training: Training cases: row (position among all cases), target, cluster (cases that share a patient
            or a picture), and for tabular models the design.
        unseen: Held-out and external cases: case_id, row, and the design; no label.
        seed: Entropy of this unit's random numbers.
        training_inputs: Digest of the pictures or the design of the training cases.
        unseen_inputs: Digest of the pictures or the design of the unseen cases.
        fit: Whether it has to be fitted; otherwise it only predicts.
    """

    name: str
    folder: Path
    model: Model
    fold: int
    training_seed: int
    training: pd.DataFrame
    unseen: pd.DataFrame
    seed: tuple[int, ...]
    training_inputs: str
    unseen_inputs: str
    fit: bool = True
    network: NetworkInputs | None = None

    @property
    def fit_key(self) -> str:
        """What the fitted model depends on: settings, training cases with their labels, pictures, seed."""
        return digest(
            RECIPE_VERSION,
            _as_fitted(self.model),
            self.training[["case_id", "cluster", "target"]],
            self.training_inputs,
            self.seed,
            self.network.settings if self.network else None,
        )

    @property
    def predict_key(self) -> str:
        """What its probabilities depend on: the fitted model and the unseen cases."""
        precision = self.network.compute.predict if self.network else None
        return digest(self.fit_key, list(self.unseen["case_id"]), self.unseen_inputs, precision)

    @property
    def model_files(self) -> list[Path]:
        """What fitting writes."""
        if self.network is None:
            return [self.folder / "model.skops", self.folder / "model.json"]
        return [self.folder / "model.safetensors", self.folder / "model.json", self.folder / "history.csv"]

    @property
    def trains_by_gradient(self) -> bool:
        """Whether several GPUs can share the unit."""
        return self.fit and isinstance(self.model, Network) and self.model.recipe != "frozen"

    @property
    def probabilities(self) -> Path:
        """What predicting writes."""
        return self.folder / "probabilities.csv"


@dataclass(frozen=True)
class NetworkInputs:
    """What a network unit needs beside its cases.

    Attributes:
        weights: Where training starts from.
        size: Side of the input.
        crop: How boxes become crops.
        drawn: (N, 4) the boxes of all cases.
        crops: Crops of all cases, with the surroundings that training reaches.
        views: Crops of all cases to predict from, `boxes` of them a case, the box as drawn first.
        features: Pooled features of the views for a frozen backbone, else None.
        lessons: For a frozen backbone, pooled features to learn from, :func:`lesson_count` of them a case; else None.
        compute: Device, precision, threads.
        backbone_seed: Of the initial values of a backbone without pretrained weights.
        boxes: Over how many boxes a prediction is averaged.
    """

    weights: Resolved
    size: int
    crop: Crop
    drawn: Floats
    crops: Path
    views: Path
    features: Path | None
    lessons: Path | None
    compute: Compute
    backbone_seed: int
    boxes: int

    @property
    def settings(self) -> list[Any]:
        """The part that a fitted model depends on."""
        record = self.weights.record
        return [
            self.weights.sha256,
            record.name,
            record.normalisation,
            self.size,
            self.compute,
            self.backbone_seed,
        ]


def input_size(model: Network, crop_size: int | None) -> int:
    """Side of the network's input: its own, the crop's, or what the backbone was made for."""
    from osteon.models import default_size

    return model.size or crop_size or default_size(model.backbone)


def _as_fitted(model: Model) -> Model:
    """The settings that fitting depends on: boxes are averaged in prediction alone."""
    return model.model_copy(update={"average_boxes": 1}) if isinstance(model, Network) else model


def lesson_count(model: Network) -> int:
    """From how many boxes of each case a frozen network's head learns: more than one where they are jittered."""
    return _LESSONS if model.recipe == "frozen" and model.augment.jitter else 1


def _places(rows: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """(n, count) places of the cases' crops where each case has so many."""
    return np.asarray(rows[:, None] * count + np.arange(count))


def training_pad(model: Network, size: int) -> int:
    """Surroundings that training can reach; a frozen backbone sees no augmentation."""
    return 0 if model.recipe == "frozen" else pad_for(model.augment, size)


def run_unit(unit: Unit) -> None:
    """Fit the unit if it has to be, then predict its unseen cases."""
    if unit.network is None:
        _run_tabular(unit)
    else:
        _run_network(unit, unit.network)


def _write_probabilities(unit: Unit, probability: Floats) -> None:
    from osteon.train import rank_and_world

    if rank_and_world()[0] == 0:
        frame = pd.DataFrame({"case_id": unit.unseen["case_id"].to_numpy(), "probability": probability})
        tables.write(frame, unit.probabilities, PROBABILITIES)


def _describe(unit: Unit, **facts: Any) -> None:
    target = unit.training["target"]
    write_json(
        unit.folder / "model.json",
        {
            "model": _as_fitted(unit.model).model_dump(mode="json"),
            "training_cases": len(target),
            "training_groups": int(unit.training["cluster"].nunique()),
            "training_positive": int(target.sum()),
            "seed": list(unit.seed),
            **facts,
            "osteon": __version__,
        },
    )


# Tabular models ------------------------------------------------------------------------------------------------------


def _run_tabular(unit: Unit) -> None:
    columns = [name for name in unit.unseen if name not in ("case_id", "row", "cluster", "target")]
    path = unit.folder / "model.skops"
    if unit.fit:
        estimator = tabular.build(unit.model, seed=_small_seed(unit.seed))
        target = unit.training["target"].to_numpy()
        estimator.fit(unit.training[columns], target, groups=unit.training["cluster"].to_numpy())
        estimator.save(path)
        _describe(unit)
    estimator = tabular.load(path)
    probability = estimator.predict_proba(unit.unseen[columns])[:, 1] if len(unit.unseen) else np.empty(0)
    _write_probabilities(unit, probability)


def _small_seed(seed: tuple[int, ...]) -> int:
    return int(np.random.default_rng(seed).integers(2**31))


# Networks ------------------------------------------------------------------------------------------------------------


def _run_network(unit: Unit, given: NetworkInputs) -> None:
    assert isinstance(unit.model, Network)
    if unit.fit:
        if unit.model.recipe == "frozen":
            _fit_head(unit, unit.model, given)
        else:
            _fit_network(unit, unit.model, given)
    places = _places(unit.unseen["row"].to_numpy(), given.boxes)
    told = _head_logits if unit.model.recipe == "frozen" else _network_logits
    probability = 1 / (1 + np.exp(-told(unit, given, places.ravel())))
    _write_probabilities(unit, probability.reshape(places.shape).mean(axis=1))


def _arrays(unit: Unit) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[Any]]:
    row, target, cluster = (unit.training[name].to_numpy(copy=True) for name in ("row", "target", "cluster"))
    return row, target, cluster


def _fit_head(unit: Unit, model: Network, given: NetworkInputs) -> None:
    """A linear head on cached features, by logistic regression or by gradient."""
    import torch

    from osteon import train

    assert given.lessons is not None
    rng = np.random.default_rng(unit.seed)
    count = lesson_count(model)
    rows, target, patients = (np.repeat(values, count) for values in _arrays(unit))
    places = _places(rows[::count], count).ravel()
    features = np.load(given.lessons, mmap_mode="r")[places].astype(np.float64)
    if model.head == "logistic":
        weight, bias, history = train.logistic_head(features, target, patients, model.class_weights, rng)
    else:
        weight, bias, history = train.gradient_head(features, target, patients, model, rng)
    state = {"head.1.weight": torch.as_tensor(weight[None]).float(), "head.1.bias": torch.as_tensor([bias]).float()}
    _save_network(unit, given, state, history)


def _fit_network(unit: Unit, model: Network, given: NetworkInputs) -> None:
    """Fine-tune the last stage or the whole network on live-augmented crops."""
    import torch

    from osteon import models, train

    rng = np.random.default_rng(unit.seed)
    rows, target, patients = _arrays(unit)
    on = train.Device.choose(given.compute.device, given.compute.precision)
    network = models.build(
        model.backbone, given.weights, dropout=model.dropout, seed=given.backbone_seed, size=given.size
    ).to(on.device)
    crops = np.load(given.crops, mmap_mode="r")
    every = train.crop_batches(crops, given.size, model.augment, on.device, given.drawn, given.crop)

    def batches(indices: NDArray[np.intp], draw: np.random.Generator | None) -> torch.Tensor:
        return every(rows[indices], draw)

    history = train.fit(network, batches, target, patients, model, train.parameter_groups(network, model), on, rng)
    with torch.no_grad():
        network.linear.bias.add_(train.prior_shift(target, model.class_weights))
    if train.rank_and_world()[0] == 0:
        _save_network(unit, given, network.state_dict(), history)
    train.meet()


def _save_network(unit: Unit, given: NetworkInputs, state: dict[str, Any], history: pd.DataFrame) -> None:
    from safetensors.torch import save_file

    path = unit.folder / "model.safetensors"
    with written(path) as beside:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}, beside)
    with written(unit.folder / "history.csv") as beside:
        history.to_csv(beside, index=False, lineterminator="\n")
    record = given.weights.record
    _describe(
        unit,
        input_size=given.size,
        backbone_seed=given.backbone_seed,
        weights={"record": record.name, "source": record.source, "sha256": given.weights.sha256},
        whole_network=not all(name.startswith("head.") for name in state),
        model_sha256=file_digest(path),
    )


def _head_logits(unit: Unit, given: NetworkInputs, places: NDArray[np.intp]) -> Floats:
    from safetensors.numpy import load_file

    assert given.features is not None
    head = load_file(unit.folder / "model.safetensors")
    features = np.load(given.features, mmap_mode="r")[places].astype(np.float64)
    return np.asarray(features @ head["head.1.weight"][0].astype(np.float64) + head["head.1.bias"].astype(np.float64))


def _network_logits(unit: Unit, given: NetworkInputs, places: NDArray[np.intp]) -> Floats:
    from osteon import predict, train

    on = train.Device.choose(given.compute.device, given.compute.predict)
    network = predict.load_network(unit.folder, given.weights).to(on.device)
    views = np.load(given.views, mmap_mode="r")
    return train.logits_of(network, train.crop_batches(views, given.size, Augment(), on.device), places, on)
