"""Whether pictures to pretrain on are also, in whatever position, among a study's external cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from osteon.cohort.check import Checked
from osteon.cohort.check.duplicates import ALIKE, fingerprints
from osteon.cohort.check.pictures import THUMBNAIL
from osteon.core.errors import LeakError
from osteon.core.tables import written
from osteon.pretraining.pictures import Material
from osteon.weights import Comparison


@dataclass(frozen=True)
class Cases:
    """The cases of a study that its models must not have seen, or may.

    Attributes:
        table: case_id, image, patient.
        thumbnails: (n, 32, 32) uint8.
        contents: (n,) SHA-256 of the pixels.
    """

    table: pd.DataFrame
    thumbnails: NDArray[np.uint8]
    contents: tuple[str, ...]

    @classmethod
    def of(cls, checked: Checked, split: str) -> Cases:
        """The cases of one side of the development/external line."""
        cohort = checked.cohort[checked.cohort["split"] == split]
        known = cohort.merge(checked.images[["image", "content", "thumbnail"]], on="image", validate="many_to_one")
        patient = known["patient_id"] if "patient_id" in known else pd.Series("", index=known.index)
        table = known[["case_id", "image"]].assign(patient=patient)
        return cls(table, _squares(known["thumbnail"]), tuple(known["content"]))


def compare(sources: Sequence[Material], checked: Checked) -> tuple[Comparison, pd.DataFrame, int]:
    """Hold every picture, turned and mirrored, against every external case, and patients against external patients.

    Args:
        sources: What is pretrained on.
        checked: The study's cases.

    Returns:
        What was compared, the overlaps (source, file, case_id, same, correlation), and how many of the pictures are
        also development cases, which a study may learn from.
    """
    external, development = Cases.of(checked, "external"), Cases.of(checked, "development")
    found = [_overlaps(source, external) for source in sources]
    inside = sum(int((_alike(source, development.thumbnails)[0] >= ALIKE).sum()) for source in sources)
    comparison = Comparison(
        pictures=sum(len(source.facts) for source in sources),
        external=tuple(sorted({content[:16] for content in external.contents})),
        patients=tuple(source.name for source in sources if (source.facts["patient"] != "").any()),
        unknown=tuple(source.name for source in sources if (source.facts["patient"] == "").all()),
    )
    return comparison, pd.concat(found, ignore_index=True), inside


def refuse(overlaps: pd.DataFrame, table: Path) -> None:
    """Refuse pictures and patients that are external cases, all of them by name in a table.

    Raises:
        LeakError: There are any.
    """
    if overlaps.empty:
        return
    with written(table) as beside:
        overlaps.to_csv(beside, index=False, lineterminator="\n")
    first = [f"{row.source}: {row.file} is {row.same} {row.case_id}" for row in overlaps.head(3).itertuples()]
    more = f", and {len(overlaps) - 3} more" if len(overlaps) > 3 else ""
    raise LeakError(
        f"{len(overlaps)} of the pictures to pretrain on are external cases of the study: {'; '.join(first)}{more}",
        file=table, fix="Take the pictures that this table names out of the source.",
    )  # fmt: skip


def _overlaps(source: Material, external: Cases) -> pd.DataFrame:
    """Pictures of a source that are external cases, and pictures of external patients."""
    correlation, case = _alike(source, external.thumbnails)
    by_name = external.table["patient"].str.strip().str.casefold()
    patients = dict(zip(by_name, range(len(by_name)), strict=True))
    rows = []
    for i, (file, patient) in enumerate(zip(source.facts["file"], source.facts["patient"], strict=True)):
        if correlation[i] >= ALIKE:
            rows.append((file, case[i], "the picture of", correlation[i]))
        elif (named := patient.strip().casefold()) and named in patients:
            rows.append((file, patients[named], "of the patient of", correlation[i]))
    ids = external.table["case_id"]
    told = [(source.name, file, ids.iloc[one], same, round(float(r), 3)) for file, one, same, r in rows]
    return pd.DataFrame(told, columns=["source", "file", "case_id", "same", "correlation"])


def _alike(source: Material, thumbnails: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """How alike each picture of a source is to the case it is most like, in any of eight positions, black as white too.

    Returns:
        (n,) correlations and (n,) positions of the cases.
    """
    if not len(thumbnails):
        return np.zeros(len(source.facts), dtype=np.float32), np.zeros(len(source.facts), dtype=np.intp)
    placed = [np.rot90(side, quarter, (1, 2)) for side in (thumbnails, thumbnails[:, :, ::-1]) for quarter in range(4)]
    own = fingerprints(_squares(source.facts["thumbnail"]))
    best = np.full(len(own), -1, dtype=np.float32)
    case = np.zeros(len(own), dtype=np.intp)
    for position in placed:
        correlation = np.abs(own @ fingerprints(np.ascontiguousarray(position)).T)
        nearest = correlation.argmax(axis=1)
        value = correlation[np.arange(len(own)), nearest]
        case, best = np.where(value > best, nearest, case), np.maximum(value, best)
    return best, case


def _squares(thumbnails: pd.Series) -> NDArray[np.uint8]:
    joined = np.frombuffer(b"".join(thumbnails), dtype=np.uint8)
    return joined.reshape(-1, THUMBNAIL, THUMBNAIL)
