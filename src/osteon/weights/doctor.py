"""The doctor: what a checkpoint is, where each of its tensors belongs, and whether it is sound."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from osteon.core.errors import WeightsError
from osteon.core.tables import written
from osteon.weights import files, keras, layouts
from osteon.weights.records import SEEN, VARIANTS, Record, find, records

if TYPE_CHECKING:
    import torch

_KERAS_VARIANT = {"resnet50": "v1", "inception_v3": "keras", "densenet121": "keras"}
_KERAS_EPSILON = {"resnet50": 1.001e-5, "inception_v3": 1e-3, "densenet121": 1.001e-5}


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What the doctor found.

    Attributes:
        path: The file.
        sha256: Its SHA-256.
        architecture: ``resnet50``, ``inception_v3`` or ``densenet121``.
        layout: Whose names the tensors had.
        variant: The variant of the architecture that will be built, see :data:`osteon.weights.records.VARIANTS`.
        record: The record, from the SHA-256, from inside the file, or as asked for; None where nobody knows.
        candidates: Names of the records that fit the file.
        n_tensors: How many tensors the file holds.
        mapped: The file's name of each tensor to torchvision's.
        ignored: Tensors that a backbone does not need (head, counters).
        unmatched: Tensors with no place in the network; empty in a sound file.
        missing: Tensors the network needs and the file lacks; empty in a sound file.
        notes: What was changed or assumed.
        statistics: Figures by which a person can judge the file.
        problems: Why the file is not sound; empty where it is.
        tensors: The backbone's tensors under torchvision's names, float32.
    """

    path: Path
    sha256: str
    architecture: str
    layout: str
    variant: str
    record: Record | None
    candidates: tuple[str, ...]
    n_tensors: int
    mapped: Mapping[str, str]
    ignored: tuple[str, ...]
    unmatched: tuple[str, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    statistics: Mapping[str, float]
    problems: tuple[str, ...]
    tensors: Mapping[str, torch.Tensor] = field(repr=False)

    def __str__(self) -> str:
        """The diagnosis as a person reads it."""
        n = len(layouts.targets(self.architecture))
        lines = [
            str(self.path),
            f"  SHA-256      {self.sha256}",
            f"  architecture {self.architecture}, {self.variant}: {VARIANTS[self.architecture][self.variant]}",
            f"  layout       {self.layout}",
            f"  record       {self.record.name if self.record else 'unknown; one of ' + ', '.join(self.candidates)}",
            f"  tensors      {self.n_tensors} in the file; {len(self.mapped)} mapped, {len(self.ignored)} not needed, "
            f"{len(self.unmatched)} unmatched; {n - len(self.missing)} of {n} filled",
            *(f"  {name:<12} {value:g}" for name, value in self.statistics.items()),
            *(f"  note         {note}" for note in self.notes),
            *(f"  PROBLEM      {problem}" for problem in self.problems),
        ]
        return "\n".join([*lines, "  sound" if not self.problems else "  not usable"])

    def check(self) -> None:
        """Refuse an unsound file.

        Raises:
            WeightsError: Names what is missing, unmatched, misshapen or implausible.
        """
        if self.problems:
            raise WeightsError("; ".join(self.problems), file=self.path, fix="No part of the file was loaded.")

    def save(self, path: Path, record: Record | str | None = None) -> Path:
        """Write the backbone as float32 safetensors with torchvision's names and the record inside.

        Args:
            path: Where to.
            record: The record, where the file itself does not tell (:attr:`candidates`).

        Returns:
            `path`.

        Raises:
            WeightsError: The file is not sound, or its record is unknown or does not fit.
        """
        from safetensors.torch import save_file

        self.check()
        chosen = find(record) if isinstance(record, str) else record or self.record
        if chosen is None:
            raise WeightsError(
                "the file does not tell how its network's input was normalised",
                file=self.path,
                fix=f"Name its record, one of {', '.join(self.candidates)}.",
            )
        _fit(chosen, self.architecture, "Keras" in self.layout, self.path)
        origin = {"file": self.path.name, "sha256": self.sha256, "layout": self.layout}
        text = json.dumps({"record": replace(chosen, sha256="").to_dict(), "from": origin}, sort_keys=True)
        with written(Path(path)) as beside:
            save_file(dict(self.tensors), beside, metadata={files.METADATA: text})
        return Path(path)


def doctor(path: str | Path, record: Record | str | None = None) -> Diagnosis:
    """Diagnose a ResNet50, InceptionV3 or DenseNet121 checkpoint.

    Args:
        path: safetensors, PyTorch (``.pt``, ``.pth``; tensors only) or Keras ``.h5``, with or without a head.
        record: The record, or its name, where the file itself does not tell.

    Returns:
        The diagnosis. It is made for unsound files too: see :attr:`Diagnosis.problems` and :meth:`Diagnosis.check`.

    Raises:
        WeightsError: The file cannot be read, is of none of the three architectures, or does not fit the record.
    """
    path = Path(path)
    raw = files.read(path)
    digest = files.sha256(path)
    is_keras = files.form_of(path) == "keras"
    chosen = find(record) if isinstance(record, str) else record or known(digest) or files.inside(path)
    architecture, layout, names = _recognise(raw, is_keras, path)
    from_keras = is_keras or _ported(architecture, names)
    if chosen:
        _fit(chosen, architecture, from_keras, path)
    placed = _place(raw, names, layouts.targets(architecture), is_keras)
    variant, assumed = _variant(architecture, from_keras, chosen, raw, names)
    statistics, implausible = _examine(placed.tensors)
    epsilon = _KERAS_EPSILON[architecture]
    stated = [e for e in sorted(keras.epsilons(path)) if abs(e - epsilon) > 1e-9] if is_keras else []
    return Diagnosis(
        path=path,
        sha256=digest,
        architecture=architecture,
        layout=f"{layout}, made from Keras's" if from_keras and not is_keras else layout,
        variant=variant,
        record=chosen,
        candidates=_candidates(architecture, from_keras),
        n_tensors=len(raw),
        mapped=placed.mapped,
        ignored=placed.ignored,
        unmatched=placed.unmatched,
        missing=placed.missing,
        notes=(*placed.notes, *assumed, *_seen(path, digest)),
        statistics=statistics,
        problems=(
            *placed.problems,
            *(f"the saved network states a batch-norm epsilon of {e:g}, not {epsilon:g}" for e in stated),
            *implausible,
        ),
        tensors=placed.tensors,
    )


def _ported(architecture: str, names: Mapping[str, str]) -> bool:
    """Whether a PyTorch file holds a ResNet50 of Keras's: nobody else's convolutions have biases."""
    return architecture == "resnet50" and "conv1.bias" in names.values()


def _seen(path: Path, digest: str) -> list[str]:
    """What has been seen elsewhere of a file of that name or digest, and by nobody here."""
    for name, (sha256, size) in SEEN.items():
        if digest == sha256:
            return [f"its SHA-256 was seen elsewhere for {name}; not verified"]
        if path.name == name:
            other = f"{size} bytes and SHA-256 {sha256[:12]}..."
            return [f"a {name} of {other} was seen elsewhere, not verified; this is another"]
    return []


def known(digest: str) -> Record | None:
    """The record of a file with that SHA-256, or None."""
    return next((record for record in records().values() if digest and record.sha256 == digest), None)


def load(path: Path, record: Record) -> dict[str, torch.Tensor]:
    """Read the tensors of a backbone, complete or not at all.

    Args:
        path: A checkpoint.
        record: What it is. Of ResNet50, InceptionV3 and DenseNet121 any layout is read; of other networks, timm's.

    Returns:
        torchvision's or timm's name to float32 tensor. For other networks a head may still be among them.

    Raises:
        WeightsError: See :func:`doctor`.
    """
    if record.architecture in layouts.ARCHITECTURES:
        diagnosis = doctor(path, record)
        diagnosis.check()
        return dict(diagnosis.tensors)
    return {name: tensor.float() for name, tensor in files.read(path).items()}


def _recognise(raw: Mapping[str, torch.Tensor], is_keras: bool, path: Path) -> tuple[str, str, dict[str, str]]:
    """Architecture, layout and renaming that place most tensors, by name and shape."""
    best: tuple[int, str, str, dict[str, str]] = (0, "", "", {})
    for architecture in layouts.ARCHITECTURES:
        if is_keras:
            layout, names = "Keras", _keras_tensors(raw, architecture)
        else:
            layout, names = layouts.torch_names(raw, architecture)
        targets = layouts.targets(architecture)
        placed = sum(targets.get(target) == tuple(raw[source].shape) for source, target in names.items())
        if placed > best[0]:
            best = (placed, architecture, layout, names)
    placed, architecture, layout, names = best
    if 3 * placed < len(layouts.targets(architecture or "resnet50")):
        first = ", ".join(list(raw)[:3])
        raise WeightsError(
            f"its {len(raw)} tensors ({first}, ...) are not those of a ResNet50, InceptionV3 or DenseNet121",
            file=path,
            fix='Other networks are read in timm\'s own layout only: weights = "file:PATH" with record = "timm:NAME".',
        )
    return architecture, layout, names


@dataclass(frozen=True, eq=False)
class _Placement:
    """Which tensor went where, and what is left over on either side."""

    tensors: Mapping[str, torch.Tensor]
    mapped: Mapping[str, str]
    ignored: tuple[str, ...]
    unmatched: tuple[str, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    problems: tuple[str, ...]


def _place(
    raw: Mapping[str, torch.Tensor], names: Mapping[str, str], targets: layouts.Shapes, is_keras: bool
) -> _Placement:
    """Put the file's tensors into the network's places, fold biases, and fill in what Keras leaves out."""
    mapped = {source: target for source, target in names.items() if target in targets}
    stems = [source for source, target in mapped.items() if _single(raw[source].shape, targets[target])]
    raw = {name: layouts.three_channels(tensor, targets.get(mapped.get(name, ""), ())) for name, tensor in raw.items()}
    mapped, copies = _each_once(raw, mapped)
    tensors = {target: raw[source].float() for source, target in mapped.items()}
    misshapen = [
        f"{source} is {tuple(raw[source].shape)}, not {targets[target]}"
        for source, target in mapped.items()
        if tuple(raw[source].shape) != targets[target]
    ]
    twice = [target for target, count in Counter(mapped.values()).items() if count > 1]
    notes = [f"{source} has one channel; made into three of a third each" for source in stems]
    notes += [f"{len(copies)} tensors are there twice, equal, and taken once"] * bool(copies)

    rest = {
        source: names.get(source, source.replace("/", "."))
        for source in raw
        if source not in mapped and source not in copies
    }
    biases = {source: mean for source, target in rest.items() if (mean := _folds_into(target, tensors))}
    for source, mean in biases.items():
        if raw[source].shape == tensors[mean].shape:
            tensors[mean] = tensors[mean] - raw[source].float()
        else:
            misshapen.append(f"{source} is {tuple(raw[source].shape)}, not {tuple(tensors[mean].shape)}")
    if biases:
        notes.append(f"{len(biases)} convolution biases folded into the batch-norm means that follow them")

    scales = {name for name in targets if f"{name.removesuffix('weight')}running_var" in targets}
    if is_keras and not scales & tensors.keys():
        tensors |= {name: _ones(targets[name]) for name in scales}
        notes.append("the batch norms have no scale (Keras scale=False); it is 1")

    ignored = [source for source, target in rest.items() if source not in biases and layouts.is_head(target)]
    unmatched = [source for source in rest if source not in biases and source not in ignored]
    missing = [name for name in targets if name not in tensors]
    return _Placement(
        tensors={name: tensors[name].contiguous() for name in targets if name in tensors},
        mapped={**mapped, **biases},
        ignored=(*ignored, *copies),
        unmatched=tuple(unmatched),
        missing=tuple(missing),
        notes=tuple(notes),
        problems=(
            *_named("missing", missing),
            *_named("unmatched", unmatched),
            *_named("misshapen", misshapen),
            *_named("found twice", twice),
        ),
    )


def _single(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether a tensor is the stem of a network of one channel where there should be three."""
    return len(shape) == 4 and shape[1] == 1 and wanted[1] == 3


def _each_once(raw: Mapping[str, torch.Tensor], mapped: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """What is mapped without second copies of a tensor, as of a module that is part of a network under two names."""
    first: dict[str, str] = {}
    copies = []
    for source, target in mapped.items():
        if target in first and raw[first[target]].equal(raw[source]):
            copies.append(source)
        else:
            first.setdefault(target, source)
    return {source: target for source, target in mapped.items() if source not in copies}, copies


def _keras_tensors(raw: Mapping[str, torch.Tensor], architecture: str) -> dict[str, str]:
    """Keras tensors (``layer/variable``) to torchvision's names."""
    parts = {source: source.rpartition("/") for source in raw}
    modules = layouts.keras_names(dict.fromkeys(layer for layer, _, _ in parts.values()), architecture)
    return {
        source: f"{modules[layer]}.{keras.VARIABLES[variable]}"
        for source, (layer, _, variable) in parts.items()
        if layer in modules and variable in keras.VARIABLES
    }


def _folds_into(target: str, tensors: Mapping[str, torch.Tensor]) -> str | None:
    """The batch-norm mean that can take up a convolution's bias, where `target` is such a bias.

    norm(conv(x) + b) with mean m equals norm(conv(x)) with mean m - b, exactly.
    """
    module, _, last = target.rpartition(".")
    norm = layouts.norm_of(module) if last == "bias" and f"{module}.weight" in tensors else None
    return f"{norm}.running_mean" if norm and f"{norm}.running_mean" in tensors else None


def _fit(record: Record, architecture: str, from_keras: bool, path: Path) -> None:
    """Refuse a record that cannot describe the file."""
    if record.architecture != architecture:
        raise WeightsError(f"it is of {architecture}, the record '{record.name}' of {record.architecture}", file=path)
    if from_keras and record.variant != _KERAS_VARIANT[architecture]:
        kind = "a Keras file" if path.suffix == ".h5" else "made from a Keras file"
        raise WeightsError(
            f"it is {kind}, but the record '{record.name}' is of the variant {record.variant}",
            file=path,
            fix=f"Name one of {', '.join(_candidates(architecture, from_keras=True))}.",
        )


def _candidates(architecture: str, from_keras: bool) -> tuple[str, ...]:
    """Names of the records that could describe such a file."""
    return tuple(
        record.name
        for record in records().values()
        if record.architecture == architecture and (not from_keras or record.variant == _KERAS_VARIANT[architecture])
    )


def _variant(
    architecture: str,
    from_keras: bool,
    record: Record | None,
    raw: Mapping[str, torch.Tensor],
    names: Mapping[str, str],
) -> tuple[str, list[str]]:
    """The variant, and a note where it is an assumption."""
    if record:
        return record.variant, []
    if from_keras:
        return _KERAS_VARIANT[architecture], []
    # Google's graph of 2015 has 1008 classes; every other release has 1000 or 1001.
    if architecture == "inception_v3" and any(
        names.get(source) == "fc.weight" and len(tensor) == 1008 for source, tensor in raw.items()
    ):
        return "google-2015", ["1008 classes: Google's graph of 2015-12-05"]
    variant = next(iter(VARIANTS[architecture]))
    return variant, [f"tensors alone do not tell variants apart; {variant} assumed until a record is named"]


def _examine(tensors: Mapping[str, torch.Tensor]) -> tuple[dict[str, float], list[str]]:
    """Figures of the tensors, and what about them is impossible in a trained network."""
    import torch

    broken = [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]
    means = [tensor for name, tensor in tensors.items() if name.endswith("running_mean")]
    variances = {name: tensor for name, tensor in tensors.items() if name.endswith("running_var")}
    kernels = {name: tensor for name, tensor in tensors.items() if tensor.ndim == 4}
    problems = _named("not finite", broken)
    if problems or not (means and variances and kernels):
        return {}, problems
    variance = torch.cat(list(variances.values()))
    mean = torch.cat(means)
    statistics = {
        "parameters": float(sum(t.numel() for name, t in tensors.items() if "running" not in name)),
        "kernel std": float(torch.stack([kernel.std() for kernel in kernels.values()]).median()),
        "|BN mean|": float(mean.abs().median()),
        "BN variance": float(variance.median()),
        "dead": float((variance == 0).sum()),
    }
    problems += _named("negative variance", [name for name, v in variances.items() if bool((v < 0).any())])
    # Single channels do die in training and then have no variance; a layer of them is a damaged file.
    problems += _named("no variance", [name for name, v in variances.items() if bool((v == 0).all())])
    problems += _named("constant", [name for name, kernel in kernels.items() if float(kernel.std()) == 0])
    if bool((mean == 0).all()) and bool((variance == 1).all()):
        problems.append("every batch-norm mean is 0 and variance 1: the network was never trained")
    return statistics, problems


def _ones(shape: Sequence[int]) -> torch.Tensor:
    import torch

    return torch.ones(tuple(shape))


def _named(what: str, names: Sequence[str]) -> list[str]:
    """One sentence naming the first tensors concerned."""
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return [f"{len(names)} {what}: {', '.join(names[:6])}{more}"] if names else []
