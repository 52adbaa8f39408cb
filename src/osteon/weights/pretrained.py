"""What a weights file says of how osteon pretrained it, in words for a report."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from osteon.core.errors import WeightsError
from osteon.core.words import counted, listed
from osteon.weights import files

_OBJECTIVES = {
    "labels": "the sources' labels",
    "views": "likeness of two views of a picture (VICReg)",
    "orientation": "the orientation of turned pictures",
}


@dataclass(frozen=True)
class Comparison:
    """What pictures to pretrain on were held against.

    Attributes:
        pictures: How many pictures were compared.
        external: First 16 digits of the SHA-256 of the pixels of each external case's picture.
        patients: Sources whose patients were compared with external patients too.
        unknown: Sources whose patients nobody knows.
    """

    pictures: int
    external: tuple[str, ...]
    patients: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def in_words(self, external: Collection[str]) -> str:
        """What the comparison is worth to a study, as a sentence without a full stop.

        Args:
            external: SHA-256 of the pixels of the study's external pictures.
        """
        there = {content[:16] for content in external}
        missed = len(there - set(self.external))
        if missed == len(there):
            return NOT_COMPARED if there else ""
        said = (
            f"its {counted(self.pictures, 'pretraining picture')} were compared, turned and mirrored, with "
            f"{len(there) - missed} of the study's {counted(len(there), 'external picture')}, and none is the same"
        )
        if missed:
            said += f"; {counted(missed, 'external picture')} came later and were not compared"
        if self.patients:
            said += f"; no patient of {listed(self.patients)} is an external patient"
        if self.unknown:
            said += f"; the patients of {listed(self.unknown)} are not known"
        return said


NOT_COMPARED = (
    "its pretraining pictures were not compared with the external cases of this study, which may be among them"
)


@dataclass(frozen=True)
class Pretrained:
    """How osteon pretrained a weights file.

    Attributes:
        start: Name, source, sha256 and licence of what it started from.
        sources: One for each source: name, pictures, labels (by name, how many), patients, licence, citation.
        settings: The settings, as their file has them.
        curves: What was learned, a row a pass.
        comparison: What it was compared with; None: with nothing.
        interpolated: How far on the way from the start to the end it lies; 1 is the end.
    """

    start: Mapping[str, str]
    sources: tuple[Mapping[str, Any], ...]
    settings: Mapping[str, Any]
    curves: tuple[Mapping[str, Any], ...]
    comparison: Comparison | None = None
    interpolated: float = 1.0

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return asdict(self)

    @classmethod
    def of(cls, path: Path) -> Pretrained | None:
        """What a weights file says; None where osteon did not pretrain it.

        Raises:
            WeightsError: It says what osteon does not write.
        """
        found = files.told(path).get("pretraining")
        if found is None:
            return None
        try:
            compared = found["comparison"]
            lists = {name: tuple(found[name]) for name in ("sources", "curves")}
            comparison = None
            if compared is not None:
                names = ("external", "patients", "unknown")
                comparison = Comparison(compared["pictures"], *(tuple(compared[name]) for name in names))
            return cls(**{**found, **lists, "comparison": comparison})
        except (KeyError, TypeError) as error:
            raise WeightsError(
                f"what it says of its pretraining is not what osteon writes ({error})", file=path
            ) from None

    def in_words(self) -> str:
        """How it was pretrained, as a clause."""
        s = self.settings
        learned = listed(_OBJECTIVES[name] for name in s["objectives"])
        pictures = listed(_source(source) for source in self.sources)
        start = "random weights" if self.start["name"] == "random" else f"{self.start['name']} weights"
        said = (
            f"pretrained by osteon from {start} on {pictures}: {learned}, {counted(s['epochs'], 'pass', 'passes')} at "
            f"{s['size']} pixels"
        )
        if self.interpolated < 1:
            said += f"; then interpolated, {self.interpolated:.0%} of the way from the start (WiSE-FT)"
        return said

    def sealed(self, external: Collection[str]) -> str:
        """Whether the pictures were held against a study's external ones, as a sentence without a full stop."""
        return self.comparison.in_words(external) if self.comparison else NOT_COMPARED


def _source(source: Mapping[str, Any]) -> str:
    licence = f" ({source['licence']})" if source["licence"] else ""
    return f"{counted(source['pictures'], 'picture')} of {source['name']}{licence}"
