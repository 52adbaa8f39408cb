"""Pretraining a backbone on radiographs of one's own, into a weights file that a study can name.

``osteon pretrain SETTINGS.toml`` is :func:`pretrain`; :func:`learn` does the same with pictures that are in memory.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from osteon import study, weights
from osteon.cohort.check import check
from osteon.core.errors import InputError
from osteon.core.progress import Progress, Quiet
from osteon.core.run import RunFolder
from osteon.core.workers import Workers
from osteon.models.network import build
from osteon.models.network.train import Device
from osteon.pretraining import pictures, settings, writing
from osteon.pretraining.learning import Learning, Pool
from osteon.pretraining.pictures import Material
from osteon.pretraining.sealing import compare, refuse
from osteon.pretraining.settings import Pretraining, SettingsFile, Source
from osteon.study import Compute
from osteon.weights import Comparison, Pretrained, Resolved

__all__ = ["Machine", "Material", "Pretraining", "SettingsFile", "Source", "compare", "learn", "pretrain", "refuse"]


@dataclass(frozen=True)
class Machine:
    """What a pretraining runs on.

    Attributes:
        compute: Device, precision and threads.
        progress: Where progress is shown.
    """

    compute: Compute = field(default_factory=Compute)
    progress: Progress = field(default_factory=Quiet)


def pretrain(path: str | Path, study_file: str | Path | None = None, *, workers: Workers | None = None) -> Path:
    """Carry out a settings file, or what is left of it.

    Args:
        path: The settings file.
        study_file: A study whose external cases must not be among the pictures.
        workers: Who reads the pictures, and where progress is shown.

    Returns:
        The weights file.

    Raises:
        LeakError: Pictures or patients are external cases of the study.
        InputError: Something else that the user supplied is wrong, or the network came to tell all pictures alike.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError(
            "pretraining runs in one process, on one device", fix="Start it without torchrun or accelerate."
        )
    asked, workers = settings.load(path), workers or Workers()
    how, progress = asked.pretraining, workers.progress
    start = _start(how, asked.folder)
    if start.path is not None and start.path.resolve() == asked.output.resolve():
        raise InputError(
            "it would be written over the weights that it starts from", file=asked.output, fix="Set output."
        )
    sources = [pictures.read(source, asked.folder, how.size, workers) for source in asked.sources]
    for source in sources:
        progress.say(_in_words(source))
    comparison = None
    if study_file is None:
        progress.say("[yellow]![/] the pictures are compared with no study's external cases; --for STUDY does that")
    else:
        external = study.load(study_file)
        cache = RunFolder(external.run_path).cache
        checked = check(external, jobs=workers.jobs, progress=progress, cache=cache)
        comparison, overlaps, inside = compare(sources, checked)
        refuse(overlaps, asked.output.with_suffix(".overlaps.csv"))
        progress.say(f"[green]✓[/] none is among the {len(comparison.external)} external pictures of {study_file}")
        if inside:
            progress.say(f"[yellow]![/] {inside} are pictures of development cases, from which the study learns anyway")
    machine = Machine(asked.compute, progress)
    learn(sources, how, asked.output, start=start, comparison=comparison, on=machine)
    return asked.output


def learn(
    sources: Sequence[Material],
    how: Pretraining,
    path: Path,
    *,
    start: Resolved,
    comparison: Comparison | None = None,
    on: Machine | None = None,
) -> Pretrained:
    """Pretrain on pictures that are in memory, or go on where a killed run stopped, and write weights and card.

    Args:
        sources: The pictures.
        how: The settings.
        path: The weights file; mixtures with the start are written beside it.
        start: Where it starts.
        comparison: What the pictures were compared with.
        on: What it runs on.

    Returns:
        What the file says of its pretraining.

    Raises:
        InputError: The network came to tell all pictures alike; nothing is written.
    """
    on = on or Machine()
    pool = Pool.of(sources, how.held_out, how.seed)
    if start.record.name == "random":
        start = replace(start, record=_normalised(start, sources))
    torch.set_num_threads(on.compute.threads)
    network = build.build(how.backbone, start, seed=how.seed, size=how.size)
    network.try_size(how.size)
    device = Device.choose(on.compute.device, on.compute.precision)
    if device.dtype is torch.float16:  # which would need its losses scaled
        device = Device(device.device)
    begun = {name: tensor.clone() for name, tensor in network.backbone.state_dict().items()}
    kept = path.with_name(f".{path.stem}.checkpoint")
    learning = Learning(network.to(device.device), how, pool, device, kept, start.sha256 or start.record.name)
    learning.run(on.progress)
    told = replace(writing.described(how, start, pool, learning.curves), comparison=comparison)
    end = {name: tensor.cpu() for name, tensor in network.backbone.state_dict().items()}
    writing.write(path, end, writing.record_of(how, start.record, pool, path), told)
    for share in how.interpolate:
        beside = path.with_name(f"{path.stem}-{share:g}{path.suffix}")
        named = how.model_copy(update={"name": f"{how.name}-{share:g}"})
        record = writing.record_of(named, start.record, pool, beside)
        writing.write(beside, writing.mixed(begun, end, share), record, replace(told, interpolated=share))
    return told


def _start(how: Pretraining, folder: Path) -> Resolved:
    """What it starts from, found before any long work begins."""
    source = how.weights
    if source.startswith("file:"):
        source = f"file:{folder / source.removeprefix('file:')}"
    return weights.resolve(source, how.backbone, search=[folder / how.folder_of_weights], record=how.record)


def _normalised(start: Resolved, sources: Sequence[Material]) -> weights.Record:
    """Random weights' record with the pictures' own mean and standard deviation."""
    count, total, squares = 0, 0.0, 0.0
    for source in sources:
        for first in range(0, len(source.pictures), 256):
            part = source.pictures[first : first + 256].astype(np.float64) / 65535
            count, total, squares = count + part.size, total + float(part.sum()), squares + float(np.square(part).sum())
    mean = total / count
    std = max(squares / count - mean**2, 0.0) ** 0.5
    if std == 0:
        raise InputError("all pictures are one shade of grey")
    return replace(start.record, range=(0.0, 1.0), mean=(mean,) * 3, std=(std,) * 3)


def _in_words(source: Material) -> str:
    told = ", ".join(f"{name} {n}" for name, n in source.counts.items()) or "no labels"
    only = "; one label alone teaches nothing" if len(source.counts) == 1 and not source.several else ""
    return f"[green]✓[/] {source.name}: {len(source.pictures)} pictures; {told}{only}"
