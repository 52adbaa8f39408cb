"""What every file of a run was made from; which steps are up to date."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from osteon.core.errors import InputError
from osteon.core.run import RunFolder
from osteon.core.tables import written

#: Tables that people open and save.
_EDITABLE = (".csv",)
_PACKAGES = (
    *("osteon", "numpy", "scipy", "pandas", "scikit-learn", "torch", "torchvision", "timm"),
    *("pydicom", "pillow", "matplotlib"),
)


def digest(*things: Any) -> str:
    """SHA-256 of the canonical JSON of these things; tables and arrays count by their contents."""

    def plain(thing: Any) -> Any:
        if isinstance(thing, pd.DataFrame):
            return {str(name): plain(thing[name].to_numpy()) for name in thing}
        if isinstance(thing, np.ndarray):
            if thing.dtype == object:
                return [str(item) for item in thing]
            return [str(thing.dtype), thing.shape, hashlib.sha256(np.ascontiguousarray(thing).tobytes()).hexdigest()]
        if isinstance(thing, np.generic):
            return thing.item()
        if hasattr(thing, "model_dump"):
            return thing.model_dump(mode="json")
        if is_dataclass(thing) and not isinstance(thing, type):
            return asdict(thing)
        raise TypeError(f"no canonical form of {type(thing).__name__}")

    text = json.dumps(things, sort_keys=True, default=plain, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def stream(name: str) -> int:
    """A number for a name: every use of randomness has a stream of its own, whatever else the study does."""
    return int(digest(name)[:8], 16)


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def write_json(path: Path, content: Any) -> None:
    """Write JSON beside and rename; keys keep their order, floats read back to the same value."""
    with written(path) as beside:
        beside.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


class Ledger:
    """What each step was made from, kept in provenance.json; decides which steps are up to date.

    A step is up to date when its key (a digest of its inputs) is the recorded one and its files are, byte for byte,
    those it wrote. provenance.json holds no date and no path, so that the same study gives the same bytes.
    """

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._path = run.provenance_file
        try:
            self._content: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._content = {}
        self._content["versions"] = versions()
        self._content.setdefault("steps", {})

    def note(self, **facts: Any) -> None:
        """Record facts of the whole run, such as the seed or the hashes of its inputs."""
        self._content.update(facts)
        self._save()

    def current(self, name: str, key: str) -> bool:
        """Whether a step was made from these inputs and its files are still what it wrote.

        Args:
            name: The step's name.
            key: Digest of everything that it depends on.
        """
        known = self._content["steps"].get(name, {})
        if known.get("key") != key:
            return False
        files = {self._run.path / relative: sha for relative, sha in known["files"].items()}
        return all(path.is_file() and file_digest(path) == sha for path, sha in files.items())

    def record(self, name: str, key: str, files: Iterable[Path]) -> None:
        """Note that a step was made from these inputs and wrote these files."""
        made = {path.relative_to(self._run.path).as_posix(): file_digest(path) for path in sorted(files)}
        self._content["steps"][name] = {"key": key, "files": made}
        self._save()

    def edited(self, name: str) -> list[Path]:
        """Tables of a step that are not as it wrote them: a person has changed them since."""
        known = self._content["steps"].get(name, {})
        if "begun" in known:  # a killed run may have written some of them anew
            return []
        files = {self._run.path / relative: sha for relative, sha in known.get("files", {}).items()}
        tables = [path for path in files if path.suffix in _EDITABLE and path.is_file()]
        return [path for path in tables if file_digest(path) != files[path]]

    def step(self, name: str, key: str, action: Callable[[], Iterable[Path]]) -> bool:
        """Run a step unless it is current.

        Args:
            name: The step's name.
            key: Digest of everything that it depends on.
            action: Does the work and returns the files that it wrote.

        Returns:
            Whether it was run.

        Raises:
            InputError: A person has changed a table of the step, which would be lost.
        """
        if self.current(name, key):
            return False
        if changed := self.edited(name):
            raise InputError(
                "changed by hand since osteon wrote it, and this run would write it again",
                file=changed[0],
                fix="Keep your copy elsewhere and delete this one, or leave it and use 'osteon evaluate', which reads "
                "predictions.csv as it is.",
            )
        self._content["steps"].setdefault(name, {"key": "", "files": {}})["begun"] = True
        self._save()
        self.record(name, key, action())
        return True

    def _save(self) -> None:
        ordered: Mapping[str, Any] = {key: self._content[key] for key in sorted(self._content)}
        write_json(self._path, {**ordered, "steps": dict(sorted(self._content["steps"].items()))})


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
