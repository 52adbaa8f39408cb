"""``osteon export``: a fitted model leaves its run as one file, after it has shown that it answers as it did there."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from osteon import study as studies
from osteon.core.errors import StudyError, suggest
from osteon.core.ledger import Ledger, digest, file_digest
from osteon.core.run import RunFolder, Tables
from osteon.core.tables import written
from osteon.core.types import Floats
from osteon.core.version import __version__
from osteon.core.workers import Workers
from osteon.models import portable
from osteon.models.fitted import Saved
from osteon.models.inputs.case import in_chunks, inputs
from osteon.models.model import Kind, Place, kind_of
from osteon.models.reference import Reference
from osteon.results.card import card

_RADIOGRAPHS_A_CHUNK = 16
#: What another processor may change of a probability; more is another model or another picture.
_SAME = 1e-3


@dataclass(frozen=True, eq=False)
class _Cases:
    """Development cases of a finished run, in their order.

    Attributes:
        table: case_id, image, box, columns; no label.
        fold: (n,) the fold in which each was held out.
        told: What every model said of each, out of fold.
    """

    table: pd.DataFrame
    fold: Floats
    told: Mapping[str, Floats]


def export(
    path: str | Path, name: str | None, out: Path, *, onnx: Path | None = None, workers: Workers | None = None
) -> portable.Portable:
    """Write a fitted model of a finished run as one file.

    Args:
        path: A study file, or the folder of a study or of a run.
        name: The model; the first of the primary pair by default.
        out: The file to write, ``.osteon``.
        onnx: A folder for the same model as ONNX files; networks alone can be written so.
        workers: Who does the work.

    Returns:
        The file as it is read back.

    Raises:
        StudyError: Nothing has been run, no model is called so, the licence of its weights forbids it, or it does not
            answer as it did in the study.
    """
    place, kinds = _chosen(path, name, workers or Workers())
    _check_may_leave(kinds)
    if out.suffix != portable.SUFFIX:
        raise StudyError(
            f"a model's file ends in {portable.SUFFIX}", file=out, fix=f"Write {out.stem}{portable.SUFFIX}."
        )
    made = portable.read(_assembled(place, kinds))
    if onnx is not None:
        told = ("name", "classes", "operating_points", "recalibration", "synthetic")
        title = {"identity": made.identity, **{one: made.about[one] for one in told}}
        kinds[-1].exchange(made.fitted[made.saved.model.name], onnx, title)
    with written(out) as beside:
        shutil.copyfile(made.path, beside)
    return portable.read(out)


def assembled(path: str | Path, name: str | None, *, workers: Workers | None = None) -> Path:
    """The portable file of a run's model, in the run's cache: made once, and again when anything in it changes.

    Raises:
        StudyError: As for :func:`export`; a licence forbids nothing that stays where it is.
    """
    return _assembled(*_chosen(path, name, workers or Workers()))


def leaving(path: str | Path, name: str | None, *, workers: Workers | None = None) -> Path:
    """The portable file of a run's model that is about to leave the run, in the run's cache.

    Raises:
        StudyError: As for :func:`export`.
    """
    place, kinds = _chosen(path, name, workers or Workers())
    _check_may_leave(kinds)
    return _assembled(place, kinds)


def _check_may_leave(kinds: Sequence[Kind]) -> None:
    """Refuse a model whose weights' licence keeps it in the run.

    Raises:
        StudyError: It does.
    """
    for kind in kinds:
        if why := kind.forbidden():
            raise StudyError(
                f"'{kind.model.name}' cannot leave the run: {why}",
                fix="Export a model that starts from other weights; 'osteon predict' works with the run itself.",
            )


def _chosen(path: str | Path, name: str | None, workers: Workers) -> tuple[Place, list[Kind]]:
    """The run, and the model's kind behind those of the models that it needs."""
    settings = studies.load(path).as_run()
    run = RunFolder(settings.run_path)
    if not run.file("predictions").is_file() or not run.study_file.is_file():
        raise StudyError(
            "nothing has been run yet: there is no predictions.csv",
            file=run.path,
            fix="Run 'osteon run' first, or give the folder of a finished run.",
        )
    made = studies.load(run.study_file)
    workers.threads = made.compute.threads
    place = Place(made, run, Ledger(run), workers)
    name = name or made.primary[0]
    names = [model.name for model in made.models]
    if name not in names:
        raise StudyError(f"the run has no model '{name}'", file=run.path, fix=suggest(name, names))
    model = made.model(name)
    return place, [kind_of(made.model(one), place) for one in (*model.needs, name)]


def _assembled(place: Place, kinds: Sequence[Kind]) -> Path:
    run, kind = place.run, kinds[-1]
    told = card(Tables(run.path), kind.model.name)
    saved = [one.saved() for one in kinds]
    tables = ("predictions", "cohort", "folds", "operating_points", "recalibration")
    sources = [file_digest(run.file(one)) for one in tables]
    key = digest(
        "portable",
        portable.FORMAT,
        __version__,
        [[one.contents, one.facts()] for one in saved],
        told,
        sources,
        place.study,
    )
    target = run.portable(kind.model.name, key)
    if target.is_file():
        return target
    alike = target.name.rsplit("-", 1)[0]
    run.forget(f"{target.parent.relative_to(run.path).as_posix()}/{alike}-*{portable.SUFFIX}")
    reference = _reference(place, kinds, saved[-1], target.with_suffix(""))
    portable.write(target, _about(place, kind), saved, told, reference)
    return target


def _about(place: Place, kind: Kind) -> dict[str, Any]:
    """The manifest but for the parts: how the model is asked, and how its probabilities are read."""
    study, run = place.study, Tables(place.run.path)
    name = kind.model.name
    points, lines = run.table("operating_points"), run.table("recalibration")
    thresholds: dict[str, float] = {}
    if points is not None:
        own = points[(points["model"] == name) & points["threshold"].notna()].drop_duplicates("rule")
        thresholds = dict(zip(own["rule"], own["threshold"].astype(float), strict=True))
    line = None
    if lines is not None:
        own = lines[(lines["model"] == name) & lines["slope"].notna()]
        line = {k: float(own[k].iloc[0]) for k in ("intercept", "slope")} if len(own) else None
    cohort = place.run.read("cohort")
    target = cohort["target"].astype(np.int64)
    words = {answer: sorted(set(cohort.loc[target == answer, "label"])) for answer in (0, 1)}
    negative = words[0][0] if len(words[0]) == 1 and not _is_number(words[0][0]) else f"not {study.task.name}"
    return {
        "name": name,
        "study": study.study.name,
        "synthetic": bool(run.flow.get("synthetic", False)),
        "classes": [negative, study.task.name],
        "labels": [words[0], words[1]],
        "operating_points": thresholds,
        "recalibration": line,
        "min_box": study.crop.min_box,
        "threads": study.compute.threads,
        "seed": study.study.seed,
    }


def _is_number(word: str) -> bool:
    return word.replace(".", "", 1).isdigit()


def _reference(place: Place, kinds: Sequence[Kind], saved: Saved, cache: Path) -> Reference | None:
    """Ask the model about all development cases again: it has to say what it said, and its distances are kept.

    Raises:
        StudyError: It says something else.
    """
    cases = _development(place.run, [kind.model.name for kind in kinds])
    known = kinds[-1].measured()
    chunks = in_chunks(cases.table, _RADIOGRAPHS_A_CHUNK)
    parts = [cache / f"{number:06d}.npz" for number in range(len(chunks))]
    pieces = [
        (
            part, saved, place.root, cases.table.iloc[rows].reset_index(drop=True),
            {name: said[rows] for name, said in cases.told.items()},
            None if known is None else known.loc[list(cases.table["case_id"].iloc[rows])],
        )
        for part, rows in zip(parts, chunks, strict=True)
        if not part.is_file()
    ]  # fmt: skip
    place.workers.map(f"{saved.model.name} on development cases", _look, pieces)
    order = np.argsort(np.concatenate(chunks))
    loaded = [np.load(part) for part in parts]

    def gathered(name: str) -> Floats:
        return np.asarray(np.concatenate([part[name] for part in loaded])[order])

    members = gathered("members")
    held_out = members[np.arange(len(members)), :, cases.fold.astype(int)].mean(axis=1)
    _check_same(cases, held_out, saved.model.name)
    names = sorted(name for name in loaded[0].files if name.startswith("seen"))
    if not names:
        return None
    # Folds on one frozen backbone see the same, and it is kept once.
    seen = [gathered(name) for name in names]
    folds = members.shape[2]
    reference = Reference.of(seen * folds if len(seen) == 1 else seen, cases.fold)
    for part in parts:
        part.unlink()
    cache.rmdir()
    return reference


def _development(run: RunFolder, names: Sequence[str]) -> _Cases:
    cohort = run.read("cohort")
    cohort = cohort[cohort["split"] == "development"].merge(run.read("folds")[["case_id", "fold"]], on="case_id")
    said = run.read("predictions")
    told = {}
    for name in names:
        mean = said[said["model"] == name].groupby("case_id")["probability"].mean()
        told[name] = cohort["case_id"].map(mean).to_numpy(dtype=np.float64)
    answers = [name for name in ("label", "target", "subtype") if name in cohort]
    return _Cases(cohort.drop(columns=answers), cohort["fold"].to_numpy(dtype=np.float64), told)


def _look(
    part: Path, saved: Saved, root: Path, cases: pd.DataFrame, told: Mapping[str, Floats], known: pd.DataFrame | None
) -> None:
    """Write what every member says of some cases, and what it sees."""
    given = inputs(cases, root)
    if known is not None:
        given = (replace(one, measured=row) for one, (_, row) in zip(given, known.iterrows(), strict=True))
    answer = saved.load().answer(given, told)
    one = len({id(seen) for seen in answer.seen}) == 1
    seen = {f"seen-{k:03d}": values for k, values in enumerate(answer.seen[:1] if one else answer.seen)}
    with written(part) as beside, beside.open("wb") as handle:
        np.savez(handle, members=answer.members, **seen)  # type: ignore[arg-type]


def _check_same(cases: _Cases, found: Floats, name: str) -> None:
    """The model has to say of development cases, out of fold, what predictions.csv says.

    Raises:
        StudyError: It does not.
    """
    away = np.abs(found - cases.told[name])
    worst = int(np.nanargmax(away))
    if not away[worst] <= _SAME:
        raise StudyError(
            f"'{name}' says {found[worst]:.3f} of case '{cases.table['case_id'].iloc[worst]}' and said "
            f"{cases.told[name][worst]:.3f} in the study: its pictures, tables or weights have changed since",
            fix="Run 'osteon run', which makes anew what has changed, and export again.",
        )
