"""Networks as a kind of model: what their folds are fitted on, how, and what is kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from osteon import study, weights
from osteon.core.errors import InputError
from osteon.core.extras import need
from osteon.core.ledger import digest, file_digest
from osteon.core.tables import written
from osteon.core.types import Floats
from osteon.models.fitted import Saved, mean
from osteon.models.inputs.case import boxes
from osteon.models.inputs.crops import pad_for
from osteon.models.model import Given, Kind, Sealed, Unit, register
from osteon.models.network.engine import Engine, Frozen, Prepared, prepared
from osteon.models.network.fold import FILE, backbone_seed
from osteon.study import Augment, Compute, Crop
from osteon.weights import Pretrained, Resolved

#: Boxes of a case that a frozen network with jitter learns from: the drawn one and two pairs around it.
_LESSONS = 5


@dataclass(frozen=True, eq=False)
class Crops(Given):
    """Crops of all cases, and what a frozen backbone makes of them.

    Attributes:
        model: The network's settings.
        cases: All cases, sealed, in their order.
        weights: Where training starts from.
        size: Side of the input.
        crop: How boxes become crops.
        compute: Device, precision, threads.
        backbone_seed: Of the initial values of a backbone without pretrained weights.
        seed: The study's, from which boxes nearby are drawn.
        crops: Crops of all cases, with the surroundings that training reaches.
        views: Crops of all cases to predict from, `average_boxes` of them a case, the box as drawn first.
        features: Pooled features of the views for a frozen backbone, else None.
        lessons: For a frozen backbone, pooled features to learn from, :func:`lesson_count` of them a case; else None.
        engine: What a frozen backbone runs on; else None.
    """

    model: study.Network
    cases: pd.DataFrame
    weights: Resolved
    size: int
    crop: Crop
    compute: Compute
    backbone_seed: int
    seed: int
    crops: Path
    views: Path
    features: Path | None
    lessons: Path | None
    engine: Engine | None
    files: ClassVar[tuple[str, ...]] = (FILE, "model.json", "history.csv")

    @property
    def by_gradient(self) -> bool:  # type: ignore[override]
        """Whether several GPUs can share a fold."""
        return self.model.recipe != "frozen"

    def learned(self, training: pd.DataFrame) -> str:
        """Digest of the crops of the training cases."""
        from osteon.models.network.pictures import crop_key

        seen = lessons(self.model, self.cases.loc[training.index], self.seed)
        key = crop_key(seen, self.crop, self.size, training_pad(self.model, self.size))
        # Two boxes can have one crop, and yet other boxes near them.
        return digest(key, boxes(seen)) if self.model.augment.jitter else key

    def shown(self, unseen: pd.DataFrame) -> str:
        """Digest of the crops of the unseen cases."""
        from osteon.models.network.pictures import crop_key

        seen = views(self.model, self.cases.loc[unseen.index], self.seed)
        return crop_key(seen, self.crop, self.size, training_pad(self.model, self.size))

    def settings(self) -> Any:
        """The weights, the input and the arithmetic."""
        record, compute = self.weights.record, self.compute.model_dump(mode="json", exclude={"engine"})
        own = [self.weights.sha256, record.name, record.normalisation, self.size, compute, self.backbone_seed]
        return own if self.engine is None else [*own, str(self.engine)]

    def precision(self) -> Any:
        """In which precision it predicts."""
        return self.compute.predict

    def fit(self, unit: Unit) -> Mapping[str, Any]:
        """Fit a head on what a frozen backbone makes of crops, or fine-tune."""
        return _fit_network(unit, self) if self.by_gradient else _fit_head(unit, self)

    def tell(self, unit: Unit) -> Floats:
        """(n,) probabilities of the unseen cases, the mean over boxes."""
        places = _places(unit.unseen["row"].to_numpy(), self.model.average_boxes)
        told = _network_logits if self.by_gradient else _head_logits
        return mean(expit(told(unit, self, places.ravel())).reshape(places.shape))


@register
class Network(Kind):
    """``kind = "network"``."""

    Settings = study.Network
    model: study.Network

    @property
    def freezes(self) -> bool:
        """Whether its backbone does not learn."""
        return self.model.recipe == "frozen"

    @property
    def seeds(self) -> int:
        """How many training seeds it has."""
        return self.model.seeds

    @cached_property
    def weights(self) -> Resolved:
        """What the backbone starts from."""
        settings, source = self.place.study, self.model.weights
        if source.startswith("file:"):
            source = f"file:{settings.folder / source.removeprefix('file:')}"
        search = [settings.folder / settings.study.weights]
        return weights.resolve(source, self.model.backbone, search=search, record=self.model.record)

    @property
    def size(self) -> int:
        """Side of the network's input: its own, the crop's, or what the backbone was made for."""
        from osteon.models.network.build import default_size

        return self.model.size or self.place.study.crop.size or default_size(self.model.backbone)

    def absent(self) -> InputError | None:
        """PyTorch or the weights, where they are not on this machine."""
        try:
            need("networks", "networks")
            self.weights  # noqa: B018 - found, or not
        except InputError as error:
            return error
        return None

    def ready(self) -> Mapping[str, str]:
        """Build the network once, and show it one blank picture: backbone, weights and size have to fit."""
        need("networks", "networks")
        from osteon.models.network.build import build
        from osteon.models.network.train import Device

        if self.place.workers.cluster is None:
            Device.check(self.place.study.compute.device)
        build(self.model.backbone, self.weights, size=self.size).try_size(self.size)
        record = self.weights.record
        told = {name: str(getattr(record, name)) for name in ("source", "licence", "citation")}
        if self._pretrained is not None:
            told["pretrained"] = self._pretrained.in_words()
        return {"weights": self.weights.sha256, "record": record.name, "input_size": str(self.size), **told}

    def sealed(self, external: Collection[str]) -> str:
        """Whether the pictures that osteon pretrained it on were held against the external ones."""
        return "" if self._pretrained is None else self._pretrained.sealed(external)

    @cached_property
    def _pretrained(self) -> Pretrained | None:
        """How osteon pretrained the weights, where it did."""
        return None if self.weights.path is None else Pretrained.of(self.weights.path)

    def given(self, cases: Sealed, told: Mapping[str, Floats], seed: int) -> Crops:
        """Crops, and deep features for a frozen backbone, made once and found again by every fold."""
        from osteon.models.network import pictures

        place, model, size = self.place, self.model, self.size
        crop, root_seed = place.study.crop, place.study.study.seed
        from_seed = backbone_seed(root_seed, seed)

        def stored(cases: pd.DataFrame, pad: int) -> Path:
            return pictures.stored_crops(place, cases, size, pad)

        runs = self._prepared

        def features(crops: Path) -> Path | None:
            if runs is None:
                return None
            return pictures.deep_features(place, crops, self._frozen(seed), runs.engine, runs.tensors(seed))

        every, crops = cases.table, self.crops(cases)
        views_ = crops if model.average_boxes == 1 else stored(views(model, every, root_seed), 0)
        lessons_ = crops if lesson_count(model) == 1 else stored(lessons(model, every, root_seed), 0)
        return Crops(
            model, every, self.weights, size, crop, place.study.compute, from_seed, root_seed,
            crops, views_, features(views_), features(lessons_), None if runs is None else runs.engine,
        )  # fmt: skip

    def forbidden(self) -> str:
        """What the licence of the weights says."""
        return self.weights.record.forbids

    def exchange(self, fitted: Any, folder: Path, title: Mapping[str, Any]) -> None:
        """Write ONNX files, and how to crop and to read what they say."""
        from osteon.models.network.exchange import export

        export(fitted, folder, title=title)

    def crops(self, cases: Sealed) -> Path:
        """(N, S + 2 pad, S + 2 pad) uint16 on disk: what it was fitted on, made again if it was thrown away."""
        from osteon.models.network.pictures import stored_crops

        return stored_crops(self.place, cases.table, self.size, training_pad(self.model, self.size))

    def pooled(self, cases: Sealed) -> Floats | None:
        """(N, F) pooled features of the drawn boxes, of the first training seed's backbone; None where it learns."""
        features = self.given(cases, {}, 0).features if self.freezes else None
        return None if features is None else np.asarray(np.load(features, mmap_mode="r")[:: self.model.average_boxes])

    @classmethod
    def saved_as(cls) -> type[Saved]:
        """How its fitted models are kept."""
        from osteon.models.network.fitted import SavedNetwork

        return SavedNetwork

    def saved(self) -> Saved:
        """The fitted network."""
        from osteon.models.network.fitted import SavedNetwork

        settings, runs = self.place.study, self._prepared
        return SavedNetwork(
            self.model, self.folders(), self.contents(), self.weights, settings.crop, self.size, settings.compute,
            settings.study.seed, None if runs is None else runs.engine, () if runs is None else runs.backbones,
        )  # fmt: skip

    def runs_on(self) -> str:
        """The engine of a frozen backbone, and why it is not another."""
        if self._prepared is None:
            return ""
        engine = self._prepared.engine
        return f"{engine} (not onnxruntime: {engine.note})" if engine.note else str(engine)

    @cached_property
    def _prepared(self) -> Prepared | None:
        """Frozen backbones with what they run on, found or made in the run's cache; None where they learn."""
        if not self.freezes:
            return None
        place = self.place
        count = 1 if self.weights.sha256 else self.seeds
        each = [self._frozen(seed) for seed in range(count)]
        return prepared(each, place.study.compute, place.run.cache, apart=place.workers.cluster is not None)

    def _frozen(self, seed: int) -> Frozen:
        """The backbone of a training seed."""
        return Frozen(self.model.backbone, self.weights, backbone_seed(self.place.study.study.seed, seed), self.size)


def lesson_count(model: study.Network) -> int:
    """From how many boxes of each case a frozen network's head learns: more than one where they are jittered."""
    return _LESSONS if model.recipe == "frozen" and model.augment.jitter else 1


def training_pad(model: study.Network, size: int) -> int:
    """Surroundings that training can reach; a frozen backbone sees no augmentation."""
    return 0 if model.recipe == "frozen" else pad_for(model.augment, size)


def views(model: study.Network, cases: pd.DataFrame, seed: int) -> pd.DataFrame:
    """What a network predicts from: a row for each case and box."""
    from osteon.models.network.pictures import near, nearby

    count = model.average_boxes
    return cases if count == 1 else near(cases, pd.concat([nearby(count, seed)] * len(cases), ignore_index=True))


def lessons(model: study.Network, cases: pd.DataFrame, seed: int) -> pd.DataFrame:
    """What a frozen network's head learns from: a row for each case and box."""
    from osteon.models.network.pictures import lessons_nearby, near

    count = lesson_count(model)
    if count == 1:
        return cases
    return near(cases, lessons_nearby(cases["case_id"], count, seed, model.augment.jitter))


def _places(rows: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """(n, count) places of the cases' crops where each case has so many."""
    return np.asarray(rows[:, None] * count + np.arange(count))


def _arrays(unit: Unit) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[Any]]:
    row, target, cluster = (unit.training[name].to_numpy(copy=True) for name in ("row", "target", "cluster"))
    return row, target, cluster


def _fit_head(unit: Unit, given: Crops) -> Mapping[str, Any]:
    """A linear head on cached features, by logistic regression or by gradient."""
    import torch

    from osteon.models.network import heads

    assert given.lessons is not None
    rng, model = np.random.default_rng(unit.seed), given.model
    count = lesson_count(model)
    rows, target, patients = (np.repeat(values, count) for values in _arrays(unit))
    places = _places(rows[::count], count).ravel()
    features = np.load(given.lessons, mmap_mode="r")[places].astype(np.float64)
    if model.head == "logistic":
        weight, bias, history = heads.logistic_head(features, target, patients, model.class_weights, rng)
    else:
        weight, bias, history = heads.gradient_head(features, target, patients, model, rng)
    state = {"head.1.weight": torch.as_tensor(weight[None]).float(), "head.1.bias": torch.as_tensor([bias]).float()}
    return _save(unit, given, state, history)


def _fit_network(unit: Unit, given: Crops) -> Mapping[str, Any]:
    """Fine-tune the last stage or the whole network on live-augmented crops."""
    import torch

    from osteon.models.network import build, train

    rng, model = np.random.default_rng(unit.seed), given.model
    rows, target, patients = _arrays(unit)
    on = train.Device.choose(given.compute.device, given.compute.precision)
    network = build.build(
        model.backbone, given.weights, dropout=model.dropout, seed=given.backbone_seed, size=given.size
    ).to(on.device)
    crops = np.load(given.crops, mmap_mode="r")
    every = train.crop_batches(crops, given.size, model.augment, on.device, boxes(given.cases), given.crop)

    def batches(indices: NDArray[np.intp], draw: np.random.Generator | None) -> torch.Tensor:
        return every(rows[indices], draw)

    history = train.fit(
        network, train.Training(batches, target, patients), model, train.parameter_groups(network, model), on, rng
    )
    with torch.no_grad():
        network.linear.bias.add_(train.prior_shift(target, model.class_weights))
    return _save(unit, given, network.state_dict(), history) if train.rank_and_world()[0] == 0 else {}


def _save(unit: Unit, given: Crops, state: dict[str, Any], history: pd.DataFrame) -> Mapping[str, Any]:
    from safetensors.torch import save_file

    path = unit.folder / FILE
    with written(path) as beside:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}, beside)
    with written(unit.folder / "history.csv") as beside:
        history.to_csv(beside, index=False, lineterminator="\n")
    record = given.weights.record
    return {
        "input_size": given.size,
        "backbone_seed": given.backbone_seed,
        "weights": {"record": record.name, "source": record.source, "sha256": given.weights.sha256},
        "whole_network": not all(name.startswith("head.") for name in state),
        "model_sha256": file_digest(path),
    }


def _head_logits(unit: Unit, given: Crops, places: NDArray[np.intp]) -> Floats:
    from osteon.models.network.fitted import head, head_logits

    assert given.features is not None
    features = np.load(given.features, mmap_mode="r")[places]
    return head_logits(features, *head(unit.folder))[:, 0]


def _network_logits(unit: Unit, given: Crops, places: NDArray[np.intp]) -> Floats:
    from osteon.models.network import train
    from osteon.models.network.fitted import SavedNetwork

    on = train.Device.choose(given.compute.device, given.compute.predict)
    folders = ((unit.folder,),)
    saved = SavedNetwork(given.model, folders, "", given.weights, given.crop, given.size, given.compute, given.seed)
    network = saved.network(0, 0).to(on.device)
    crops = np.load(given.views, mmap_mode="r")
    return train.logits_of(network, train.crop_batches(crops, given.size, Augment(), on.device), places, on, fill=True)
