"""Where weights files are found at run time, and, apart from that, how they are fetched."""

from __future__ import annotations

import os
import shutil
import tempfile
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from osteon.core.errors import WeightsError
from osteon.core.tables import written
from osteon.weights import files, layouts
from osteon.weights.doctor import doctor, known
from osteon.weights.records import DEFAULTS, Record, find, from_timm, random, records


@dataclass(frozen=True, slots=True)
class Resolved:
    """A set of weights as a study uses it.

    Attributes:
        record: What it is.
        path: The file; None for random weights.
        sha256: SHA-256 of the file; empty for random weights.
    """

    record: Record
    path: Path | None = None
    sha256: str = ""


def folders(search: Sequence[Path] = ()) -> tuple[Path, ...]:
    """The folders in which weights files are looked for: `search`, ``$OSTEON_WEIGHTS``, ``~/.cache/osteon/weights``."""
    named = os.environ.get("OSTEON_WEIGHTS", "")
    return (*map(Path, search), *(Path(p) for p in named.split(os.pathsep) if p), Path.home() / ".cache/osteon/weights")


def located(record: Record, search: Sequence[Path] = ()) -> Path | None:
    """Where a record's file lies on this machine, or None."""
    places = (folder / name for folder in folders(search) for name in record.files)
    return next((path for path in places if path.is_file()), None)


def listing(search: Sequence[Path] = ()) -> str:
    """The records as a table for people: what they are, how their input is normalised, and where their files are."""
    rows = [("name", "variant", "input", "file")]
    for record in records().values():
        low, high = (f"{bound:g}" for bound in record.range)
        scaled = f" - ({', '.join(f'{mean:g}' for mean in record.mean)})" if any(record.mean) else ""
        scaled += f" / ({', '.join(f'{std:g}' for std in record.std)})" if set(record.std) != {1.0} else ""
        path = located(record, search)
        where = str(path) if path else _origin(record) if record.file else "-"
        rows.append((record.name, record.variant, f"{record.channel_order} {low}..{high}{scaled}", where))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join("  ".join((*map(str.ljust, row[:3], widths), row[3])) for row in rows)


def resolve(weights: str, backbone: str, *, search: Sequence[Path] = (), record: str | None = None) -> Resolved:
    """Find the weights a study names. Nothing is ever downloaded here.

    Args:
        weights: ``imagenet``, ``radimagenet``, ``random``, ``file:PATH``, a record's name, or ``timm:NAME``.
        backbone: The network they are for.
        search: Folders to look in first.
        record: The record's name, for a file that does not tell itself, or to read it by another convention.

    Returns:
        The record and the file.

    Raises:
        WeightsError: Unknown weights; weights of another network; or the file is not there, and then the message says
            which file to get, where to put it, and how to fetch it.
    """
    if weights.startswith("file:"):
        return _from_file(_locate(weights.removeprefix("file:"), search), backbone, record)
    wanted = _wanted(weights, backbone)
    if record:
        wanted = [candidate for candidate in wanted if candidate.name == find(record).name]
    if not wanted:
        raise WeightsError(f"the record '{record}' is none of the weights '{weights}' for {backbone}")
    if weights == "random":
        return Resolved(wanted[0])
    for candidate in wanted:
        if path := located(candidate, search):
            return Resolved(candidate, path, files.sha256(path))
    raise _absent(wanted, search)


def _wanted(weights: str, backbone: str) -> list[Record]:
    """The records that a name of weights may mean for a backbone, the preferred one first."""
    if weights == "random":
        return [random(backbone)]
    if weights == "imagenet":
        return [find(DEFAULTS[backbone]) if backbone in DEFAULTS else from_timm(backbone)]
    if weights == "radimagenet":
        fitting = [record for record in records().values() if record.name.startswith(f"radimagenet-{backbone}-")]
        if not fitting:
            raise WeightsError(
                f"RadImageNet has no weights for {backbone}", fix=f"It has {', '.join(layouts.ARCHITECTURES)}."
            )
        return fitting
    record = find(weights)
    _of(record, backbone)
    return [record]


def _from_file(path: Path, backbone: str, name: str | None) -> Resolved:
    """The record of a named file: as asked, by SHA-256, or from inside."""
    digest = files.sha256(path)
    certain = known(digest)
    told = certain or files.inside(path)
    record = find(name) if name else told
    if record is None:
        fitting = doctor(path).candidates if backbone in layouts.ARCHITECTURES else (f"timm:{backbone}",)
        raise WeightsError(
            "nobody knows this file, so its network's input normalisation is unknown",
            file=path,
            fix=f'Name it in the model\'s settings: record = "...", one of {", ".join(fitting)}.',
        )
    _of(record, backbone, path)
    if certain and record != certain:
        raise WeightsError(f"its SHA-256 is that of '{certain.name}', not of '{name}'", file=path)
    if told and told.variant != record.variant:
        raise WeightsError(f"it is of the variant {told.variant}, but '{name}' of {record.variant}", file=path)
    return Resolved(record, path, digest)


def _locate(name: str, search: Sequence[Path]) -> Path:
    """A file by its path, absolute, or relative to the search folders or the working directory."""
    path = Path(name).expanduser()
    for candidate in (*(folder / path for folder in folders(search)), path):
        if candidate.is_file():
            return candidate
    places = ", ".join(map(str, folders(search)))
    raise WeightsError("no such weights file", file=path, fix=f"A relative path may start in {places}.")


def _of(record: Record, backbone: str, path: Path | None = None) -> None:
    """Refuse weights of another network."""
    if record.architecture not in (backbone, "any"):
        raise WeightsError(f"'{record.name}' are weights of {record.architecture}, not of {backbone}", file=path)


def _absent(wanted: Sequence[Record], search: Sequence[Path]) -> WeightsError:
    """What to get, where to put it, and the command that does both."""
    files_by_origin = {_origin(record): record.downloaded for record in wanted}
    ways = ", or ".join(f"{origin}, and put it as {file}" for origin, file in files_by_origin.items())
    return WeightsError(
        f"the weights '{wanted[0].name}' are not on this machine",
        fix=f"Get {ways} into {' or '.join(map(str, folders(search)))}; "
        f"where there is internet, 'osteon weights fetch {wanted[0].name}' does so.",
    )


def _origin(record: Record) -> str:
    """Where a person gets the file."""
    if record.source.startswith("hf:"):
        owner, repository, file = record.source.removeprefix("hf:").split("/", 2)
        return f"{file} of https://huggingface.co/{owner}/{repository}"
    return record.source if "://" in record.source.split(" ")[0] else f"{record.file} from {record.source}"


def fetch(name: str | Record, folder: str | Path | None = None) -> Path:
    """Download a set of weights. The only function of osteon that does.

    Args:
        name: A record or its name, or ``timm:NAME``.
        folder: Where to; ``~/.cache/osteon/weights`` if None.

    Returns:
        The file, complete, sound, and under the name by which :func:`resolve` looks for it.

    Raises:
        WeightsError: Unknown, not to be had by download, no connection, damaged, or not what its record says.
    """
    record = find(name) if isinstance(name, str) else name
    folder = Path(folder) if folder else folders()[-1]
    if not record.file:
        raise WeightsError(f"the weights '{record.name}' need no file")
    if not record.source.startswith("hf:") and "://" not in record.source.split(" ")[0]:
        raise WeightsError(
            f"the weights '{record.name}' cannot be downloaded by osteon",
            fix=f"Get {_origin(record)}, and put it into {folder}.",
        )
    target = folder / record.downloaded
    with tempfile.TemporaryDirectory() as temporary:
        got = _download(record, Path(temporary) / target.name)
        stated = target.stem.rpartition("-")[2]  # PyTorch's custom: NAME-<first 8 digits of the SHA-256>.pth
        if target.suffix == ".pth" and len(stated) == 8 and not files.sha256(got).startswith(stated):
            raise WeightsError("the download is damaged: its SHA-256 is not what its name says", fix="Try again.")
        if record.architecture in layouts.ARCHITECTURES:
            doctor(got, record).check()
        with written(target) as beside:
            shutil.copyfile(got, beside)
    return target


def _download(record: Record, path: Path) -> Path:
    """The record's file as its source has it; in the folder of `path`."""
    try:
        if record.source.startswith("hf:"):
            from huggingface_hub import hf_hub_download

            owner, repository, file = record.source.removeprefix("hf:").split("/", 2)
            return Path(hf_hub_download(f"{owner}/{repository}", file, local_dir=path.parent))
        with urllib.request.urlopen(record.source, timeout=60) as answer, path.open("wb") as handle:
            shutil.copyfileobj(answer, handle)
    except Exception as error:  # the hub's client raises a dozen unrelated kinds; all mean that there is no file
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"the weights '{record.name}' could not be downloaded ({reason})",
            fix=f"With internet get {_origin(record)}, and put it into {folders()[-1]} as {record.downloaded}.",
        ) from error
    return path
