"""Where models look in external cases: chunks that survive an interruption, gathered, scored and drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from osteon.core import tables
from osteon.core.ledger import digest, file_digest, stream
from osteon.core.run import contract
from osteon.core.types import Floats
from osteon.core.version import __version__
from osteon.io import READING, read_image, read_mask
from osteon.models.explain.placing import in_common
from osteon.models.explain.scores import LesionInCrop, correlation, middle, score
from osteon.models.fitted import Saved
from osteon.models.inputs import crops, perturb
from osteon.models.inputs.case import BOX, boxes, in_chunks, mask_paths
from osteon.models.model import Kind
from osteon.pipeline.context import Context, Step, chosen, save_array
from osteon.pipeline.perturbation import asked_changes, changes
from osteon.results.evaluate.explanation import CENTRE, ENSEMBLE, ONE_FOLD, explanation
from osteon.study import Study

if TYPE_CHECKING:  # it imports torch, which a study of tables does without
    from osteon.models.explain.mapper import Mapper, Maps

_RADIOGRAPHS_A_CHUNK = 16
_CROPS_A_BATCH = 64


class Explain(Step):
    """Explain external cases with every model that ends in a map, and score the maps."""

    name = "explain"

    def __init__(self) -> None:
        self._count = 0

    def key(self, at: Context) -> str | None:
        """Pictures, masks and boxes of the cases, the fitted models, and what is asked of them."""
        shown, study = chosen(at, at.study.explain.cases), at.study
        mapped = [kind for kind in at.kinds if kind.model.maps]
        self._count = len(shown)
        if shown.empty or not mapped:
            return None
        return digest("explain", _contents(at, shown), [_asked(at, kind) for kind in mapped], study.explain)

    def make(self, at: Context, key: str) -> list[Path]:
        """Make and score all maps and write them."""
        shown = chosen(at, at.study.explain.cases)
        asked = [kind for kind in at.kinds if kind.model.maps]
        from osteon.models.explain.mapper import Mapper

        kinds = [kind for kind in asked if Mapper.of(kind.saved()) is not None]
        without = [kind.model.name for kind in asked if kind not in kinds]
        if without:
            at.workers.progress.say(f"[yellow]![/] no maps of {', '.join(without)}: not a convolutional network")
        return _make(at, kinds, shown) if kinds else []

    def forget(self, at: Context) -> None:
        """Take away what an earlier run explained."""
        at.run.forget("explanation*.csv", "cams/**/*.*", at.run.file("perturbed_maps").name)

    def said(self, at: Context, fresh: bool) -> str:
        """How many cases."""
        return f"maps of {self._count} cases ({'made' if fresh else 'unchanged'})"


class Explanation(Step):
    """The tables of the explanation, where maps have been scored; needs no picture and no network."""

    name = "explanation"
    _FROM = ("explanation_cases", "perturbed_maps", "predictions", "operating_points")

    def key(self, at: Context) -> str | None:
        """The scores of the maps, the predictions, and what is asked of them."""
        if not at.run.file("explanation_cases").is_file():
            return None
        return digest(at.digests(*self._FROM), at.study.evaluation, at.asked.study, __version__)

    def make(self, at: Context, key: str) -> list[Path]:
        """Measure and write."""
        scores, moved, predictions, points = (at.run.read(name) for name in self._FROM)
        return explanation(scores, moved, predictions, points, at.study).write(at.run.path)


@dataclass(frozen=True, eq=False)
class _Job:
    """What a worker needs to explain any case with one model.

    Attributes:
        study: The study.
        root: What image and mask paths are relative to.
        saved: The fitted model.
        crops: Crops of all cases, as it was fitted on them.
    """

    study: Study
    root: Path
    saved: Saved
    crops: Path

    @property
    def mapper(self) -> Mapper:
        """The fitted model's; kept by the worker from chunk to chunk."""
        from osteon.models.explain.mapper import Mapper

        found = Mapper.of(self.saved)
        assert found is not None
        return found

    def pictures(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """(n, 1, S, S) crops of cases."""
        from osteon.models.network.pictures import middle as middle_of

        return middle_of(np.load(self.crops, mmap_mode="r")[rows], self.mapper.fitted.saved.size)


def _make(at: Context, kinds: Sequence[Kind], shown: pd.DataFrame) -> list[Path]:
    """Make and score all maps and write them; every chunk stays in the cache, and is not made again for another centre.

    Args:
        at: The study on its way.
        kinds: Of the models with maps.
        shown: The cases to explain, in the order of their chunks.
    """
    jobs = [_Job(at.study, at.root, kind.saved(), kind.crops(at.cases)) for kind in kinds]
    training = at.cases.table.merge(at.run.read("folds")[["case_id", "fold"]], on="case_id")
    training = training[training["fold"] != 0].sort_values("row")
    labels = training["case_id"].map(at.labels).to_numpy()
    learned = digest(list(training["case_id"]), list(training["cluster"]), labels)
    keys = {job.saved.model.name: digest(learned, _asked(at, kind)) for kind, job in zip(kinds, jobs, strict=True)}
    folders = {name: at.run.cache / f"explained-{name}" for name in keys}
    heads = [folders[name] / f"permuted-{key[:32]}.npy" for name, key in keys.items()]
    if at.study.explain.sanity and at.study.explain.quick:
        pieces = [
            (head, job, training["row"].to_numpy(), labels, training["cluster"].to_numpy())
            for head, job in zip(heads, jobs, strict=True)
            if not head.is_file()
        ]
        at.workers.map("heads on permuted labels", _fit_permuted, pieces)
    chunks = [shown.iloc[rows] for rows in in_chunks(shown, _RADIOGRAPHS_A_CHUNK)]
    contents = [_contents(at, chunk) for chunk in chunks]
    # Model by model, so that a worker holds one ensemble at a time.
    plan = [
        (folders[name] / f"{digest(key, content)[:32]}.parquet", job, chunk, head)
        for (name, key), job, head in zip(keys.items(), jobs, heads, strict=True)
        for chunk, content in zip(chunks, contents, strict=True)
    ]
    at.workers.map("class-activation maps", _explain_chunk, [piece for piece in plan if not piece[0].is_file()])
    return _gather(at, shown, [(piece[0], piece[1].saved.model.name) for piece in plan])


def _asked(at: Context, kind: Kind) -> str:
    """What a model's maps depend on beside the cases."""
    study = at.study
    whole = [study.explain.model_copy(update={"cases": -1}), asked_changes(study)]
    return digest(READING, kind.contents(), kind.model, whole, study.crop, study.study.seed)


def _contents(at: Context, cases: pd.DataFrame) -> str:
    """What cases show: pictures, boxes and masks."""
    masks = [file_digest(at.root / str(mask)) if mask else "" for mask in mask_paths(cases)]
    return digest(list(cases["case_id"]), list(cases["sha256"]), masks, boxes(cases))


def _fit_permuted(
    path: Path, job: _Job, rows: NDArray[np.intp], labels: NDArray[np.int64], clusters: NDArray[np.int64]
) -> None:
    """The first fold's head, fitted on permuted labels of its own training cases."""
    batches = (job.pictures(rows[start : start + _CROPS_A_BATCH]) for start in range(0, len(rows), _CROPS_A_BATCH))
    save_array(path, job.mapper.permuted_head(batches, labels, clusters, job.study.study.seed))


def _explain_chunk(part: Path, job: _Job, cases: pd.DataFrame, permuted: Path) -> None:
    """Maps of some cases with one model, their scores, and how they change with the box."""
    batch = job.pictures(cases["row"].to_numpy())
    whole, first = job.mapper.ensemble(batch, job.study.explain.methods)
    kinds = {ENSEMBLE: whole, CENTRE: {method: np.repeat(middle()[None], len(cases), 0) for method in whole}}
    if job.study.explain.sanity and job.study.explain.quick:
        kinds[ONE_FOLD] = {method: first[method] for method in job.study.explain.quick}
        seed = int(np.random.default_rng([job.study.study.seed, stream("stranger")]).integers(2**31))
        kinds |= job.mapper.checks(batch, job.study.explain.quick, np.load(permuted), seed)
    rects = crops.rectangles(boxes(cases), job.study.crop)
    rows = list(_scores(job, cases, rects, kinds, first))
    with tables.written(part.with_suffix(".npz")) as beside, beside.open("wb") as handle:
        np.savez(handle, **{method: made.astype(np.float32) for method, made in whole.items()})  # type: ignore[arg-type]
    tables.write(_moved(job, cases, rects, whole), part.with_suffix(".moved.parquet"), tables.PERTURBED_MAPS)
    tables.write(pd.DataFrame(rows), part, tables.EXPLANATION_CASES)


def _scores(
    job: _Job, cases: pd.DataFrame, rects: Floats, kinds: dict[str, Maps], first: Maps
) -> Iterator[dict[str, object]]:
    """Every map held against its lesion."""
    for i, (_, case) in enumerate(cases.iterrows()):
        lesion = _lesion(case, rects[i], job.root)
        for kind, of_method in kinds.items():
            for method, made in of_method.items():
                check = kind not in (ENSEMBLE, ONE_FOLD, CENTRE)
                like = correlation(made[i], first[method][i]) if check else np.nan
                about = {"case_id": case["case_id"], "model": job.saved.model.name, "map": method, "kind": kind}
                yield {**about, **score(made[i], lesion), "correlation": like}


def _lesion(case: pd.Series, rect: Floats, root: Path) -> LesionInCrop:
    spacing = float(case["row_spacing"]), float(case["column_spacing"])
    mask = case.get("mask", "")
    inside = read_mask(root / str(mask), (int(case["height"]), int(case["width"]))) if mask else None
    return LesionInCrop(rect, boxes(case.to_frame().T)[0], inside, None if np.isnan(spacing).any() else spacing)


def box_changes(study: Study, case_id: str) -> pd.DataFrame:
    """The changes of a case's box after which its map is made again: the first of each kind and grade.

    They are those that its probability is predicted under, too.
    """
    drawn = changes(study, case_id)
    return drawn[drawn["kind"].isin(list(perturb.BOX_KINDS)) & (drawn["repeat"] == 0)].reset_index(drop=True)


def _moved(job: _Job, cases: pd.DataFrame, rects: Floats, whole: Maps) -> pd.DataFrame:
    """How like each map is to the map made from a changed box, on the radiograph."""
    frames: list[pd.DataFrame] = []
    place = {case_id: i for i, case_id in enumerate(cases["case_id"])}
    for image, of_image in cases.groupby("image", sort=False) if job.study.robustness.repeats else ():
        pixels = read_image(job.root / str(image)).pixels
        for case_id, box in zip(of_image["case_id"], boxes(of_image), strict=True):
            drawn, i = box_changes(job.study, str(case_id)), place[case_id]
            others = crops.rectangles(perturb.boxes(box, drawn), job.study.crop)
            if drawn.empty:
                continue
            found, _ = job.mapper.ensemble(job.mapper.fitted.cut(pixels, others), job.study.explain.quick)
            for method, made in found.items():
                both = [
                    in_common(whole[method][i], rects[i], other, rect, pixels.shape)
                    for other, rect in zip(made, others, strict=True)
                ]
                like = [np.nan if pair is None else correlation(*pair) for pair in both]
                about = {"case_id": case_id, "model": job.saved.model.name, "map": method, "correlation": like}
                frames.append(drawn[["kind", "grade", "repeat"]].assign(**about))
    return pd.concat(frames) if frames else pd.DataFrame(columns=list(tables.PERTURBED_MAPS.columns))


def _gather(at: Context, shown: pd.DataFrame, parts: Sequence[tuple[Path, str]]) -> list[Path]:
    """Chunks -> one array a model and method, one table of scores, one of changes."""
    run, written = at.run, []
    for name, suffix in (("explanation_cases", ".parquet"), ("perturbed_maps", ".moved.parquet")):
        frames = [tables.read(part.with_suffix(suffix), contract(name)) for part, _ in parts]
        full = [frame for frame in frames if not frame.empty] or frames[:1]
        written.append(run.write(pd.concat(full), name))
    rects = pd.DataFrame(crops.rectangles(boxes(shown), at.study.crop), columns=BOX)
    about = shown[["case_id", "height", "width"]].reset_index(drop=True)
    tables.write(about.join(rects), run.explained, tables.EXPLAINED)
    written.append(run.explained)
    for model in dict.fromkeys(name for _, name in parts):
        loaded = [np.load(part.with_suffix(".npz")) for part, name in parts if name == model]
        for method in at.study.explain.methods:
            written.append(run.maps(model, method))
            save_array(written[-1], np.concatenate([part[method] for part in loaded]))
    run.forget("cams/*/*.npy", but=set(written))
    return written
