"""osteon's values of the IBSI digital phantom beside the reference values.

python tests/radiomics/ibsi_phantom.py     rewrites the table in docs/reference/radiomics.md
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from osteon.radiomics import REGISTRY, Settings, extract, morphology

FOLDER = Path(__file__).parents[1] / "references" / "ibsi"
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "radiomics.md"
BEGIN, END = "<!-- IBSI table begins -->\n", "<!-- IBSI table ends -->\n"


@dataclass(frozen=True)
class Row:
    name: str
    tag: str
    reference: str
    tolerance: str
    ours: float

    @property
    def printed(self) -> str:
        return f"{self.ours:.3g}"

    @property
    def matches(self) -> bool:
        """Equal in the three printed digits, or within the tolerance where there is one."""
        tolerance = float(self.tolerance)
        if tolerance == 0:
            return float(self.printed) == float(self.reference)
        return abs(self.ours - float(self.reference)) <= tolerance


def phantom() -> tuple[np.ndarray, np.ndarray]:
    """Intensities and mask, (4 slices, 4 rows, 5 columns)."""
    table = np.loadtxt(FOLDER / "phantom.csv", delimiter=",", skiprows=1, dtype=int)
    image, mask = np.zeros((4, 4, 5), dtype=int), np.zeros((4, 4, 5), dtype=bool)
    image[tuple(table[:, :3].T)] = table[:, 3]
    mask[tuple(table[:, :3].T)] = table[:, 4] == 1
    return image, mask


def references() -> dict[str, tuple[str, str]]:
    """Tag to value and tolerance, as printed."""
    with (FOLDER / "digital_phantom_reference_values.csv").open() as file:
        rows = list(csv.reader(file, delimiter=";"))[1:]
    return {tag: (value, tolerance) for value, tolerance, tag in rows if value}


def required() -> set[str]:
    """The reference values that a 2D extractor has to meet."""
    by_slice = {tag for tag in references() if tag.endswith(("_2D", "_2D_avg", "_2D_comb"))}
    return by_slice | {tag for tag in references() if tag.startswith(("stat_", "ih_", "ivh_"))}


def compare() -> list[Row]:
    """Every reference value that a 2D extractor can be held to."""
    image, mask = phantom()
    settings = Settings(bin_width=1)  # the phantom's intensities are its grey levels
    slices = [extract(plane, inside, settings=settings) for plane, inside in zip(image, mask, strict=True)]
    # Statistics and histograms do not ask where a voxel is: all slices side by side are one 2D image.
    whole = extract(image.reshape(16, 5), mask.reshape(16, 5), settings=settings)
    published = references()
    rows = []
    for name, feature in REGISTRY.items():
        if feature.family == "morphology":
            continue
        by_slice = "_2D" in feature.tag
        ours = float(np.mean([one[name] for one in slices])) if by_slice else whole[name]
        rows.append(Row(name, feature.tag, *published[feature.tag], ours))
    return rows + [Row(name, tag, *published[tag], ours) for name, tag, ours in _solid(image, mask)]


def _solid(image: np.ndarray, mask: np.ndarray) -> list[tuple[str, str, float]]:
    """Shape features whose definition does not depend on the number of dimensions, of the solid phantom."""
    spacing = (2.0, 2.0, 2.0)
    major, minor, least = morphology.axes(mask, spacing)
    moran, geary = morphology.spatial_autocorrelation(image.astype(float), mask, spacing)
    return [
        ("shape_centre_of_mass_shift", "morph_com", morphology.centre_of_mass_shift(mask, image, mask, spacing)),
        ("shape_major_axis_length", "morph_pca_maj_axis", major),
        ("shape_minor_axis_length", "morph_pca_min_axis", minor),
        ("(third axis, 3D only)", "morph_pca_least_axis", least),
        ("shape_elongation", "morph_pca_elongation", minor / major),
        ("shape_moran_i", "morph_moran_i", moran),
        ("shape_geary_c", "morph_geary_c", geary),
    ]


def table() -> str:
    """The comparison as Markdown, with its count."""
    rows = compare()
    needed = [row for row in rows if row.tag in required()]
    lines = [
        f"{sum(row.matches for row in needed)} of {len(required())} required reference values match, and "
        f"{sum(row.matches for row in rows) - sum(row.matches for row in needed)} of {len(rows) - len(needed)} more.\n",
        "| feature | IBSI code | tag | reference | osteon | match |",
        "|---|---|---|---:|---:|---|",
    ]
    for row in rows:
        code = REGISTRY[row.name].code if row.name in REGISTRY else "7J51"
        tolerance = "" if row.tolerance == "0" else f" ± {row.tolerance}"
        verdict = "yes" if row.matches else "**no**"
        lines.append(f"| {row.name} | {code} | {row.tag} | {row.reference}{tolerance} | {row.printed} | {verdict} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    page = PAGE.read_text()
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(before + BEGIN + "\n" + table() + "\n" + END + after)
