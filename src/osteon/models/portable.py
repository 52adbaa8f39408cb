"""A fitted model as one file: plain parts in an archive, whole or not at all.

A ``.osteon`` file is a ZIP archive, nothing compressed, with

    manifest.json        what it is, how it is asked and read, and the SHA-256 of every other part
    card.md              the model card
    models/NAME/...      safetensors, skops: the folds of the model and of those that it needs
    reference.safetensors   how far development cases lie from those that the folds were fitted on

Its identity is the SHA-256 of ``manifest.json``, and so of everything. No part is ever executed.
"""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from osteon.core.errors import InputError, OsteonError
from osteon.core.tables import written
from osteon.core.types import Floats
from osteon.core.version import __version__
from osteon.models.fitted import Answer, Fitted, Folder, Saved
from osteon.models.inputs.case import Input
from osteon.models.model import named
from osteon.models.reference import Reference
from osteon.stats.updating import UPDATES, Update
from osteon.study import KINDS

#: Raised whenever a part changes its form. In 2 the reference also holds the distances of held-out cases; files of
#: format 1 were written with and without them, and those that have them are read. In 3 a frozen network may have its
#: backbone as a graph for onnxruntime (files without are answered by torch), and the manifest may hold updates, which
#: an older osteon would not apply.
FORMAT = 3
SUFFIX = ".osteon"
_MANIFEST, _CARD, _REFERENCE = "manifest.json", "card.md", "reference.safetensors"
_EPOCH = (1980, 1, 1, 0, 0, 0)
#: No manifest is near it; what claims to be one and is longer is not read.
_LONGEST = 16 << 20
_AGAIN = "Copy or export it again; no part of it was used."


@dataclass(frozen=True, eq=False)
class Portable:
    """A model that has left its study, with the models that it needs.

    Attributes:
        path: The file.
        about: Its manifest.
        identity: SHA-256 of the manifest.
        card: The model card, Markdown.
        models: The fitted models by name, those that others need first; the last is the model itself.
        reference: The development cases; None where the kind of model tells nothing to compare.
    """

    path: Path
    about: Mapping[str, Any]
    identity: str
    card: str
    models: Mapping[str, Saved]
    reference: Reference | None

    @property
    def saved(self) -> Saved:
        """The model itself."""
        return self.models[str(self.about["name"])]

    @cached_property
    def fitted(self) -> Mapping[str, Fitted]:
        """The same in memory."""
        return {name: saved.read() for name, saved in self.models.items()}

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of a case's table that it reads."""
        return tuple(dict.fromkeys(name for saved in self.models.values() for name in saved.model.columns))

    @property
    def updates(self) -> tuple[Update, ...]:
        """What hospitals have changed since it left its study, in their order."""
        told = (record["update"] for record in self.about.get("updates", ()))
        return tuple(
            Update(
                str(one["name"]), float(one["intercept"]), float(one["slope"]), tuple(map(float, one["coefficients"]))
            )
            for one in told
        )

    @property
    def looks(self) -> bool:
        """Whether it looks at the box or the picture at all."""
        return any(saved.model.looks for saved in self.models.values())

    def answer(self, inputs: Iterable[Input], *, alone: bool = False) -> Answer:
        """What every member says of inputs; each radiograph is decoded once."""
        kept: list[Input] = []

        def passing() -> Iterator[Input]:
            for one in inputs:
                yield one
                kept.append(one.undecoded())

        told: dict[str, Floats] = {}
        imputed: list[tuple[tuple[str, ...], ...]] = []
        answer = None
        for name, fitted in self.fitted.items():
            given: Iterable[Input] = passing() if answer is None else list(kept)
            answer = fitted.answer(given, told, alone=alone)
            told[name] = answer.probability
            imputed += [answer.imputed] if answer.imputed else []
        assert answer is not None
        every = tuple(tuple(dict.fromkeys(chain(*of_one))) for of_one in zip(*imputed, strict=True))
        answer = replace(answer, imputed=every)
        for update in self.updates:
            answer = answer.after(update)
        return answer


def write(path: Path, about: Mapping[str, Any], models: Iterable[Saved], card: str, reference: Reference | None) -> str:
    """Write a model's file, whole or not at all; the same model gives the same bytes.

    Args:
        path: Where to.
        about: The manifest but for parts, models and versions; ``name`` is the model's.
        models: The models that it needs, then the model itself.
        card: The model card, Markdown.
        reference: The development cases, where there is something to compare.

    Returns:
        The file's identity.
    """
    from safetensors.numpy import save

    parts: dict[str, Folder | bytes] = {_CARD: card.encode()}
    entries = []
    for saved in models:
        name = saved.model.name
        settings = saved.portable_settings().model_dump(mode="json", exclude_none=True)
        entries.append({"settings": settings, "facts": saved.facts()})
        parts |= {f"models/{name}/{part}": content for part, content in saved.parts().items()}
    if reference is not None:
        parts[_REFERENCE] = save(reference.arrays())
    return _pack(path, {**about, "models": entries}, parts)


def write_updated(path: Path, file: Portable, record: Mapping[str, Any], card: str) -> str:
    """Write a model's file after a hospital's update; every part but the card is copied byte for byte.

    Args:
        path: Where to.
        file: The model as it was.
        record: Under ``update`` the change (the fields of :class:`osteon.stats.Update`), and what else is told of it.
        card: The new card, Markdown.

    Returns:
        The identity of the new file.
    """
    with zipfile.ZipFile(file.path) as archive:
        parts: dict[str, Folder | bytes] = {name: zipfile.Path(archive, name) for name in file.about["parts"]}
        parts[_CARD] = card.encode()
        # The development recalibration is of probabilities that the update has changed.
        changed = {"updates": [*file.about.get("updates", ()), dict(record)], "recalibration": None}
        return _pack(path, {**file.about, **changed}, parts)


def _pack(path: Path, about: Mapping[str, Any], parts: Mapping[str, Folder | bytes]) -> str:
    """Write manifest and parts, whole or not at all.

    Returns:
        The file's identity.
    """
    digests = {name: _sha256(content) for name, content in sorted(parts.items())}
    manifest = {**about, "format": FORMAT, "osteon": __version__, "parts": digests}
    told = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False).encode()
    with written(path) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(_MANIFEST, _EPOCH), told)
        for name, content in sorted(parts.items()):
            with archive.open(zipfile.ZipInfo(name, _EPOCH), "w", force_zip64=True) as entry:
                for piece in _pieces(content):
                    entry.write(piece)
    return hashlib.sha256(told).hexdigest()


def read(path: Path) -> Portable:
    """Read a model's file.

    Raises:
        InputError: It is absent, no such file, damaged, of a newer format, of an older one that lacks something, or
            holds a kind of model or a network that this osteon does not have; nothing of it is used then.
    """
    if not path.is_file():
        raise InputError("no such model", file=path, fix="Give a file that 'osteon export' wrote, or a run folder.")
    try:
        archive = zipfile.ZipFile(path)
        _check_plain(archive, path)
        told = archive.read(_MANIFEST)
        about = json.loads(told)
    except (*_DAMAGE, KeyError, ValueError, RecursionError) as error:
        what = f"not a model of osteon's, or cut off ({type(error).__name__})"
        raise InputError(what, file=path, fix="Give a file that 'osteon export' wrote.") from None
    if not isinstance(about, dict) or not isinstance(about.get("format"), int):
        raise InputError("not a model of osteon's", file=path, fix="Give a file that 'osteon export' wrote.")
    if about["format"] > FORMAT:
        made = f"it is of format {about['format']}, made by osteon {about.get('osteon')}, and this one reads {FORMAT}"
        raise InputError(made, file=path, fix="Install a newer osteon.")
    _check_parts(archive, about, path)
    identity = hashlib.sha256(told).hexdigest()
    try:
        models = {saved.model.name: saved for saved in _restored(archive, about, identity)}
        reference = _reference(archive) if _REFERENCE in about["parts"] else None
        assert str(about["name"]) in models
        found = Portable(path, about, identity, archive.read(_CARD).decode(), models, reference)
        assert all(update.name in UPDATES for update in found.updates)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise InputError(f"its settings are not those of a model ({where}: {first['msg']})", file=path) from None
    except OsteonError as error:
        raise InputError(str(error).rstrip("."), file=path, fix="Use the osteon that exported it.") from None
    except (KeyError, TypeError, ValueError, AttributeError, AssertionError) as error:
        if about["format"] < FORMAT:  # its parts are whole, or _check_parts had refused them
            made = f"it is of the older format {about['format']}, and lacks what this osteon reads (format {FORMAT})"
            raise InputError(made, file=path, fix="Export it again from its run with this osteon.") from None
        raise InputError(f"its manifest is incomplete ({type(error).__name__})", file=path, fix=_AGAIN) from None
    return found


#: What reading an archive that is none, or a damaged or encrypted part of it, raises.
_DAMAGE = (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError)


def _check_plain(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse an archive that osteon cannot have written, before any of it is read.

    Raises:
        InputError: A part is there twice, compressed (it might unpack to any size), or a link, or the manifest is
            longer than any.
    """
    names = set[str]()
    for part in archive.infolist():
        odd = "there twice" if part.filename in names else ""
        if part.compress_type != zipfile.ZIP_STORED or part.file_size != part.compress_size:
            odd = "compressed"
        if stat.S_ISLNK(part.external_attr >> 16):
            odd = "a link"
        if part.filename == _MANIFEST and part.file_size > _LONGEST:
            odd = f"of {part.file_size} bytes"
        if odd:
            what = f"its part {part.filename} is {odd}, and 'osteon export' writes no such part"
            raise InputError(what, file=path, fix=_AGAIN)
        names.add(part.filename)


def _check_parts(archive: zipfile.ZipFile, about: Mapping[str, Any], path: Path) -> None:
    """Hold every part against the manifest.

    Raises:
        InputError: One is missing, changed or foreign.
    """
    digests = about.get("parts")
    there = [name for name in archive.namelist() if name != _MANIFEST]
    if not isinstance(digests, dict) or sorted(there) != sorted(digests):
        raise InputError("its parts are not those that its manifest names", file=path, fix=_AGAIN)
    for name, digest in digests.items():
        try:
            with archive.open(name) as part:
                found = hashlib.file_digest(part, "sha256").hexdigest()  # type: ignore[arg-type]
        except _DAMAGE as error:
            raise InputError(f"its part {name} is damaged ({type(error).__name__})", file=path, fix=_AGAIN) from None
        if found != digest:
            raise InputError(f"its part {name} is not the one that was exported", file=path, fix=_AGAIN)


def _restored(archive: zipfile.ZipFile, about: Mapping[str, Any], identity: str) -> Iterator[Saved]:
    """The fitted models, in their order."""
    for entry in about["models"]:
        settings = entry["settings"]
        kind = named(str(settings["kind"]))
        model = KINDS[str(settings["kind"])](**settings)
        folder = zipfile.Path(archive, f"models/{model.name}/")
        yield kind.saved_as().restored(model, folder, entry["facts"], f"{identity} {model.name}")


def _reference(archive: zipfile.ZipFile) -> Reference:
    from safetensors.numpy import load

    return Reference.from_arrays(load(archive.read(_REFERENCE)))


def _sha256(content: Folder | bytes) -> str:
    found = hashlib.sha256()
    for piece in _pieces(content):
        found.update(piece)
    return found.hexdigest()


def _pieces(content: Folder | bytes) -> Iterator[bytes]:
    """The content a megabyte at a time: a part can be larger than the memory."""
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as handle:
        while piece := handle.read(1 << 20):
            yield piece
