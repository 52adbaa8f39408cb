"""Radiomics features of every case: each radiograph read once, in chunks that survive an interruption."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from osteon import radiomics
from osteon.core import tables
from osteon.core.errors import StudyError
from osteon.core.ledger import digest, file_digest, stream
from osteon.core.run import RunFolder
from osteon.core.types import Floats
from osteon.io import READING, read_image, read_mask
from osteon.models.inputs.case import Input, boxes, in_chunks, inputs, mask_paths
from osteon.models.model import Place
from osteon.radiomics import reliability
from osteon.study import Radiomics

_IMAGES_A_CHUNK = 8
#: Cases whose regions are redrawn: the ICC's interval is narrow enough with so many.
_RETESTED = 150


def features_path(model: Radiomics, models: Sequence[Radiomics], run: RunFolder) -> Path:
    """The file of a model's features: models that ask for the same share it; the study's first has the plain name.

    Args:
        model: A radiomics model.
        models: All of the study.
        run: The run folder.
    """
    asked = [(each.region, extractor(each)) for each in models]
    first = asked.index((model.region, extractor(model)))
    return run.features(models[first].name if first else "")


def feature_table(model: Radiomics, models: Sequence[Radiomics], cases: pd.DataFrame, place: Place) -> Path:
    """Measure the features that a radiomics model asks for, unless that is done.

    Args:
        model: The model.
        models: All radiomics models of the study.
        cases: All cases, sealed.
        place: The study, its run folder and who does the work.

    Returns:
        A table of case_id and features in the order of the cases.
    """
    path, key = features_path(model, models, place.run), _key(model, cases, place.root)
    fresh = place.ledger.step(path.stem, key, lambda: [_compute(model, cases, path, place)])
    if fresh or model == models[0] or path != features_path(models[0], models, place.run):
        place.workers.progress.say(f"[green]✓[/] {path.name} ({'computed' if fresh else 'unchanged'})")
    return path


def _key(model: Radiomics, cases: pd.DataFrame, root: Path) -> str:
    masks = [file_digest(root / mask) if mask else "" for mask in _masks(model, cases)]
    contents = [list(cases["case_id"]), list(cases["sha256"]), masks]
    return digest("radiomics", READING, contents, boxes(cases), extractor(model))


def _masks(model: Radiomics, cases: pd.DataFrame) -> pd.Series:
    """The mask of each case, or "" where its box is the region."""
    return mask_paths(cases) if model.region == "mask" else pd.Series("", index=cases.index)


def extractor(model: Radiomics) -> radiomics.Settings:
    """The extractor's settings that a radiomics model asks for."""
    return radiomics.Settings(bins=model.bins, filters=model.filters, spacing=model.spacing)


def _compute(model: Radiomics, cases: pd.DataFrame, target: Path, place: Place) -> Path:
    """Every chunk stays in the cache, and is not measured again when another centre comes."""
    chunks = [cases.iloc[rows] for rows in in_chunks(cases, _IMAGES_A_CHUNK)]
    parts = [place.run.cache / "radiomics" / f"{_key(model, chunk, place.root)[:32]}.csv" for chunk in chunks]
    pieces = [(part, place.root, chunk, model) for part, chunk in zip(parts, chunks, strict=True) if not part.is_file()]
    place.workers.map("radiomics features", _extract_chunk, pieces)
    table = pd.concat([tables.read(part, tables.FEATURES) for part in parts]).set_index("case_id")
    tables.write(table.loc[list(cases["case_id"])].reset_index(), target, tables.FEATURES)
    return target


def _extract_chunk(part: Path, root: Path, cases: pd.DataFrame, model: Radiomics) -> None:
    rows = [{"case_id": one.case_id, **measured(one, model)} for one in inputs(cases, root)]
    tables.write(pd.DataFrame(rows), part, tables.FEATURES)


def measured(one: Input, model: Radiomics) -> dict[str, float]:
    """Features of an input's region; none where the box has left the picture, and the model imputes them."""
    settings = extractor(model)
    region = one.region(masked=model.region == "mask")
    if region is None:
        return dict.fromkeys(radiomics.feature_names(settings), np.nan)
    return radiomics.extract(one.look.version.pixels, region, one.film.radiograph.spacing, settings)


def reliability_table(model: Radiomics, development: pd.DataFrame, place: Place) -> None:
    """Measure which features hold when the region is redrawn: ``reliability-MODEL.csv``, every feature's ICC(3,1).

    Development cases are redrawn, at most `_RETESTED` of them, evenly spread over the table; external ones have no say.

    Raises:
        StudyError: No feature is reliable.
    """
    path, study = place.run.reliability(model.name), place.study
    chosen = development.iloc[np.unique(np.linspace(0, len(development) - 1, _RETESTED).astype(int))]

    def measure() -> list[Path]:
        seeds = [[study.study.seed, stream("reliability"), *case.encode()] for case in chosen["case_id"]]
        pieces = [
            (place.root / image, place.root / mask if mask else None, box, extractor(model), seed)
            for image, mask, box, seed in zip(chosen["image"], _masks(model, chosen), boxes(chosen), seeds, strict=True)
        ]
        retests = place.workers.map("redrawn regions", _retest, pieces)
        tables.write(reliability.reliability(retests, level=study.evaluation.level), path, tables.RELIABILITY)
        return [path]

    place.ledger.step(path.stem, digest("reliability", _key(model, chosen, place.root), study.study.seed), measure)
    found = tables.read(path, tables.RELIABILITY)
    reliable = reliability.reliable(found, model.icc)
    if not reliable:
        raise StudyError(
            f"model '{model.name}': no feature has an ICC of {model.icc:g}; the most reliable has "
            f"{found['value'].max():.3f}",
            file=study.folder / "study.toml",
            fix="Ask for less: 0.75 is called good.",
        )
    place.workers.progress.say(f"[green]✓[/] {len(reliable)} reliable features for {model.name}")


def _retest(
    image: Path, mask: Path | None, box: Floats, settings: radiomics.Settings, seed: Sequence[int]
) -> list[dict[str, float]]:
    radiograph = read_image(image)
    region = box if mask is None else read_mask(mask, radiograph.pixels.shape)
    rng = np.random.default_rng(list(seed))
    return reliability.retest(radiograph.pixels, region, radiograph.spacing, settings, rng=rng)
