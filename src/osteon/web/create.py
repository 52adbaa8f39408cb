"""From a finished run to a reader study that can be served: cases, pictures, order, readers and their links."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sqlalchemy import Connection, insert

from osteon.core import tables
from osteon.core.errors import InputError, NotEstimableError, suggest
from osteon.core.words import counted
from osteon.io import StoredRadiograph, read_stored
from osteon.readers import plan, planned_power
from osteon.stats import auc
from osteon.study import Study
from osteon.study.protocol import Readers
from osteon.web import database, guard, picture
from osteon.web.database import Store, sqlite_url

#: Long side of a heat map as it is sent; maps are smooth, and the browser draws them over the full picture.
_HEATMAP_SIDE = 512
_CURVE_POINTS = 257
_BOX = ["x0", "y0", "x1", "y1"]


@dataclass(frozen=True)
class Created:
    """A reader study ready to be served.

    Attributes:
        folder: Where it lies: ``key.csv`` and ``tasks.csv`` for the investigator, ``site/`` for the server.
        key: One row a picture.
        tasks: Who reads what when.
        invitations: person, role, link; the only place where the links can be read.
    """

    folder: Path
    key: pd.DataFrame
    tasks: pd.DataFrame
    invitations: pd.DataFrame

    def __str__(self) -> str:
        """What was made, in a few lines."""
        cases = self.key.drop_duplicates("code")
        readers = self.tasks["reader"].nunique()
        return (
            f"{len(cases)} cases ({int(cases['truth'].sum())} positive, {len(self.key)} pictures) from "
            f"{counted(cases['centre'].nunique(), 'centre')} for {counted(readers, 'reader')}, "
            f"{counted(self.tasks['session'].max(), 'session')}\n"
            f"links: {self.folder / 'invitations.csv'} (send each reader their own, then delete the file)\n"
            f"the server needs: {self.folder / 'site'}; it holds no labels"
        )


def create(
    study: Study,
    *,
    database_url: str | None = None,
    address: str = "http://127.0.0.1:8000",
    progress: Callable[[int, int], None] | None = None,
) -> Created:
    """Make a reader study from a finished run.

    Args:
        study: The study; its ``[readers]`` is the protocol.
        database_url: Where the server will keep answers; a SQLite file in ``site/`` by default.
        address: What readers type before the rest of their link.
        progress: Called with the number of pictures prepared and their total.

    Returns:
        What was made, under ``readers`` in the run folder.

    Raises:
        InputError: No readers, no run, a model without predictions, too few cases, or a reader study is there already.
    """
    protocol = study.readers or Readers()
    if not protocol.people:
        raise InputError("the study names no readers", column="readers.people", fix=_NO_PEOPLE)
    if guard.ADMINISTRATOR in (person.code.lower() for person in protocol.people):
        raise InputError(
            f"no reader can be called '{guard.ADMINISTRATOR}'", column="readers.people", fix="Choose another code."
        )
    folder = study.run_path / "readers"
    if folder.exists():
        raise InputError("a reader study is there already", file=folder, fix="Export its readings and move it away.")
    key, views = _choose(study, protocol)
    truth = key.drop_duplicates("code").set_index("code")["truth"].sort_index()
    tasks = plan.tasks(truth, protocol, [person.code for person in protocol.people], study.study.seed)
    unfinished = folder.with_name(".readers.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    (unfinished / "site" / "pictures").mkdir(parents=True)
    try:
        prepared = _prepare(
            study, views, unfinished / "site" / "pictures", heatmaps=protocol.heatmap, progress=progress
        )
        tables.write(key, unfinished / "key.csv", tables.READING_KEY)
        tables.write(tasks, unfinished / "tasks.csv", tables.READING_TASKS)
        store = Store(database_url or sqlite_url(unfinished / "site" / "study.db"))
        store.create()
        with store.write() as connection:
            links = _fill(connection, study, protocol, key, prepared, tasks, address)
        store.close()
        _write_private(links, unfinished / "invitations.csv")
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return Created(folder, key, tasks, links)


def planned(key: pd.DataFrame, tasks: pd.DataFrame, seed: int) -> str:
    """The power of the study that was made, in a few lines.

    Args:
        key: The key.
        tasks: The plan.
        seed: Of the simulation that gives the variance components.
    """
    cases = key.drop_duplicates("code")
    readers = int(tasks["reader"].nunique())
    try:
        model = auc(cases["truth"], cases["probability"])
        power = planned_power(
            readers=readers, cases=len(cases), positives=float(cases["truth"].mean()), model_auc=model, seed=seed
        )
    except NotEstimableError as error:
        return f"power: {error}"
    rows = [f"  a difference of {row.effect:.2f}: {row.power:.0%}" for row in power.itertuples()]
    head = f"power to find, in the mean AUC of {readers} readers on {len(cases)} cases (readers and cases random, 5 %),"
    tail = "variances as of simulated readers with an AUC of 0.80 without advice; see the explanation of reader studies"
    return "\n".join([head, *rows, tail])


_NO_PEOPLE = 'Add one or more: [[readers.people]] code = "R1" experience = 5'


def _choose(study: Study, protocol: Readers) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The key, and the cohort's rows of the chosen pictures in the same order."""
    run = study.run_path
    model = protocol.model or study.primary[0]
    scores = tables.read(run / "scores.csv", tables.SCORES)
    if model not in set(scores["model"]):
        raise InputError(
            f"no predictions of model '{model}'", column="readers.model", fix=suggest(model, scores["model"])
        )
    line = tables.read(run / "recalibration.csv", tables.RECALIBRATION).set_index("model").loc[model]
    points = tables.read(run / "operating_points.csv", tables.OPERATING_POINTS)
    points = points[points["model"] == model]
    if protocol.rule not in set(points["rule"]):
        raise InputError(
            f"no operating point '{protocol.rule}'", column="readers.rule", fix=suggest(protocol.rule, points["rule"])
        )
    if not line["slope"] > 0:
        raise InputError(
            f"'{model}' cannot be calibrated (its slope is {line['slope']:.2f})",
            column="readers.model",
            fix="Choose a model that tells the classes apart.",
        )

    def recalibrated(probability: Any) -> Any:
        return expit(line["intercept"] + line["slope"] * logit(np.clip(probability, 1e-6, 1 - 1e-6)))

    threshold = float(recalibrated(points.loc[points["rule"] == protocol.rule, "threshold"].iloc[0]))
    external = scores[(scores["model"] == model) & (scores["split"] == "external")]
    if external.empty:
        raise InputError(
            "the run has no external case to read", file=run / "scores.csv", fix="Name an external centre."
        )
    cohort = tables.read(run / "cohort.csv", tables.COHORT)
    cases = cohort.drop(columns=["patient_id", "centre", "label"], errors="ignore").merge(
        external[["case_id", "patient_id", "centre", "label"]], on="case_id", validate="one_to_one"
    )
    raw = external.set_index("case_id")["probability"]
    cases["probability"] = recalibrated(cases["case_id"].map(raw).to_numpy())
    rng = np.random.default_rng([study.study.seed, 0])
    cases = plan.reading_cases(cases, views=protocol.views)
    described = plan.describe(cases)
    chosen = described.loc[plan.sample(described, protocol.cases, protocol.positives, rng)]
    chosen = chosen.assign(code=plan.codes(len(chosen), rng), advice=(chosen["probability"] >= threshold).astype(int))
    views = cases.drop(columns=["label", "centre", "probability"]).merge(
        chosen.rename(columns={"label": "truth"}), left_on="lesion", right_index=True, how="inner"
    )
    views = views.sort_values(["code", "case_id"]).reset_index(drop=True)
    views["view_number"] = views.groupby("code").cumcount() + 1
    key = views.assign(view=views["view_number"], threshold=threshold)[list(tables.READING_KEY.columns)]
    return key, views


def _prepare(
    study: Study, views: pd.DataFrame, folder: Path, *, heatmaps: bool, progress: Callable[[int, int], None] | None
) -> list[dict[str, Any]]:
    """Pack every picture and heat map under its case's code; one row of the view table each."""
    rows = []
    for done, row in enumerate(views.to_dict("records")):
        radiograph = read_stored(study.cohort_path.parent / str(row["image"]))
        values, window = _sixteen_bits(radiograph)
        picture.save(values, folder / picture.name(row["code"], row["view_number"]))
        if picture.half_shape(*values.shape):
            picture.save(picture.half(values), folder / picture.name(row["code"], row["view_number"], "half"))
        heat = _heatmap(study.run_path / "cams", str(row["case_id"]), values.shape) if heatmaps else None
        if heat is not None:
            picture.save(heat, folder / picture.name(row["code"], row["view_number"], "heat"))
        box = [float(row[side]) for side in _BOX]
        rows.append(
            {
                "case_code": row["code"],
                "number": row["view_number"],
                "height": values.shape[0],
                "width": values.shape[1],
                "window": window,
                "spacing": list(radiograph.spacing) if radiograph.spacing else None,
                "boxes": [] if np.isnan(box).any() else [box],
                "heatmap": None if heat is None else {"height": heat.shape[0], "width": heat.shape[1]},
            }
        )
        if progress:
            progress(done + 1, len(views))
    return rows


def _sixteen_bits(radiograph: StoredRadiograph) -> tuple[picture.Depth16, dict[str, Any]]:
    """The values as 16-bit numbers, and the default window on them.

    Whole values within 65 536 steps are kept exactly, moved to start at 0; others are scaled to fill the range. A
    window whose course is not a straight line is sent as points of its curve.
    """
    values = radiograph.values
    low, high = float(values.min()), float(values.max())
    exact = np.issubdtype(values.dtype, np.integer) or bool(np.all(values == np.rint(values)))
    scale = 1.0 if exact and high - low <= 65535 else 65535 / max(high - low, 1e-30)
    stored = np.rint((values.astype(np.float64) - low) * scale).astype(np.uint16)
    black, white = radiograph.window
    window: dict[str, Any] = {}
    if isinstance(radiograph.curve, np.ndarray):
        places = np.linspace(0, len(radiograph.curve) - 1, _CURVE_POINTS)
        curve = np.interp(places, np.arange(len(radiograph.curve)), radiograph.curve)
        window["curve"] = [round(float(point), 4) for point in curve]
    elif radiograph.curve == "sigmoid":  # beyond a width on either side it is black or white to within 1 in 400
        width = white - black
        black, white = black - width, white + width
        window["curve"] = [round(float(point), 4) for point in expit(np.linspace(-6, 6, _CURVE_POINTS))]
    return stored, {"low": (black - low) * scale, "high": (white - low) * scale, **window}


def _heatmap(folder: Path, case_id: str, shape: tuple[int, ...]) -> picture.Depth16 | None:
    """The model's heat map on the whole radiograph, 0 to 65535, no larger than it needs to be; None without a file."""
    from PIL import Image

    array, drawn = folder / f"{case_id}.npy", folder / f"{case_id}.png"
    if array.is_file():
        heat = np.load(array, allow_pickle=False).astype(np.float32)
    elif drawn.is_file():
        with Image.open(drawn) as image:
            heat = np.asarray(image, dtype=np.float32) / (255 if image.mode == "L" else 65535)
    else:
        return None
    if heat.ndim != 2 or not np.isfinite(heat).all():
        raise InputError("not a heat map of one value a pixel", file=array if array.is_file() else drawn)
    factor = min(1.0, _HEATMAP_SIDE / max(shape))
    size = (max(1, round(shape[1] * factor)), max(1, round(shape[0] * factor)))
    small = np.asarray(Image.fromarray(heat).resize(size, Image.Resampling.BOX))
    stored: picture.Depth16 = np.rint(np.clip(small, 0, 1) * 65535).astype(np.uint16)
    return stored


def _fill(
    connection: Connection,
    study: Study,
    protocol: Readers,
    key: pd.DataFrame,
    prepared: list[dict[str, Any]],
    tasks: pd.DataFrame,
    address: str,
) -> pd.DataFrame:
    """Fill the database; the truth is not among what is written."""
    served = protocol.model_copy(update={"people": (), "model": ""})
    about = {"title": study.study.name, "synthetic": _is_synthetic(study.run_path)}
    connection.execute(
        insert(database.study).values(id=1, protocol={"readers": served.model_dump(mode="json"), **about})
    )
    people = [{"code": p.code, "role": "reader", "experience": p.experience} for p in protocol.people]
    connection.execute(
        insert(database.person), [*people, {"code": guard.ADMINISTRATOR, "role": "admin", "experience": None}]
    )
    first = key.drop_duplicates("code")
    context = _context(study, protocol, first)
    cases = first[["code", "probability", "threshold", "advice"]].to_dict("records")
    connection.execute(
        insert(database.reading_case), [{**_named(row), "context": context[str(row["code"])]} for row in cases]
    )
    connection.execute(insert(database.view), prepared)
    planned = tasks.rename(columns={"code": "case_code"}).to_dict("records")
    connection.execute(insert(database.task), [_named(row) for row in planned])
    roles = {p.code: "reader" for p in protocol.people} | {guard.ADMINISTRATOR: "admin"}
    tokens = {code: guard.invite(connection, code) for code in roles}
    links = [guard.link(address, tokens[code], role == "admin") for code, role in roles.items()]
    return pd.DataFrame({"person": list(roles), "role": list(roles.values()), "link": links})


def _named(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row of a DataFrame as SQLAlchemy wants it."""
    return {str(name): value for name, value in row.items()}


def _context(study: Study, protocol: Readers, first: pd.DataFrame) -> dict[str, dict[str, str]]:
    """What the reader is told of each case beside the picture."""
    cohort = tables.read(study.run_path / "cohort.csv", tables.COHORT).set_index("case_id")
    unknown = [name for name in protocol.context if name not in cohort and name not in tables.COHORT.columns]
    if unknown:
        raise InputError("the cohort has no such column", column=unknown[0], fix=suggest(unknown[0], cohort.columns))
    secret = {"label", "target", "subtype", "centre", "split", study.task.column} & set(protocol.context)
    if secret:
        raise InputError("readers must not see it", column=sorted(secret)[0], fix="Take it out of readers.context.")
    told = [name for name in protocol.context if name in cohort]

    def plain(value: object) -> str:
        return "" if value != value else f"{value:g}" if isinstance(value, float) else str(value)

    rows = cohort.loc[first["case_id"], told].map(plain).to_dict("records")
    return {
        str(code): {str(name): value for name, value in row.items() if value}
        for code, row in zip(first["code"], rows, strict=True)
    }


def _is_synthetic(run: Path) -> bool:
    flow = run / "flow.json"
    return bool(flow.is_file() and json.loads(flow.read_text(encoding="utf-8")).get("synthetic", False))


def _write_private(links: pd.DataFrame, path: Path) -> None:
    """Write a file that nobody else on the machine can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as handle:
        links.to_csv(handle, index=False, lineterminator="\n")
