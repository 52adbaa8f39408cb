"""From a finished run to a reader study that can be served: cases, pictures, order, readers and their links."""

from __future__ import annotations

import json
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
from osteon.core.run import RunFolder
from osteon.core.words import counted
from osteon.io.burned.sheet import Sheet
from osteon.readers import plan, planned_power
from osteon.readers.possible import refuse_unknown
from osteon.readers.told import told
from osteon.stats import auc
from osteon.study import Study
from osteon.study.protocol import ADMINISTRATOR, BurnedIn, Readers
from osteon.web import database
from osteon.web.database import Store, sqlite_url
from osteon.web.invitations import invite_all, write_private
from osteon.web.packing import refuse_open
from osteon.web.prepared import prepare
from osteon.web.wording import worded


@dataclass(frozen=True)
class Created:
    """A reader study ready to be served.

    Attributes:
        folder: Where it lies: ``key.csv`` and ``tasks.csv`` for the investigator, ``site/`` for the server.
        key: One row a picture.
        tasks: Who reads what when.
        invitations: person, role, link; the only place where the links can be read.
        burned_in: One row a picture: the text that was found in it, and what became of it.
        heat: How many pictures have a heat map, and why others have none; empty where none is to be shown.
    """

    folder: Path
    key: pd.DataFrame
    tasks: pd.DataFrame
    invitations: pd.DataFrame
    burned_in: pd.DataFrame
    heat: str

    def __str__(self) -> str:
        """What was made, in a few lines."""
        cases = self.key.drop_duplicates("code")
        readers = self.tasks["reader"].nunique()
        return (
            f"{len(cases)} cases ({int(cases['truth'].sum())} positive, {len(self.key)} pictures) from "
            f"{counted(cases['centre'].nunique(), 'centre')} for {counted(readers, 'reader')}, "
            f"{counted(self.tasks['session'].max(), 'session')}\n"
            f"{self._masking}\n{self.heat}{self.heat and chr(10)}"
            f"links: {self.folder / 'invitations.csv'} (send each reader their own, then delete the file)\n"
            f"the server needs: {self.folder / 'site'}; it holds no labels"
        )

    @property
    def _masking(self) -> str:
        """What was done about burned-in text, and where to see it."""
        found = self.burned_in
        masked, left = int((found["masked"] > 0).sum()), int((found["over_anatomy"] > 0).sum())
        kept = int((found["markers"] > 0).sum())
        told = [f"text was masked in {counted(masked, 'picture')} of {len(found)}"]
        told += [f"side markers stay in {kept}"] * bool(kept)
        told += [f"what looks like text over the anatomy stays in {left}, as you confirmed"] * bool(left)
        return (
            f"{', '.join(told)}; look at every picture before you send a link: "
            f"{self.folder / 'contact_sheet' / 'page-01.html'}"
        )


def create(
    study: Study,
    *,
    database_url: str | None = None,
    address: str = "http://127.0.0.1:8000",
    confirm_burned_in: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Created:
    """Make a reader study from a finished run.

    Args:
        study: The study; its ``[readers]`` is the protocol.
        database_url: Where the server will keep answers; a SQLite file in ``site/`` by default.
        address: What readers type before the rest of their link.
        confirm_burned_in: You have looked at the contact sheet, and nothing that is left in any picture identifies
            anybody: as ``readers.burned_in.confirmed = ["all"]``.
        progress: Called with the number of pictures prepared and their total.

    Returns:
        What was made, under ``readers`` in the run folder.

    Raises:
        InputError: No readers, no run, a model without predictions, too few cases, a reader study is there already, or
            somebody has to look at the contact sheet first, which then lies under ``readers-check`` in the run folder.
    """
    protocol = study.readers or Readers()
    if confirm_burned_in:
        decided = protocol.burned_in.model_copy(update={"confirmed": ("all",)})
        protocol = protocol.model_copy(update={"burned_in": decided})
    if not protocol.people:
        raise InputError("the study names no readers", column="readers.people", fix=_NO_PEOPLE)
    folder = study.run_path / "readers"
    if folder.exists():
        raise InputError("a reader study is there already", file=folder, fix="Export its readings and move it away.")
    place = study.run_path / "cohort.csv"
    cohort = tables.read(place, tables.COHORT)
    key, views, external = _choose(study, protocol, cohort)
    refuse_unknown(protocol.burned_in, external)
    lines = pd.Series(np.arange(len(cohort)) + 2, index=cohort["case_id"])
    context, captions = told(study, protocol, cohort, views, place, lines)
    protocol = worded(protocol, study.task, cohort["label"].astype(str).unique())
    truth = key.drop_duplicates("code").set_index("code")["truth"].sort_index()
    tasks = plan.tasks(truth, protocol, [person.code for person in protocol.people], study.study.seed)
    unfinished = folder.with_name(".readers.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    (unfinished / "site" / "pictures").mkdir(parents=True)
    try:
        sheet = Sheet(unfinished / "contact_sheet", study.study.name, len(views))
        prepared = prepare(
            study, protocol, views.assign(caption=captions), unfinished / "site" / "pictures", sheet, progress
        )
        tables.write(prepared.burned_in, unfinished / "burned_in.csv", tables.BURNED_IN)
        refuse_open(prepared.open, _kept(unfinished, folder) if prepared.open else folder)
        if not prepared.heatmaps:
            protocol = protocol.model_copy(update={"heatmap": False})
        tables.write(key, unfinished / "key.csv", tables.READING_KEY)
        tables.write(tasks, unfinished / "tasks.csv", tables.READING_TASKS)
        store = Store(database_url or sqlite_url(unfinished / "site" / "study.db"))
        store.create()
        with store.write() as connection:
            _fill(connection, protocol, _about(study), _cases(key, context), prepared.views, tasks)
            roles = {p.code: "reader" for p in protocol.people} | {ADMINISTRATOR: "admin"}
            links = invite_all(connection, roles, address)
        store.close()
        write_private(links, unfinished / "invitations.csv")
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    shutil.rmtree(_check_folder(folder), ignore_errors=True)
    return Created(folder, key, tasks, links, prepared.burned_in, prepared.heat)


def _check_folder(folder: Path) -> Path:
    return folder.with_name("readers-check")


def _kept(unfinished: Path, folder: Path) -> Path:
    """Keep the contact sheet of a study that is not made, so that somebody can look; its first page."""
    check = _check_folder(folder)
    shutil.rmtree(check, ignore_errors=True)
    (unfinished / "contact_sheet").rename(check)
    (unfinished / "burned_in.csv").rename(check / "burned_in.csv")
    return check / "page-01.html"


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


def _choose(study: Study, protocol: Readers, cohort: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """The key; the cohort's rows of the chosen pictures in the same order; all external cases."""
    run = RunFolder(study.run_path)
    model = protocol.model or study.primary[0]
    scores = run.read("scores")
    if model not in set(scores["model"]):
        raise InputError(
            f"no predictions of model '{model}'", column="readers.model", fix=suggest(model, scores["model"])
        )
    line = run.read("recalibration").set_index("model").loc[model]
    points = run.read("operating_points")
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
            "the run has no external case to read", file=run.file("scores"), fix="Name an external centre."
        )
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
    return key, views, external["case_id"].astype(str).tolist()


def _about(study: Study) -> dict[str, Any]:
    """What readers are told of the study."""
    flow = RunFolder(study.run_path).flow_file
    synthetic = flow.is_file() and json.loads(flow.read_text(encoding="utf-8")).get("synthetic", False)
    return {"title": study.study.name, "synthetic": bool(synthetic)}


def _cases(key: pd.DataFrame, context: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """The cases as the server has them; the truth is not among what it has."""
    rows = key.drop_duplicates("code")[["code", "probability", "threshold", "advice"]].to_dict("records")
    return [{**_named(row), "context": dict(context[str(row["code"])])} for row in rows]


def _fill(
    connection: Connection,
    protocol: Readers,
    about: Mapping[str, Any],
    cases: list[dict[str, Any]],
    views: list[dict[str, Any]],
    tasks: pd.DataFrame,
) -> None:
    """Fill the database."""
    served = protocol.model_copy(
        update={"people": (), "model": "", "burned_in": BurnedIn(), "context": (), "context_confirmed": ()}
    )
    languages = {person.code: person.language for person in protocol.people if person.language}
    stored = {"readers": served.model_dump(mode="json"), "languages": languages, **about}
    connection.execute(insert(database.study).values(id=1, protocol=stored))
    people = [{"code": p.code, "role": "reader", "experience": p.experience} for p in protocol.people]
    connection.execute(insert(database.person), [*people, {"code": ADMINISTRATOR, "role": "admin", "experience": None}])
    connection.execute(insert(database.reading_case), cases)
    connection.execute(insert(database.view), views)
    planned = tasks.rename(columns={"code": "case_code"}).to_dict("records")
    connection.execute(insert(database.task), [_named(row) for row in planned])


def _named(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row of a DataFrame as SQLAlchemy wants it."""
    return {str(name): value for name, value in row.items()}
