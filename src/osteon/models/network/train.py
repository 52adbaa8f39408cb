"""Fine-tuning, the loop in plain view.

What is trained sees development cases only, and of those only the fold's own: early stopping watches patients set aside
inside the training part of the fold (`hold_out`), never the held-out fold and never an external centre.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import distributed, nn
from torch.nn import functional as F

from osteon import stats
from osteon.core.errors import StudyError
from osteon.core.types import Floats
from osteon.models.inputs import augment
from osteon.models.network.build import Classifier
from osteon.study import Augment, Crop, Network

Indices = NDArray[np.intp]
#: Gives the inputs of the cases at these positions; augmented when a Generator is passed.
Batches = Callable[[Indices, np.random.Generator | None], torch.Tensor]


@dataclass(frozen=True)
class Device:
    """Where a network runs and in which precision.

    Attributes:
        device: torch's device.
        dtype: The autocast type of training, or None for float32.
    """

    device: torch.device
    dtype: torch.dtype | None = None

    @classmethod
    def choose(cls, name: str = "auto", precision: str = "auto") -> Device:
        """The device of that name, or the fastest there is, with mixed precision where the device gains from it."""
        if name == "auto":
            name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        if name == "cuda" and distributed.is_initialized():
            name = f"cuda:{distributed.get_rank() % torch.cuda.device_count()}"
        device = torch.device(name)
        if precision == "float32":
            return cls(device)
        if device.type == "cuda":
            return cls(device, torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16)
        if device.type == "mps":
            return cls(device, torch.bfloat16)
        # Without matrix units (AMX) or dot products for it, bfloat16 on a CPU is emulated and slower.
        able = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        return cls(device, torch.bfloat16 if able.get("amx_bf16") or able.get("avx512_bf16") else None)

    @staticmethod
    def check(name: str) -> None:
        """Refuse a device that this machine does not have.

        Raises:
            StudyError: It has none.
        """
        if (name == "cuda" and not torch.cuda.is_available()) or (
            name == "mps" and not torch.backends.mps.is_available()
        ):
            raise StudyError(f"compute.device: this machine has no device '{name}'", fix='Leave it at "auto".')

    @property
    def batch(self) -> int:
        """How many pictures are predicted at once: as many as keep the device busy."""
        return 64 if self.device.type == "cuda" else 16

    def autocast(self) -> torch.autocast:
        """The context in which forward passes run."""
        return torch.autocast(self.device.type, dtype=self.dtype or torch.bfloat16, enabled=self.dtype is not None)


def rank_and_world() -> tuple[int, int]:
    """This process's number and how many there are (``torchrun`` or ``accelerate launch`` start several)."""
    return (distributed.get_rank(), distributed.get_world_size()) if distributed.is_initialized() else (0, 1)


def meet() -> None:
    """Wait until every process has come this far."""
    if distributed.is_initialized():
        distributed.barrier()


def hold_out(
    target: NDArray[np.int64], groups: NDArray[Any], rng: np.random.Generator, share: float = 0.15
) -> tuple[Indices, Indices]:
    """Split training cases into those learned from and those that early stopping watches, by patient, stratified.

    Args:
        target: (n,) labels.
        groups: (n,) patients.
        rng: Source of randomness.
        share: Share of patients of each class that is watched; at least one.

    Returns:
        Positions learned from and positions watched.
    """
    patients, member = np.unique(groups, return_inverse=True)
    positive = np.zeros(len(patients), dtype=np.int64)
    np.maximum.at(positive, member, target)
    watched = np.zeros(len(patients), dtype=bool)
    for value in (0, 1):
        of_class = rng.permutation(np.flatnonzero(positive == value))
        watched[of_class[: max(1, round(share * len(of_class)))]] = len(of_class) > 1
    return np.flatnonzero(~watched[member]), np.flatnonzero(watched[member])


def crop_batches(
    crops: NDArray[np.uint16],
    size: int,
    settings: Augment,
    device: torch.device,
    boxes: Floats | None = None,
    crop: Crop | None = None,
) -> Batches:
    """Batches of crops kept as padded 16-bit pictures: the middle, or a freshly augmented view of the whole.

    Args:
        crops: (n, size + 2 pad, size + 2 pad), usually a memory map.
        size: Side of what comes out.
        settings: Live augmentation.
        device: Where the batch goes before it is augmented.
        boxes: (n, 4) the boxes as drawn, for jitter; None takes the crops themselves for boxes.
        crop: How boxes became crops.
    """
    pad = (crops.shape[1] - size) // 2

    def batch(indices: Indices, rng: np.random.Generator | None) -> torch.Tensor:
        inner = slice(pad, pad + size) if rng is None else slice(None)
        stored = np.ascontiguousarray(crops[indices][:, inner, inner])
        picture = torch.from_numpy(stored).to(device).to(torch.float32)[:, None] / 65535
        if rng is None:
            return picture
        drawn = None if boxes is None else boxes[indices]
        return augment.apply(picture, augment.draw(len(indices), settings, rng, drawn, crop), size)

    return batch


def loss_of(logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor, kind: str) -> torch.Tensor:
    """Weighted binary cross-entropy, or its focal form with gamma 2 (Lin 2017, doi 10.1109/ICCV.2017.324)."""
    each = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    if kind == "focal":
        each = each * (1 - torch.exp(-each)) ** 2
    return (each * weight[target.long()]).mean()


def class_weights(target: NDArray[np.int64], balanced: bool) -> Floats:
    """Weight of class 0 and 1: inverse to their frequency, with mean 1 over cases; or 1 and 1."""
    counts = np.bincount(target, minlength=2)
    return len(target) / (2.0 * counts) if balanced and counts.all() else np.ones(2)


def parameter_groups(network: Classifier, model: Network) -> list[dict[str, Any]]:
    """What is trained at which rate: the head at the full rate, each stage below at ``layer_decay`` of the one above.

    ``last-stage`` leaves all but the last stage as it came; norms and biases are not decayed.
    """
    network.requires_grad_(True)
    stages = [list(network.head.parameters()), *reversed(network.stage_parameters())]
    if model.recipe == "last-stage":
        for frozen in (p for stage in stages[2:] for p in stage):
            frozen.requires_grad_(False)
    groups: list[dict[str, Any]] = []
    for depth, stage in enumerate(stages):
        for decays in (True, False):
            chosen = [p for p in stage if p.requires_grad and (p.ndim > 1) == decays]
            if chosen:
                rate = model.learning_rate * model.layer_decay**depth
                decay = model.weight_decay if decays else 0.0
                groups.append({"params": chosen, "lr": rate, "peak": rate, "weight_decay": decay})
    return groups


def learning_mode(network: nn.Module) -> None:
    """Training mode for what learns; frozen stages keep their batch statistics as they came."""
    network.train()
    for part in network.modules():
        own = list(part.parameters(recurse=False))
        if own and not any(p.requires_grad for p in own):
            part.eval()


@dataclass(frozen=True, eq=False)
class Training:
    """The training cases of a fold.

    Attributes:
        batches: Their inputs by position.
        target: (n,) labels.
        groups: (n,) patients.
    """

    batches: Batches
    target: NDArray[np.int64]
    groups: NDArray[Any]


def fit(
    network: nn.Module,
    cases: Training,
    model: Network,
    parameters: list[dict[str, Any]],
    on: Device,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Train until the patience is used up and leave the network as it was at its best epoch.

    Args:
        network: From a batch to (n,) logits.
        cases: What is learned from.
        model: Recipe.
        parameters: Optimiser groups, each with its peak learning rate as ``peak``.
        on: Device and precision.
        rng: Source of all randomness, dropout included.

    Returns:
        One row an epoch: epoch, rate, loss, validation_loss, validation_auc, best.
    """
    batches, target = cases.batches, cases.target
    inner, watched = hold_out(target, cases.groups, rng)
    rank, world = rank_and_world()
    weight = torch.as_tensor(class_weights(target[inner], model.class_weights), dtype=torch.float32, device=on.device)
    labels = torch.as_tensor(target, dtype=torch.float32, device=on.device)
    optimiser = torch.optim.AdamW(parameters)
    scaler = torch.amp.GradScaler(on.device.type, enabled=on.dtype is torch.float16)
    average = moving_average(network, model.ema)
    trained = nn.parallel.DistributedDataParallel(network) if world > 1 else network
    share = len(inner) // world
    steps = max(1, math.ceil(share / model.batch_size) - (share % model.batch_size == 1))
    plateau = Plateau()
    best: tuple[float, float] = (-math.inf, -math.inf)
    state, rows, since = network.state_dict(), [], 0
    torch.manual_seed(int(rng.integers(2**31)) + rank)
    for epoch in range(model.epochs):
        order = rng.permutation(inner)[: share * world][rank::world]
        learning_mode(network)
        total = 0.0
        for step in range(steps):
            progress = (epoch * steps + step) / (model.epochs * steps)
            factor = plateau.factor if model.schedule == "plateau" else cosine(progress, model.warmup)
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * factor
            chosen = order[step * model.batch_size : (step + 1) * model.batch_size]
            inputs = batches(chosen, rng)
            with on.autocast():
                logits = trained(inputs)
            loss = loss_of(logits.float(), labels[torch.from_numpy(chosen).to(on.device)], weight, model.loss)
            optimiser.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            scaler.step(optimiser)
            scaler.update()
            if average is not None:
                average.update_parameters(network)
            total += float(loss.detach())
        judged = average.module if average is not None else network
        score = logits_of(judged, batches, watched, on)
        validation = float(loss_of(torch.as_tensor(score), labels[watched].cpu().double(), weight.cpu(), model.loss))
        auc = float(stats.auc(target[watched], score)) if len(np.unique(target[watched])) == 2 else math.nan
        merit = (0.0 if math.isnan(auc) else auc, -validation)
        since = 0 if merit > best else since + 1
        if since == 0:
            best, state = merit, copy.deepcopy(judged.state_dict())
        plateau.step(since)
        rows.append(
            {
                "epoch": epoch + 1,
                "rate": model.learning_rate * factor,
                "loss": total / steps,
                "validation_loss": validation,
                "validation_auc": auc,
                "best": since == 0,
            }
        )
        if since >= model.patience and model.schedule == "cosine":
            break
    network.load_state_dict(state)
    return pd.DataFrame(rows)


def moving_average(network: nn.Module, decay: float) -> torch.optim.swa_utils.AveragedModel | None:
    """The exponential moving average of the weights, batch statistics included, or None."""
    if not decay:
        return None
    update = torch.optim.swa_utils.get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=update, use_buffers=True)


def cosine(progress: float, warmup: float) -> float:
    """Linear climb over `warmup`, then half a cosine to zero.

    >>> [round(cosine(t, 0.2), 3) for t in (0.0, 0.1, 0.2, 0.6)]
    [0.0, 0.5, 1.0, 0.5]
    """
    if progress < warmup:
        return progress / warmup
    return (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) / 2 if warmup < 1 else 1.0


class Plateau:
    """The published schedule: the rate is multiplied by 0.618 after 10 epochs without a better validation AUC."""

    def __init__(self, shrink: float = 0.618, patience: int = 10) -> None:
        self.factor, self._shrink, self._patience = 1.0, shrink, patience

    def step(self, since: int) -> None:
        """Take note of how many epochs have passed since the best."""
        if since and since % self._patience == 0:
            self.factor *= self._shrink


def chunks(positions: Indices, size: int) -> Iterator[Indices]:
    """Runs of at most `size` positions."""
    for start in range(0, len(positions), size):
        yield positions[start : start + size]


@torch.inference_mode()
def logits_of(network: nn.Module, batches: Batches, positions: Indices, on: Device, *, fill: bool = False) -> Floats:
    """Logits of the cases at these positions, every case exactly once however many processes there are.

    Args:
        network: A network.
        batches: Pictures by position.
        positions: (n,) which.
        on: Where the network is.
        fill: Whether the last batch is filled up to the size of the others, so that the logit of no case depends in
            its last digits on how many there are.

    Returns:
        (len(positions),) float64.
    """
    network.eval()
    rank, world = rank_and_world()
    mine = np.arange(len(positions))[rank::world]
    parts = []
    for part in chunks(mine, on.batch if fill else 64):
        pictures = batches(positions[part], None)
        if fill:
            pictures = torch.cat([pictures, pictures.new_zeros(on.batch - len(part), *pictures.shape[1:])])
        with on.autocast():
            parts.append(network(pictures)[: len(part)].double().cpu().numpy())
    found: list[Any] = [(mine, np.concatenate(parts) if parts else np.empty(0))]
    if world > 1:
        gathered: list[Any] = [None] * world
        distributed.all_gather_object(gathered, found[0])
        found = gathered
    out = np.full(len(positions), np.nan)
    for where, values in found:
        out[where] = values
    return out


def prior_shift(target: NDArray[np.int64], balanced: bool) -> float:
    """What brings logits learned with class weights back to the prevalence of the training cases."""
    weight = class_weights(target, balanced)
    return float(np.log(weight[0] / weight[1]))
