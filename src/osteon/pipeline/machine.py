"""What osteon finds on this machine, and how to get what is missing."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from osteon import weights
from osteon.core import extras
from osteon.core.version import __version__

_SHOWN = ("numpy", "scipy", "pandas", "scikit-learn", "torch", "torchvision", "timm", "pydicom")


def described() -> str:
    """Machine, versions, extras and weights, as text for people; no host or user is named."""
    return "\n".join([*_machine(), "", *_versions(), "", *_extras(), "", *_weights()])


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
