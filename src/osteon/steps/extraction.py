"""Radiomics features of every case: each radiograph read once, in chunks that survive an interruption."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from osteon import radiomics, tables
from osteon.io import read_image, read_mask
from osteon.radiomics import reliability
from osteon.steps.folder import Ledger, RunFolder, digest, file_digest, stream
from osteon.steps.pictures import boxes
from osteon.steps.workers import Workers
from osteon.study import Radiomics, Study
from osteon.types import Floats

_IMAGES_A_CHUNK = 8
#: Cases whose regions are redrawn: the ICC's interval is narrow enough with so many.
_RETESTED = 150


def feature_tables(
    models: Sequence[Radiomics],
    cases: pd.DataFrame,
    settings: Study,
    folder: RunFolder,
    ledger: Ledger,
    workers: Workers,
) -> dict[str, pd.DataFrame]:
    """The features that each radiomics model asks for.

    Args:
        models: The study's radiomics models.
        cases: All cases, sealed.
        settings: The study.
        folder: The run folder.
        ledger: What is current.
        workers: Who does it.

    Returns:
        Model name to a table of case_id and features in the order of the cases. Models that ask for the same features
        share a file: ``features.csv``, further ones ``features-MODEL.csv``.
    """
    made: dict[str, Path] = {}
    out = {}
    root = settings.cohort_path.parent
    for model in models:
        key = _key(model, cases, root)
        if key not in made:
            made[key] = folder / (f"features-{model.name}.csv" if made else "features.csv")
            fresh = ledger.step(
                made[key].stem,
                key,
                lambda: [_compute(model, cases, settings, key, made[key], folder, workers)],  # noqa: B023
            )
            workers.progress.say(f"[green]✓[/] {made[key].name} ({'computed' if fresh else 'unchanged'})")
        table = tables.read(made[key], tables.FEATURES)
        numbers = table.drop(columns="case_id").astype(np.float64)
        out[model.name] = pd.concat([table[["case_id"]], numbers], axis=1)
    return out


def _key(model: Radiomics, cases: pd.DataFrame, root: Path) -> str:
    masks = [file_digest(root / mask) if mask else "" for mask in region_masks(model, cases)]
    contents = [list(cases["case_id"]), list(cases["sha256"]), masks]
    return digest("radiomics", contents, boxes(cases), settings_of(model))


def region_masks(model: Radiomics, cases: pd.DataFrame) -> pd.Series:
    """The mask of each case, or "" where its box is the region."""
    return cases["mask"] if model.region == "mask" and "mask" in cases else pd.Series("", index=cases.index)


def settings_of(model: Radiomics) -> radiomics.Settings:
    """The extractor's settings that a radiomics model asks for."""
    return radiomics.Settings(bins=model.bins, filters=model.filters, spacing=model.spacing)


def _compute(
    model: Radiomics, cases: pd.DataFrame, settings: Study, key: str, target: Path, folder: RunFolder, workers: Workers
) -> Path:
    root = settings.cohort_path.parent
    masks = region_masks(model, cases)
    of_image = list(cases.groupby("image", sort=False).indices.items())
    parts, pieces = [], []
    for start in range(0, len(of_image), _IMAGES_A_CHUNK):
        part = folder.cache / f"radiomics-{key[:16]}" / f"{start:06d}.csv"
        parts.append(part)
        if part.is_file():
            continue
        chunk = []
        for image, rows in of_image[start : start + _IMAGES_A_CHUNK]:
            chosen = cases.iloc[rows]
            regions = list(zip(chosen["case_id"], masks.iloc[rows], boxes(chosen), strict=True))
            chunk.append((str(image), regions))
        pieces.append((part, root, chunk, settings_of(model)))
    workers.map("radiomics features", _extract_chunk, pieces)
    table = pd.concat([tables.read(part, tables.FEATURES) for part in parts]).set_index("case_id")
    tables.write(table.loc[list(cases["case_id"])].reset_index(), target, tables.FEATURES)
    for part in parts:
        part.unlink()
    return target


def _extract_chunk(
    part: Path, root: Path, chunk: Sequence[tuple[str, list[tuple[str, str, Floats]]]], settings: radiomics.Settings
) -> None:
    rows = []
    for image, regions in chunk:
        radiograph = read_image(root / image)
        for case, mask, box in regions:
            region = read_mask(root / mask, radiograph.pixels.shape) if mask else box
            found = radiomics.extract(radiograph.pixels, region, radiograph.spacing, settings)
            rows.append({"case_id": case, **found})
    tables.write(pd.DataFrame(rows), part, tables.FEATURES)


def reliable_features(
    models: Sequence[Radiomics],
    development: pd.DataFrame,
    settings: Study,
    folder: RunFolder,
    ledger: Ledger,
    workers: Workers,
) -> dict[str, list[str]]:
    """The features that hold when the region is redrawn, for each model with an ICC threshold.

    Development cases are redrawn, at most `_RETESTED` of them, evenly spread over the table; external ones have no say.

    Returns:
        Model name to feature names; ``reliability-MODEL.csv`` lists every feature's ICC(3,1).
    """
    out = {}
    for model in models:
        if not model.icc:
            continue
        path = folder / f"reliability-{model.name}.csv"
        chosen = development.iloc[np.unique(np.linspace(0, len(development) - 1, _RETESTED).astype(int))]
        key = digest("reliability", _key(model, chosen, settings.cohort_path.parent), settings.study.seed)

        def measure(model: Radiomics = model, chosen: pd.DataFrame = chosen, path: Path = path) -> list[Path]:
            root, masks = settings.cohort_path.parent, region_masks(model, chosen)
            seeds = [[settings.study.seed, stream("reliability"), *case.encode()] for case in chosen["case_id"]]
            pieces = [
                (root / image, root / mask if mask else None, box, settings_of(model), seed)
                for image, mask, box, seed in zip(chosen["image"], masks, boxes(chosen), seeds, strict=True)
            ]
            retests = workers.map("redrawn regions", _retest, pieces)
            tables.write(reliability.reliability(retests, level=settings.evaluation.level), path, tables.RELIABILITY)
            return [path]

        ledger.step(path.stem, key, measure)
        out[model.name] = reliability.reliable(tables.read(path, tables.RELIABILITY), model.icc)
        workers.progress.say(f"[green]✓[/] {len(out[model.name])} reliable features for {model.name}")
    return out


def _retest(
    image: Path, mask: Path | None, box: Floats, settings: radiomics.Settings, seed: Sequence[int]
) -> list[dict[str, float]]:
    radiograph = read_image(image)
    region = box if mask is None else read_mask(mask, radiograph.pixels.shape)
    rng = np.random.default_rng(list(seed))
    return reliability.retest(radiograph.pixels, region, radiograph.spacing, settings, rng=rng)
