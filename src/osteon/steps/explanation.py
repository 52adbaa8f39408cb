"""The explanation of external cases: chunks that survive an interruption, gathered, scored and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from osteon import crops, predict, study, tables
from osteon.evaluate.explanation import explanation
from osteon.steps import pictures
from osteon.steps.folder import Ledger, RunFolder, digest, file_digest, stream
from osteon.steps.gallery import show
from osteon.steps.mapping import Job, explain_chunk, fit_permuted
from osteon.steps.units import training_pad
from osteon.steps.workers import Workers
from osteon.study import Network, Study
from osteon.weights import Resolved

_IMAGES_A_CHUNK = 16


def explain(
    settings: Study,
    cases: pd.DataFrame,
    resolved: dict[str, Resolved],
    folder: RunFolder,
    ledger: Ledger,
    workers: Workers,
) -> None:
    """Explain external cases with every network that ends in a map, score the maps, and draw them on the radiographs.

    Args:
        settings: The study.
        cases: All cases, as they were when the models were fitted.
        resolved: Each network's weights.
        folder: The run folder, with every model fitted and the evaluation's tables written.
        ledger: What is current.
        workers: Who does it.
    """
    told = tables.read(folder / "predictions.csv", tables.PREDICTIONS).drop_duplicates("case_id")
    networks = [model for model in settings.models if isinstance(model, Network)]
    seed = settings.study.seed
    chosen = sample(told[told["split"] == "external"], settings.explain.cases, [seed, stream("explain")])
    shown = cases[cases["case_id"].isin(chosen)]
    if shown.empty or not networks:
        _remove(folder)
        return
    shown = shown.iloc[np.concatenate(list(shown.groupby("image", sort=False).indices.values()))]
    masks = [file_digest(settings.cohort_path.parent / str(mask)) if mask else "" for mask in _masks(shown)]
    fitted = [
        file_digest(folder.fold(model.name, number, fold) / "model.safetensors")
        for model in networks
        for number in range(model.seeds)
        for fold in range(settings.evaluation.folds)
    ]
    key = digest(
        "explain", list(shown["case_id"]), list(shown["sha256"]), masks, pictures.boxes(shown), fitted, networks,
        settings.explain, settings.robustness, settings.crop, seed,
    )  # fmt: skip

    def make() -> list[Path]:
        able = [model for model in networks if _has_maps(folder.fold(model.name, 0, 0), resolved[model.name])]
        without = [model.name for model in networks if model not in able]
        if without:
            workers.progress.say(f"[yellow]![/] no maps of {', '.join(without)}: not a convolutional network")
        jobs = [Job(settings, model, resolved[model.name], folder) for model in able]
        return _make(jobs, cases, told, shown, folder.cache / f"explain-{key[:16]}", workers)

    fresh = ledger.step("explain", key, make)
    measure(folder, ledger)
    show(settings, shown, resolved, folder, ledger)
    workers.progress.say(f"[green]✓[/] maps of {len(shown)} cases ({'made' if fresh else 'unchanged'})")


def measure(folder: RunFolder, ledger: Ledger) -> None:
    """The tables of the explanation, where maps have been scored; needs no picture and no network."""
    names = ("explanation_cases.csv", "perturbed_maps.parquet", "predictions.csv", "operating_points.csv")
    if not (folder / names[0]).is_file():
        return
    settings = study.load(folder / "study.toml")
    key = digest([file_digest(folder / name) for name in names], settings.evaluation, settings.study)

    def evaluate() -> list[Path]:
        given = [tables.read(folder / name, getattr(tables, name.partition(".")[0].upper())) for name in names]
        scores, moved, predictions, points = given
        return explanation(scores, moved, predictions, points, settings).write(folder.path)

    ledger.step("explanation", key, evaluate)


def sample(cases: pd.DataFrame, count: int, seed: Sequence[int]) -> list[str]:
    """Choose cases, as equally as can be from each centre and class.

    Args:
        cases: case_id, centre, label.
        count: How many; -1 for all.
        seed: Source of randomness.

    Returns:
        Case identifiers.
    """
    if count < 0:
        return list(cases["case_id"])
    shuffled = cases.sort_values("case_id").sample(frac=1, random_state=np.random.default_rng(seed))
    turn = shuffled.groupby(["centre", "label"]).cumcount()  # one of each centre and class, then a second of each, ...
    return list(shuffled.assign(turn=turn).sort_values("turn", kind="stable")["case_id"].head(count))


def _masks(cases: pd.DataFrame) -> pd.Series:
    return cases["mask"] if "mask" in cases else pd.Series("", index=cases.index)


def _remove(folder: RunFolder) -> None:
    """Take away what an earlier run explained."""
    for path in (*folder.path.glob("explanation*.csv"), *folder.path.glob("cams/**/*.*")):
        path.unlink()
    (folder / "perturbed_maps.parquet").unlink(missing_ok=True)


def _has_maps(fold: Path, weights: Resolved) -> bool:
    return predict.load_network(fold, weights).supports_cam


def _crops(job: Job, cases: pd.DataFrame, workers: Workers) -> Path:
    """The crops of all cases that the network was fitted with, made again if they were thrown away."""
    pad = training_pad(job.model, job.size)
    return pictures.stored_crops(job.folder, job.root, cases, job.settings.crop, job.size, pad, workers)


def _make(
    jobs: Sequence[Job], cases: pd.DataFrame, told: pd.DataFrame, shown: pd.DataFrame, cache: Path, workers: Workers
) -> list[Path]:
    """Make and score all maps and write them.

    Args:
        jobs: One for each network with maps.
        cases: All cases.
        told: Predictions with labels; only those of development cases are looked at.
        shown: The cases to explain, those of a radiograph together.
        cache: Where finished chunks are kept.
        workers: Who does it.
    """
    if not jobs:
        return []
    stored = [_crops(job, cases, workers) for job in jobs]
    permuted = [cache / job.model.name / "permuted.npy" for job in jobs]
    if jobs[0].settings.explain.sanity and jobs[0].quick:
        inside = told[told["split"] == "development"]
        folds = tables.read(jobs[0].folder / "folds.csv", tables.FOLDS)
        known = inside[["case_id", "label"]].merge(folds[["case_id", "fold"]], on="case_id")
        known = known.merge(cases[["case_id", "row", "cluster"]], on="case_id").sort_values("row")
        training = known[known["fold"] != 0]
        heads = [(*piece, training) for piece in zip(permuted, jobs, stored, strict=True) if not piece[0].is_file()]
        workers.map("heads on permuted labels", fit_permuted, heads)
    of_image = list(shown.groupby("image", sort=False).indices.values())
    chunks = [np.concatenate(of_image[i : i + _IMAGES_A_CHUNK]) for i in range(0, len(of_image), _IMAGES_A_CHUNK)]
    # Network by network, so that a worker holds one ensemble at a time.
    plan = [
        (cache / job.model.name / f"{number:06d}.parquet", job, path, shown.iloc[rows], head)
        for job, path, head in zip(jobs, stored, permuted, strict=True)
        for number, rows in enumerate(chunks)
    ]
    workers.map("class-activation maps", explain_chunk, [piece for piece in plan if not piece[0].is_file()])
    return _gather(jobs, shown, [(piece[0], piece[1].model.name) for piece in plan])


def _gather(jobs: Sequence[Job], shown: pd.DataFrame, parts: Sequence[tuple[Path, str]]) -> list[Path]:
    """Chunks -> one array a network and method, one table of scores, one of changes; the chunks go when they stand."""
    folder, settings = jobs[0].folder, jobs[0].settings
    written = [folder / "explanation_cases.csv", folder / "perturbed_maps.parquet", folder / "cams" / "cases.csv"]
    for path, suffix, contract in (
        (written[0], ".parquet", tables.EXPLANATION_CASES),
        (written[1], ".moved.parquet", tables.PERTURBED_MAPS),
    ):
        frames = [tables.read(part.with_suffix(suffix), contract) for part, _ in parts]
        full = [frame for frame in frames if not frame.empty] or frames[:1]
        tables.write(pd.concat(full), path, contract)
    rects = pd.DataFrame(crops.rectangles(pictures.boxes(shown), settings.crop), columns=["x0", "y0", "x1", "y1"])
    about = shown[["case_id", "height", "width"]].reset_index(drop=True)
    tables.write(about.join(rects), written[2], tables.EXPLAINED)
    for job in jobs:
        loaded = [np.load(part.with_suffix(".npz")) for part, name in parts if name == job.model.name]
        for method in settings.explain.methods:
            written.append(folder / "cams" / job.model.name / f"{method}.npy")
            with tables.written(written[-1]) as beside, beside.open("wb") as handle:
                np.save(handle, np.concatenate([part[method] for part in loaded]))
    for stale in set(folder.path.glob("cams/*/*.npy")) - set(written):
        stale.unlink()
    for part, _ in parts:
        for suffix in (".parquet", ".moved.parquet", ".npz"):
            part.with_suffix(suffix).unlink()
    return written
