"""What osteon finds on this machine, and how to get what is missing."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from osteon import weights
from osteon.core import extras
from osteon.core.version import __version__
from osteon.study import Compute

#: Instructions of wide arithmetic, among which libraries choose, as Linux names them.
_WIDE = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "asimd", "sve")
_SHOWN = ("numpy", "scipy", "pandas", "scikit-learn", "torch", "torchvision", "timm", "pydicom")


def described() -> str:
    """Machine, versions, extras and weights, as text for people; no host or user is named."""
    return "\n".join([*_machine(), "", *_versions(), "", *_extras(), "", *_weights()])


def arithmetic(compute: Compute) -> dict[str, str]:
    """Processor and precision, on which last digits of probabilities depend; no machine is named.

    Args:
        compute: The study's ``[compute]`` settings.
    """
    found = {"processor": f"{platform.machine()} {_processor('model name')}".strip()}
    if able := [name for name in _WIDE if name in _processor("flags").split()]:
        found["instructions"] = ", ".join(able)
    if "torch" in sys.modules:  # as it is wherever the study has a network
        from osteon.models.network.train import Device

        found["device"] = _device()
        for what, precision in (("training", compute.precision), ("prediction", compute.predict)):
            dtype = Device.choose(compute.device, precision).dtype
            found[f"precision of {what}"] = "float32" if dtype is None else str(dtype).removeprefix("torch.")
    return found


def _processor(name: str) -> str:
    """What Linux says of the processor; "" elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _machine() -> Iterator[str]:
    yield f"osteon {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield f"cores: {cores}{_memory()}"
    yield f"device: {_device()}"


def _memory() -> str:
    """The machine's memory, where the system tells it."""
    try:
        gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, OSError, ValueError):
        return ""
    return f", memory: {gib:.1f} GiB"


def _device() -> str:
    """What a study with ``device = "auto"`` computes on."""
    if "torch" in extras.lacking("networks"):
        return "none: torch is not installed"
    import torch

    if torch.cuda.is_available():
        return ", ".join(f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count()))
    return "mps" if torch.backends.mps.is_available() else "cpu (no GPU that torch can use)"


def _versions() -> Iterator[str]:
    yield "packages: " + ", ".join(f"{name} {_version(name)}" for name in _SHOWN)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _extras() -> Iterator[str]:
    for extra, (purpose, _) in extras.EXTRAS.items():
        absent = extras.lacking(extra)
        told = f"missing {', '.join(absent)}; get it: pip install 'osteon[{extra}]'" if absent else "found"
        yield f"extra {extra} ({purpose}): {told}"


def _weights() -> Iterator[str]:
    yield f"weights, looked for in {', '.join(map(str, weights.folders()))}:"
    yield weights.listing()
    yield "Get those that have an address with: osteon weights fetch NAME"
