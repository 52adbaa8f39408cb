"""A folder of DICOM radiographs without their patients, by PS3.15's Basic Application Confidentiality Profile.

With the options Clean Pixel Data, Retain Longitudinal Temporal Information with Modified Dates, Retain Device Identity.
What cannot be cleaned is set aside; what the run knows of the patients stays in a folder of its own.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from osteon.core import tables
from osteon.core.errors import ImageError, InputError
from osteon.core.workers import Workers
from osteon.io import dicom, rois
from osteon.io.burned.sheet import Sheet
from osteon.io.cohorts import Folder
from osteon.io.deidentify.radiograph import Cleaned, cleaned
from osteon.io.deidentify.secret import load
from osteon.io.kinds import kind_of
from osteon.study.protocol import BurnedIn

__all__ = ["Deidentified", "deidentify"]

_FILES = tables.Contract("files", {"source": tables.Column("path"), "file": tables.Column("path")})
_ASIDE = tables.Contract("set_aside", {"source": tables.Column("path"), "reason": tables.Column("free")})
_ELEMENTS = tables.Contract(
    "elements",
    {
        "file": tables.Column("path"),
        "element": tables.Column("text"),
        "name": tables.Column("text", filled=False),
        "done": tables.Column("text"),
    },
)
_DECISIONS = """# What you decided on the contact sheet; run osteon deidentify again afterwards.
# Pictures go by the second name under them; "all" stands for every picture.
side_markers = "mask"      # or "keep": a letter L or R that stands alone
paint = []                 # text over the anatomy is painted over here, too
confirmed = []             # looked at: nothing that is left identifies anybody
[boxes]                    # painted over besides: "name" = [[x0, y0, x1, y1]]
"""
_DRAWN = "text or structured content, which may hold an identity, is not cleaned"


@dataclass(frozen=True)
class Deidentified:
    """What came of it.

    Attributes:
        out: What can be passed on once the contact sheet was looked at.
        keep: What stays.
        files: How many radiographs are in `out`.
        patients: Of how many patients.
        aside: Reasons for which files were set aside, with how many.
    """

    out: Path
    keep: Path
    files: int
    patients: int
    aside: Counter[str]

    def __str__(self) -> str:
        page = self.keep / "contact_sheet" / "page-01.html"
        count = sum(self.aside.values())
        lines = [
            f"{self.out}: {self.files} radiograph{'s' * (self.files != 1)} of {self.patients} "
            f"patient{'s' * (self.patients != 1)}",
            f"look at every picture before you pass it on: {page}",
            f"stays here, and must not be passed on: {self.keep}",
        ]
        if count:
            lines.append(f"{count} file{'s were' if count != 1 else ' was'} set aside ({self.keep / 'set_aside.csv'}):")
            lines += [f"  {number} x {reason}" for reason, number in self.aside.most_common()]
        return "\n".join(lines)


def deidentify(
    folder: Path, out: Path, *, keep: Path | None = None, secret: Path | None = None, workers: Workers | None = None
) -> Deidentified:
    """Write the radiographs of a folder without their patients.

    Args:
        folder: The radiographs.
        out: An empty folder, or one that an earlier run wrote: the radiographs, and nothing else.
        keep: Where the secret, the tables of what was done, and the contact sheet go; `out` with ``-keep`` after it.
        secret: The secret of an earlier run, so that patients and UIDs are called the same; ``secret.key`` in `keep`.
        workers: Who does the work.

    Raises:
        InputError: The folders lie in each other, or `out` holds what this has not written.
    """
    keep = keep or out.with_name(out.name + "-keep")
    secret = secret or keep / "secret.key"
    _check_places(folder, out, keep, secret)
    key, decided = load(secret), _decisions(keep / "decisions.toml")
    _clear(out, keep)
    there = Folder(folder)
    if not there.files:
        raise InputError("the folder holds no file", file=folder, fix="Give the folder of the radiographs.")
    aside = [(path, reason) for path, reason in there.passed]
    radiographs: list[Path] = []
    instances: dict[str, Path] = {}
    for path in there.files:
        reason = _why_not(path, instances, there)
        if reason:
            aside.append((path, reason))
        else:
            radiographs.append(path)
    found = (workers or Workers()).map("radiographs", cleaned, [(path, out, key, decided) for path in radiographs])
    aside += [(path, one.reason) for path, one in zip(radiographs, found, strict=True) if one.reason]
    _write_tables(keep, there, list(zip(radiographs, found, strict=True)), aside)
    _write_sheet(keep, folder, [one for one in found if one.drawn])
    patients = {one.file.partition("/")[0] for one in found if one.file}
    return Deidentified(
        out, keep, sum(bool(one.file) for one in found), len(patients), Counter(why for _, why in aside)
    )


def _check_places(folder: Path, out: Path, keep: Path, secret: Path) -> None:
    if not folder.is_dir():
        raise InputError("no such folder", file=folder, fix="Give the folder of the radiographs.")
    source, target, kept = (path.resolve() for path in (folder, out, keep))
    for inner, outer in ((target, source), (source, target), (kept, target), (kept, source), (target, kept)):
        if inner.is_relative_to(outer):
            raise InputError("folders lie in each other", file=inner, fix="Give folders that lie beside each other.")
    if secret.resolve().is_relative_to(target):
        raise InputError("the secret lies in what is passed on", file=secret, fix="Put it anywhere else.")


def _clear(out: Path, keep: Path) -> None:
    """Take away what an earlier run wrote, and refuse a folder that holds anything else."""
    known = keep / "files.csv"
    earlier = {out / file for file in tables.read(known, _FILES)["file"]} if known.is_file() else set()
    if any(path not in earlier for path in out.rglob("*") if not path.is_dir()):
        raise InputError("the folder holds what is not of an earlier run", file=out, fix="Give an empty folder.")
    for path in earlier:
        path.unlink(missing_ok=True)


def _decisions(path: Path) -> BurnedIn:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_DECISIONS, encoding="utf-8")
    try:
        return BurnedIn(**tomllib.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else f"not TOML: {error}"
        raise InputError(what, file=path, fix="Correct it, or delete it to start from what it was.") from None


def _why_not(path: Path, instances: dict[str, Path], there: Folder) -> str:
    """Why a file is set aside unread; "" for a radiograph, which is noted by its SOP Instance UID."""
    try:
        if kind_of(path) != "dicom":
            return "a picture, but not DICOM"
        header = dicom.parse(path, ("SOPClassUID", "SOPInstanceUID"))
        if rois.draws(str(header.get("SOPClassUID"))):
            return _DRAWN
        dicom.image_size(path)
    except ImageError as error:
        return error.what
    instance = str(header.get("SOPInstanceUID") or "")
    if not instance:
        return "it has no SOP Instance UID"
    first = instances.setdefault(instance, path)
    return "" if first is path else f"its SOP Instance UID is that of {there.within(first)}, too"


def _write_tables(keep: Path, there: Folder, found: list[tuple[Path, Cleaned]], aside: list[tuple[Path, str]]) -> None:
    files = [{"source": there.within(path), "file": one.file} for path, one in found if one.file]
    tables.write(pd.DataFrame(files, columns=["source", "file"]), keep / "files.csv", _FILES)
    elements = pd.DataFrame(_rows(found), columns=["file", "element", "name", "done"])
    tables.write(elements, keep / "elements.csv", _ELEMENTS)
    rows = [{"source": there.within(path), "reason": reason} for path, reason in sorted(aside)]
    tables.write(pd.DataFrame(rows, columns=["source", "reason"]), keep / "set_aside.csv", _ASIDE)


def _rows(found: list[tuple[Path, Cleaned]]) -> Iterator[tuple[str, str, str, str]]:
    for _, one in found:
        yield from ((one.file, *each) for each in one.done if one.file)


def _write_sheet(keep: Path, folder: Path, found: list[Cleaned]) -> None:
    sheet = Sheet(keep / "contact_sheet", folder.name, len(found), "what is passed on, if nothing is to be decided")
    for old in sheet.folder.glob("page-*.html"):
        old.unlink()
    for one in found:
        sheet.put(one.drawn, one.case, one.undecided)
