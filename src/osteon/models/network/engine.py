"""What a frozen backbone runs on: onnxruntime, where it is installed and says what torch says; torch otherwise.

A backbone is translated once for its architecture and size, into a graph without weights. Those lie beside it as
safetensors, from which torch and onnxruntime both read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from osteon.core.errors import InputError, StudyError
from osteon.core.extras import lacking, need
from osteon.core.ledger import digest, write_json
from osteon.core.tables import written
from osteon.core.types import Floats, Pixels
from osteon.models.fitted import Folder
from osteon.models.inputs import crops
from osteon.study import Compute
from osteon.weights import Record, Resolved

if TYPE_CHECKING:
    from osteon.models.network.build import Classifier

#: Pictures that are looked at at once on a processor: as many as keep it busy.
BATCH = 16
#: How far pooled features may be from torch's, as a share of the greatest.
TOLERANCE = 1e-4
_NETWORK = "network."
_BODY = f"{_NETWORK}backbone."


class Runner(Protocol):
    """A frozen backbone at work.

    Attributes:
        batch: How many crops fill it.
    """

    batch: int

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, F) pooled features of (n, 1, S, S) crops in [0, 1]."""


@dataclass(frozen=True)
class Frozen:
    """A backbone that does not learn.

    Attributes:
        backbone: Its name.
        weights: Its weights.
        seed: Of its initial values where those are random.
        size: Side of its input.
    """

    backbone: str
    weights: Resolved
    seed: int
    size: int

    def build(self) -> Classifier:
        """The network in torch, with a head that nothing is known of."""
        from osteon.models.network import build

        return build.build(self.backbone, self.weights, seed=self.seed, size=self.size).eval()

    @property
    def contents(self) -> str:
        """What tells its features from another's: a digest."""
        origin = self.weights.sha256 or f"random seed {self.seed}"
        record = self.weights.record
        return digest("frozen", self.size, self.backbone, origin, record.variant, record.normalisation)


@dataclass(frozen=True)
class Engine:
    """What a frozen backbone runs on.

    Attributes:
        name: ``torch`` or ``onnxruntime``.
        version: Its version, with which last digits change.
        note: Why it is not the one that was wanted; "" where it is.
        graph: The backbone as onnxruntime reads it, without weights; None for torch.
        tensors: Names of the weights that the graph asks for.
    """

    name: Literal["torch", "onnxruntime"]
    version: str
    note: str = ""
    graph: Folder | None = field(default=None, compare=False)
    tensors: tuple[str, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def facts(self) -> dict[str, Any]:
        """What a portable file says of it."""
        return {"name": self.name, "version": self.version, "tensors": list(self.tensors)}

    @classmethod
    def of(cls, facts: Mapping[str, Any], graph: Folder) -> Self:
        """The same from :meth:`facts`."""
        translated = facts["name"] == "onnxruntime"
        return cls(
            facts["name"], str(facts["version"]), graph=graph if translated else None, tensors=tuple(facts["tensors"])
        )

    @property
    def runs(self) -> bool:
        """Whether this machine can run the graph."""
        return self.graph is not None and "onnxruntime" not in lacking("onnx")

    def load(self, tensors: Folder, record: Record, threads: int) -> Session:
        """The backbone with these weights, ready to look.

        Args:
            tensors: The backbone's, as safetensors.
            record: Of the weights: how grey values become the network's input.
            threads: CPU threads; 0 for as many as the processor has cores.
        """
        assert self.graph is not None
        return Session(self.graph, self.tensors, tensors, record, threads)


class Session:
    """A frozen backbone in onnxruntime.

    Args:
        graph: Its graph.
        names: The weights that the graph asks for.
        tensors: The backbone's tensors, as safetensors.
        record: Of the weights: how grey values become the network's input.
        threads: CPU threads; 0 for as many as the processor has cores.
    """

    batch = BATCH

    def __init__(self, graph: Folder, names: Iterable[str], tensors: Folder, record: Record, threads: int) -> None:
        import onnxruntime
        from safetensors.numpy import load

        normalisation = record.normalisation
        values = {f"{_BODY}{name}": value for name, value in load(tensors.read_bytes()).items()}
        for name in ("scale", "offset"):
            of_channels = np.array(getattr(normalisation, name), dtype=np.float32)
            values[f"{_NETWORK}{name}"] = of_channels.reshape(1, 3, 1, 1)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        given = {name: onnxruntime.OrtValue.ortvalue_from_numpy(values[name]) for name in names}
        options.add_external_initializers(list(given), list(given.values()))
        self._session = onnxruntime.InferenceSession(graph.read_bytes(), options, providers=["CPUExecutionProvider"])

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, F) pooled features of (n, 1, S, S) crops in [0, 1]."""
        found: NDArray[np.float32] = self._session.run(None, {"crop": batch})[0]
        return found


class InOnnx:
    """Frozen backbones of a fitted network in onnxruntime; those of several training seeds one after another.

    Args:
        engine: What they run on.
        backbones: Their tensors.
        record: Of their weights.
        size: Side of their input.
        threads: CPU threads, but for a crop that is looked at alone: a person waits, and takes all cores.
    """

    batch = BATCH

    def __init__(self, engine: Engine, backbones: Sequence[Folder], record: Record, size: int, threads: int) -> None:
        self._engine, self._backbones, self._record, self._size = engine, backbones, record, size
        self._threads = threads
        self._running: dict[tuple[int, int], Session] = {}

    def cut(self, pixels: Pixels, rects: Floats) -> NDArray[np.float32]:
        """(n, 1, S, S) crops of a radiograph, rounded as stored crops are."""
        return crops.as_stored(pixels, rects, self._size)

    def joined(self, pieces: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Crops one after another."""
        return np.concatenate(pieces)

    def look(self, batch: NDArray[np.float32], *, fill: bool) -> Iterator[tuple[Any, None]]:
        """(n, F) pooled features by every backbone."""
        n = len(batch)
        if fill and n < self.batch:
            batch = np.concatenate([batch, np.zeros((self.batch - n, *batch.shape[1:]), dtype=np.float32)])
        for number in range(len(self._backbones)):
            yield self._session(number, self._threads if fill else 0)(batch)[:n], None

    def _session(self, number: int, threads: int) -> Session:
        key = (number, threads)
        if key not in self._running:
            self._running[key] = self._engine.load(self._backbones[number], self._record, threads)
        return self._running[key]


@dataclass(frozen=True)
class Prepared:
    """Frozen backbones with what they run on.

    Attributes:
        engine: The same of all.
        backbones: Their tensors, where onnxruntime reads them; empty for torch.
    """

    engine: Engine
    backbones: tuple[Path, ...] = ()

    def tensors(self, seed: int) -> Path | None:
        """Those of a training seed; one backbone with weights from a file serves all. None for torch."""
        return self.backbones[min(seed, len(self.backbones) - 1)] if self.backbones else None


def prepared(each: Sequence[Frozen], compute: Compute, cache: Path, *, apart: bool = False) -> Prepared:
    """Choose what backbones run on, and make them ready for it; found again in the cache.

    Args:
        each: Backbones of one architecture, one for each training seed that has its own.
        compute: What the study asks for.
        cache: Where translated backbones are kept.
        apart: Whether other machines do the work, of which nothing is known.

    Raises:
        StudyError: The study asks for onnxruntime, and it cannot be taken.
    """
    in_torch = Engine("torch", version("torch"))
    demanded = compute.engine == "onnxruntime"
    if demanded:
        need("onnx", "networks in onnxruntime")
        if compute.device in ("cuda", "mps"):
            raise StudyError(
                f'compute.engine: onnxruntime runs on the processor, and compute.device is "{compute.device}"',
                fix='Leave one of them at "auto".',
            )
    elif compute.engine == "torch" or lacking("onnx") or not _on_processor(compute.device, apart):
        return Prepared(in_torch)
    onnx = version("onnxruntime")
    key = digest([one.contents for one in each], onnx, *(version(name) for name in ("torch", "timm", "onnxscript")))
    folder = cache / "engines" / key[:16]
    told = _kept(folder, each)
    if told["note"]:
        if demanded:
            raise StudyError(
                f"compute.engine: {told['note']}", fix='Set it to "auto": torch runs what cannot be translated.'
            )
        return Prepared(Engine("torch", in_torch.version, told["note"]))
    engine = Engine("onnxruntime", onnx, graph=folder / "graph.onnx", tensors=tuple(told["tensors"]))
    return Prepared(engine, tuple(folder / f"{number}.safetensors" for number in range(len(each))))


def _on_processor(device: str, apart: bool) -> bool:
    """Whether a study's device is the processor. On other machines it is, where the study says so."""
    if apart or device != "auto":
        return device == "cpu"
    from osteon.models.network.train import Device

    return Device.choose().device.type == "cpu"


def _kept(folder: Path, each: Sequence[Frozen]) -> dict[str, Any]:
    """What became of translating backbones: names of the graph's tensors, or why there is none."""
    told = folder / "engine.json"
    if not told.is_file():
        write_json(told, _translated(folder, each))
    found: dict[str, Any] = json.loads(told.read_text(encoding="utf-8"))
    return found


def _translated(folder: Path, each: Sequence[Frozen]) -> dict[str, Any]:
    """Translate backbones, and hold each against torch."""
    from safetensors.torch import save_file

    from osteon.models.network import graph

    folder.mkdir(parents=True, exist_ok=True)
    try:
        content, tensors = _structure(each[0].backbone, each[0].weights.record.variant, each[0].size)
        with written(folder / "graph.onnx") as beside:
            beside.write_bytes(content)
        engine = Engine("onnxruntime", "", graph=folder / "graph.onnx", tensors=tensors)
        for number, one in enumerate(each):
            network, file = one.build(), folder / f"{number}.safetensors"
            with written(file) as beside:
                save_file({name: value.contiguous() for name, value in network.backbone.state_dict().items()}, beside)
            apart = graph.greatest_difference(engine.load(file, one.weights.record, 1), network, one.size)
            if not apart <= TOLERANCE:
                raise graph.refused(one.backbone, f"its features would differ by {apart:.1g} of the greatest")
    except InputError as error:
        return {"note": error.what, "tensors": []}
    return {"note": "", "tensors": tensors}


@lru_cache(maxsize=4)
def _structure(backbone: str, variant: str, size: int) -> tuple[bytes, tuple[str, ...]]:
    """A backbone's graph and the names of its tensors; tracing takes seconds, and is done once in a process."""
    from osteon.models.network import build, graph

    record = Record("any", backbone, variant, "")
    network = build.build(backbone, Resolved(record, None, ""), size=size, pretrained=False)
    return graph.structure(network, size)
