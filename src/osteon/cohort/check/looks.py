"""What a path that leads nowhere and a box that fits nowhere look like, so that a person knows what to mend."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pandas as pd

from osteon.core.cells import plain
from osteon.core.types import Floats

#: A search for a file by its name ends after so many folders and files.
_MOST_ENTRIES = 20_000
#: A centre of so many boxes should have one beyond this share of its picture's sides.
_ENOUGH, _CORNER = 10, 0.6
#: From this share of boxes on, and so many, a centre's boxes look drawn on larger pictures.
_SHARE, _FEW = 0.3, 3
#: A centre's pictures are unlike another's from this ratio on.
_UNLIKE = 2.0


def existing(root: Path, paths: Sequence[str]) -> dict[str, str]:
    """Each path in the Unicode form it has on the disk: macOS decomposes the letters of file names, others do not."""
    return {path: next((form for form in _forms(path) if (root / form).exists()), path) for path in paths}


def _forms(path: str) -> list[str]:
    return [path] if path.isascii() else [path, normalize("NFC", path), normalize("NFD", path)]


def missing_files(root: Path, paths: Sequence[str]) -> dict[str, str]:
    """What each path that leads nowhere looks like.

    Args:
        root: What the paths are relative to.
        paths: Paths of no file.

    Returns:
        Path to a few words.
    """

    @cache
    def names(folder: Path) -> tuple[Mapping[str, str], Mapping[str, str]]:
        every = sorted(entry.name for entry in os.scandir(folder)) if folder.is_dir() else []
        return {plain(name): name for name in every}, {plain(Path(name).stem): name for name in every}

    def look(path: str) -> str:
        whole = root / path
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", path):
            return "an address, and no file on this machine"
        if re.match(r"[A-Za-z]:/", path) and os.name != "nt":
            return "a path of another machine; write it relative to the table"
        if whole.is_dir():
            return "this is a folder"
        lacking = next((step for step in reversed(whole.parents) if not step.exists()), None)
        if lacking is not None:
            return f"there is no folder '{os.path.relpath(lacking, root)}' beside the table"
        by_name, by_stem = names(whole.parent)
        if plain(whole.name) in by_name:
            return f"there is '{by_name[plain(whole.name)]}', which differs in case, spaces or Unicode form only"
        for stem in (plain(whole.stem), plain(whole.name)):
            if stem in by_stem:
                return f"there is '{by_stem[stem]}', with another ending"
        return "no such file"

    return {path: look(path) for path in paths}


def elsewhere(root: Path, path: str) -> str:
    """Where else below the table's folder a file of that name lies; "" where it was not found."""
    name, seen = plain(Path(path).name), 0
    for folder, inner, files in os.walk(root):
        inner[:] = sorted(entry for entry in inner if not entry.startswith("."))
        seen += len(inner) + len(files)
        found = next((entry for entry in sorted(files) if plain(entry) == name), None)
        if found is not None:
            return Path(os.path.relpath(Path(folder) / found, root)).as_posix()
        if seen > _MOST_ENTRIES:
            break
    return ""


def are_fractions(box: Floats) -> np.ndarray:
    """(n,) whether each of (n, 4) boxes lies between 0 and 1, as a fraction of its picture's sides would."""
    return np.asarray(((box >= 0) & (box <= 1)).all(axis=1))


def odd_boxes(box: Floats, size: Floats) -> list[str]:
    """What each box that is too small or outside looks like.

    Args:
        box: (n, 4) as drawn.
        size: (n, 2) width and height of the pictures; nan where unknown.
    """
    out = []
    for (x0, y0, x1, y1), (width, height), fraction in zip(box, size, are_fractions(box), strict=True):
        text = f"{x0:g}, {y0:g}, {x1:g}, {y1:g}"
        if width == width:
            text += f" on a picture of {width:g} x {height:g} pixels"
        if fraction:
            text += "; it looks like fractions of the picture's sides, and boxes are in pixels"
        elif x1 > width or y1 > height:
            turned = x1 <= height and y1 <= width
            text += "; it would fit the picture turned by 90 degrees" if turned else "; as if drawn on a larger picture"
        out.append(text)
    return out


def warn_of_boxes(cases: pd.DataFrame, warnings: list[str]) -> None:
    """Tell the centres whose boxes look drawn on pictures of another size.

    Args:
        cases: centre, x0 to y1 as drawn, width and height of the picture.
        warnings: Is added to.
    """
    for centre, rows in cases.dropna(subset=["x0", "y0", "x1", "y1", "width", "height"]).groupby("centre"):
        right, lower = (rows["x1"] / rows["width"]).to_numpy(float), (rows["y1"] / rows["height"]).to_numpy(float)
        reach = np.maximum(right, lower)
        beyond = reach > 1.02
        if beyond.sum() >= max(_FEW, _SHARE * len(rows)):
            warnings.append(
                f"{beyond.sum()} of {len(rows)} boxes of centre {centre} reach beyond their pictures, up to "
                f"{reach.max():.1f} times a side: were they drawn on larger pictures?"
            )
        elif len(rows) >= _ENOUGH and right.max() < _CORNER and lower.max() < _CORNER:
            warnings.append(
                f"No box of centre {centre} reaches beyond {right.max():.0%} of its picture's width or "
                f"{lower.max():.0%} of its height: were they drawn on smaller pictures?"
            )


#: What is described of pictures.
LONGER, ASPECT, SPACING = "longer side (px)", "width / height", "pixel spacing (mm)"


def picture_columns(cohort: pd.DataFrame, pictures: pd.DataFrame) -> pd.DataFrame:
    """Size, shape and pixel spacing of each case's picture, in the order of the cases."""
    found = cohort[["image"]].merge(pictures.drop(columns="thumbnail"), on="image", how="left")
    width, height = (found[name].to_numpy(dtype=np.float64) for name in ("width", "height"))
    row, column = (found[name].to_numpy(dtype=np.float64) for name in ("row_spacing", "column_spacing"))
    return pd.DataFrame(
        {LONGER: np.maximum(width, height), ASPECT: width / height, SPACING: np.sqrt(row * column)}, index=cohort.index
    ).dropna(axis=1, how="all")


def warn_of_unlike_pictures(cohort: pd.DataFrame, facts: pd.DataFrame, warnings: list[str]) -> None:
    """Tell that centres' pictures differ twofold: a model may then tell centres, or sees other detail.

    Args:
        cohort: centre.
        facts: Of :func:`picture_columns`.
        warnings: Is added to.
    """
    for name, what in (
        (LONGER, "The pictures' longer side"),
        (ASPECT, "The pictures' width over height"),
        (SPACING, "The pictures' pixel spacing in mm"),
    ):
        if name not in facts:
            continue
        medians = facts[name].groupby(cohort["centre"]).median().dropna().sort_values(kind="stable")
        if len(medians) > 1 and medians.iloc[-1] >= _UNLIKE * medians.iloc[0] > 0:
            told = ", ".join(f"{value:.3g}" if value < 100 else f"{value:.0f}" for value in medians)
            warnings.append(
                f"{what} differs {medians.iloc[-1] / medians.iloc[0]:.1f}-fold between centres (medians {told} in "
                f"{', '.join(map(str, medians.index))}): models see other detail, and results of one centre need not "
                "hold in another. The baseline table has the figures."
            )
