"""The training loop of pretraining: one pass after the other, in plain view, from any step of which it can go on."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from osteon.core.errors import InputError
from osteon.core.ledger import digest, stream
from osteon.core.progress import Progress
from osteon.core.tables import written
from osteon.core.types import Floats
from osteon.models.inputs import augment
from osteon.models.network.build import Classifier
from osteon.models.network.train import Device, cosine
from osteon.pretraining.judging import merit, probe, scatter
from osteon.pretraining.objectives import Batch, Objectives, lessons, turned
from osteon.pretraining.pictures import Material
from osteon.pretraining.settings import Pretraining

#: How often what was learned is kept, besides after every pass.
_SECONDS_BETWEEN_SAVES = 60.0
#: Pictures on which what is learned is measured: held out, and learned from (for the probe); at most.
_JUDGED = 1000
_WARMUP = 0.1

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Pool:
    """All pictures of all sources, counted through.

    Attributes:
        sources: The sources.
        learned: Of each source, the positions learned from.
        held_out: Of each source, the positions kept apart: whole patients.
    """

    sources: Sequence[Material]
    learned: Sequence[Indices]
    held_out: Sequence[Indices]
    _first: Indices = field(init=False)

    def __post_init__(self) -> None:
        sizes = [len(source.pictures) for source in self.sources]
        object.__setattr__(self, "_first", np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp))

    @classmethod
    def of(cls, sources: Sequence[Material], share: float, seed: int) -> Pool:
        """Hold out a share of each source's patients."""
        learned, held_out = [], []
        for source in sources:
            rng = np.random.default_rng([seed, stream("held out"), stream(source.name)])
            patients = rng.permutation(np.unique(source.patients))
            out = np.isin(source.patients, patients[: max(1, round(share * len(patients)))])
            learned.append(np.flatnonzero(~out))
            held_out.append(np.flatnonzero(out))
        return cls(sources, learned, held_out)

    def numbers(self, positions: Sequence[Indices]) -> Indices:
        """Positions within each source, counted through all sources."""
        return np.concatenate([first + each for first, each in zip(self._first, positions, strict=False)])

    def batch(self, numbers: Indices) -> tuple[Tensor, Batch]:
        """Pictures by their numbers: (n, 1, S, S) in [0, 1], and what is known of them."""
        source = np.searchsorted(self._first, numbers, side="right") - 1
        place = numbers - self._first[source]
        width = max((s.labels.shape[1] for s in self.sources if s.labels is not None and s.several), default=1)
        stored = np.empty((len(numbers), *self.sources[0].pictures.shape[1:]), dtype=np.uint16)
        labels = np.full((len(numbers), width), -1, dtype=np.int64)
        for number, one in enumerate(self.sources):
            here = np.flatnonzero(source == number)
            if not len(here):
                continue
            stored[here] = one.pictures[place[here]]
            if one.labels is not None:
                told = one.labels[place[here]].reshape(len(here), -1)
                labels[here, : told.shape[1]] = told
        pictures = torch.from_numpy(stored).to(torch.float32)[:, None] / 65535
        return pictures, Batch(torch.from_numpy(source), torch.from_numpy(labels), torch.zeros(len(numbers)).long())


@dataclass(eq=False)
class _State:
    """How far it is.

    Attributes:
        step: Steps done.
        loss: Sum of each objective's losses in this pass so far.
        curves: One row a pass.
    """

    step: int = 0
    loss: dict[str, float] = field(default_factory=dict)
    curves: list[dict[str, Any]] = field(default_factory=list)


class Learning:
    """A backbone on its way.

    Args:
        network: What learns; on its device.
        how: The settings.
        pool: The pictures.
        on: Device and precision.
        kept: Where what was learned so far is kept.
        origin: Digest of what the network started from.
    """

    def __init__(self, network: Classifier, how: Pretraining, pool: Pool, on: Device, kept: Path, origin: str) -> None:
        self.network, self.how, self.pool, self.on, self.kept = network, how, pool, on, kept
        taught = lessons(pool.sources, pool.learned)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed("heads"))
            self.objectives = Objectives(how.objectives, network.n_features, taught).to(on.device)
        if not (self.objectives.taught or set(how.objectives) - {"labels"}):
            raise InputError("there is nothing to learn: no source has two labels to tell apart")
        count = sum(map(len, pool.learned))
        if count < how.batch_size:
            raise InputError(
                f"{count} pictures are learned from, which are less than a batch", fix=f"Set batch_size below {count}."
            )
        self.steps_a_pass = count // how.batch_size
        self.key = digest(
            origin, how.model_dump(exclude={"name", "output", "interpolate", "folder_of_weights"}),
            [source.digest for source in pool.sources], str(on.device.type), str(on.dtype), torch.get_num_threads(),
        )  # fmt: skip
        parameters = [*network.backbone.parameters(), *self.objectives.parameters()]
        self._optimiser = torch.optim.AdamW(
            [
                {"params": [p for p in parameters if p.ndim > 1], "weight_decay": how.weight_decay},
                {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
            ],
            lr=how.rate,
        )
        self._at = _State()

    @property
    def curves(self) -> list[dict[str, Any]]:
        """One row a pass: what was learned."""
        return self._at.curves

    def run(self, progress: Progress) -> None:
        """Go on from what is kept, or from the beginning, to the end.

        Raises:
            InputError: The network has come to tell all pictures alike.
        """
        at, how = self._at, self.how
        if self._resume() and at.step:
            progress.say(f"going on after step {at.step} of {how.epochs * self.steps_a_pass}")
        begun, before = time.monotonic(), at.step
        saved = begun
        with progress(how.epochs * self.steps_a_pass, f"pretraining {how.backbone}") as bar:
            bar.advance(at.step)
            for number in range(len(at.curves), how.epochs):
                order = self._rng("order", number).permutation(self.pool.numbers(self.pool.learned))
                self.network.train()
                while at.step < (number + 1) * self.steps_a_pass:
                    start = at.step % self.steps_a_pass * how.batch_size
                    self._learn(order[start : start + how.batch_size])
                    bar.advance()
                    if time.monotonic() - saved > _SECONDS_BETWEEN_SAVES:
                        self._save()
                        saved = time.monotonic()
                at.curves.append(self._judge(number + 1))
                at.loss = {}
                self._save()
                saved = time.monotonic()
                left = (saved - begun) / (at.step - before) * (how.epochs * self.steps_a_pass - at.step)
                progress.say(f"{_in_words(at.curves[-1], how.epochs)}; {left / 60:.0f} min left")

    def _learn(self, numbers: Indices) -> None:
        """One step: a rate, a batch, its losses, their gradients."""
        at, how, steps = self._at, self.how, self.how.epochs * self.steps_a_pass
        rng = self._rng("step", at.step)
        torch.manual_seed(int(rng.integers(2**31)))
        for group in self._optimiser.param_groups:
            group["lr"] = how.rate * cosine(at.step / steps, _WARMUP)
        pictures, batch = self.pool.batch(numbers)
        pictures = pictures.to(self.on.device)
        turns = torch.from_numpy(rng.integers(0, 4, len(numbers)))
        if self.objectives.orientation is None:
            turns.zero_()
        batch = Batch(*(part.to(self.on.device) for part in (batch.sources, batch.labels, turns)))
        views = [
            turned(augment.apply(pictures, augment.draw(len(numbers), how.augment, rng), how.size), batch.turns)
            for _ in range(self.objectives.views)
        ]
        inputs = torch.cat(views)
        if at.step < how.coarse * steps and how.size * 2 // 3 >= self.network.smallest:
            inputs = F.interpolate(inputs, scale_factor=2 / 3, mode="bilinear", antialias=True)
        with self.on.autocast():
            features = self.network.features(inputs.contiguous(memory_format=torch.channels_last))
        losses = self.objectives(features.float().view(len(views), len(numbers), -1), batch)
        loss = torch.stack(list(losses.values())).sum()
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        for name, value in losses.items():
            at.loss[name] = at.loss.get(name, 0.0) + float(value.detach())
        at.step += 1
        if not math.isfinite(float(loss.detach())):
            raise _collapse(f"in step {at.step} the loss is no number any more")

    def _judge(self, number: int) -> dict[str, Any]:
        """What is learned after a pass: losses, held-out accuracy, linear probe, scatter.

        Raises:
            InputError: The network has come to tell all pictures alike.
        """
        self.network.eval()
        share = _JUDGED // len(self.pool.sources)
        unseen = [positions[:share] for positions in self.pool.held_out]
        some = [self._rng("probe", i).permutation(p)[:share] for i, p in enumerate(self.pool.learned)]
        features = [self._features(each) for each in self._of_each(unseen)]
        row: dict[str, Any] = {"pass": number, "learning_rate": self._optimiser.param_groups[0]["lr"]}
        row |= {f"loss_{name}": total / self.steps_a_pass for name, total in self._at.loss.items()}
        found = scatter(np.concatenate(features))
        row |= {"effective_rank": found.rank, "spread": found.spread, "held_out": {}, "probe": {}}
        if found.collapsed:
            raise _collapse(
                f"after pass {number} all pictures look the same to the network (effective rank {found.rank:.2f} of "
                f"{self.network.n_features}, spread {found.spread:.3f})"
            )
        heads = {
            lesson.number: head for lesson, head in zip(self.objectives.taught, self.objectives.labels, strict=True)
        }
        for i, source in enumerate(self.pool.sources):
            if source.labels is None:
                continue
            truth = source.labels[unseen[i]]
            if i in heads:
                with torch.inference_mode():
                    told = heads[i](torch.from_numpy(features[i]).float().to(self.on.device)).double().cpu().numpy()
                row["held_out"][source.name] = merit(told, truth)
            seen = self._features(self._of_each(some)[i])
            linear = probe(seen, source.labels[some[i]], features[i])
            if linear is not None:
                row["probe"][source.name] = merit(linear, truth)
        if self.objectives.orientation is not None:
            row["orientation"] = self._oriented(np.concatenate(self._of_each(unseen)))
        return row

    def _of_each(self, positions: Sequence[Indices]) -> list[Indices]:
        """Numbers of the pictures at these positions of each source."""
        none = np.empty(0, dtype=np.intp)
        return [
            self.pool.numbers([each if i == j else none for j, each in enumerate(positions)])
            for i in range(len(positions))
        ]

    @torch.inference_mode()
    def _features(self, numbers: Indices, turns: Tensor | None = None) -> Floats:
        """(n, F) features of pictures as they are, or turned."""
        found = [np.empty((0, self.network.n_features))]
        for start in range(0, len(numbers), 64):
            pictures, _ = self.pool.batch(numbers[start : start + 64])
            if turns is not None:
                pictures = turned(pictures, turns[start : start + 64])
            with self.on.autocast():
                features = self.network.features(pictures.to(self.on.device))
            found.append(features.double().cpu().numpy())
        return np.concatenate(found)

    def _oriented(self, numbers: Indices) -> float:
        """Share of pictures of which the network tells by how many quarter turns they were turned."""
        assert self.objectives.orientation is not None
        turns = torch.arange(len(numbers)) % 4
        features = torch.from_numpy(self._features(numbers, turns)).float().to(self.on.device)
        with torch.inference_mode():
            told = self.objectives.orientation(features).argmax(dim=1).cpu()
        return float((told == turns).double().mean())

    def _rng(self, name: str, number: int) -> np.random.Generator:
        return np.random.default_rng([self.how.seed, stream(f"pretraining {name}"), number])

    def _seed(self, name: str) -> int:
        return int(self._rng(name, 0).integers(2**31))

    def _save(self) -> None:
        """Keep everything that the next step depends on."""
        tensors = {f"network/{name}": tensor for name, tensor in self.network.backbone.state_dict().items()}
        tensors |= {f"objectives/{name}": tensor for name, tensor in self.objectives.state_dict().items()}
        for number, values in self._optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{number}/{name}": tensor for name, tensor in values.items()}
        at = {"key": self.key, "step": self._at.step, "loss": self._at.loss, "curves": self._at.curves}
        with written(self.kept) as beside:
            save_file(
                {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, beside,
                metadata={"osteon": json.dumps(at)},
            )  # fmt: skip

    def _resume(self) -> bool:
        """Take up what is kept, where it was made with these settings from these pictures."""
        try:
            with safe_open(self.kept, "pt") as file:
                at = json.loads((file.metadata() or {}).get("osteon", "{}"))
                if at.get("key") != self.key:
                    return False
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
        except (OSError, SafetensorError, ValueError):
            return False
        self.network.backbone.load_state_dict(_under("network", tensors))
        self.objectives.load_state_dict(_under("objectives", tensors))
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _under("optimiser", tensors).items():
            number, _, what = name.partition("/")
            state.setdefault(int(number), {})[what] = tensor
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": state, "param_groups": groups})
        for parameter, values in self._optimiser.state.items():
            for what, tensor in values.items():
                if tensor.shape == parameter.shape:  # in the memory's own order, which can change the last bits
                    values[what] = torch.empty_like(parameter).copy_(tensor)
        self._at.step, self._at.loss, self._at.curves[:] = at["step"], at["loss"], at["curves"]
        return True


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}/"): t for name, t in tensors.items() if name.startswith(f"{prefix}/")}


def _collapse(what: str) -> InputError:
    return InputError(
        f"pretraining has failed: {what}; nothing was written",
        fix="Lower learning_rate, raise batch_size, or take another objective.",
    )


def _in_words(row: Mapping[str, Any], passes: int) -> str:
    """A line on what was learned in a pass."""
    parts = [
        f"{name.removeprefix('loss_')} loss {value:.3f}" for name, value in row.items() if name.startswith("loss_")
    ]
    parts += [f"{name} held out {value:.3f}" for name, value in row["held_out"].items()]
    parts += [f"{name} by linear probe {value:.3f}" for name, value in row["probe"].items()]
    if "orientation" in row:
        parts.append(f"orientation held out {row['orientation']:.3f}")
    parts.append(f"effective rank {row['effective_rank']:.0f}, spread {row['spread']:.2f}")
    return f"pass {row['pass']} of {passes}: {'; '.join(parts)}"
