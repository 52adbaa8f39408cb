"""From the server's database and the investigator's key to plain tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from sqlalchemy import select

from osteon.core import tables
from osteon.core.errors import InputError
from osteon.readers import to_imrmc
from osteon.study.protocol import Readers
from osteon.web import desk
from osteon.web.database import Store, answer, person, reading
from osteon.web.investigator import study_folder
from osteon.web.serve import open_store


@dataclass(frozen=True)
class Exported:
    """A reader study's answers.

    Attributes:
        readings: One row a reader, arm and case: the last answer.
        revisions: Every answer ever given.
        questionnaire: Answers to the questionnaires.
    """

    readings: pd.DataFrame
    revisions: pd.DataFrame
    questionnaire: pd.DataFrame

    def write(self, folder: Path) -> list[Path]:
        """Write readings.csv, revisions.csv and questionnaire.csv."""
        tables.write(self.readings, folder / "readings.csv", tables.READINGS)
        tables.write(self.revisions, folder / "revisions.csv", tables.READINGS)
        tables.write(self.questionnaire, folder / "questionnaire.csv", tables.QUESTIONNAIRE)
        return [folder / name for name in ("readings.csv", "revisions.csv", "questionnaire.csv")]


def export_to(
    folder: Path, out: Path | None = None, *, imrmc: bool = False, database_url: str | None = None
) -> list[Path]:
    """Export a reader study's answers.

    Args:
        folder: The reader study, or its run.
        out: Where to write; the reader study's folder by default.
        imrmc: Write ``readings.imrmc`` as well.
        database_url: The database, where it is not the SQLite file.

    Returns:
        What was written.
    """
    place = study_folder(folder)
    store = open_store(place, database_url)
    try:
        exported = export(store, place)
    finally:
        store.close()
    written = exported.write(out or place)
    if imrmc:
        path = (out or place) / "readings.imrmc"
        with tables.written(path) as beside:
            beside.write_text(to_imrmc(exported.readings), encoding="utf-8")
        written.append(path)
    return written


def export(store: Store, folder: Path) -> Exported:
    """Join the answers with the key.

    Args:
        store: The database.
        folder: The reader study's folder with ``key.csv``.

    Raises:
        InputError: The key is not there.
    """
    if not (folder / "key.csv").is_file():
        raise InputError("no such file", file=folder / "key.csv", fix="Export where the reader study was created.")
    key = tables.read(folder / "key.csv", tables.READING_KEY).drop_duplicates("code")
    with store.read() as connection:
        protocol, _ = desk.protocol_of(connection)
        given = pd.DataFrame(connection.execute(select(reading).order_by(reading.c.id)).mappings().all())
        people = pd.DataFrame(connection.execute(select(person.c.code, person.c.experience)).mappings().all())
        answers = pd.DataFrame(connection.execute(select(answer).order_by(answer.c.id)).mappings().all())
    if given.empty:
        raise InputError("nobody has read a case yet", file=folder)
    questionnaire = _questionnaire(answers, protocol)
    known = people.rename(columns={"code": "reader"}).merge(
        receptiveness(questionnaire, protocol), on="reader", how="left"
    )
    revisions = _readings(given, key, protocol).merge(known, on="reader", how="left", validate="many_to_one")
    order = ["reader", "session", "position", "step", "revision"]
    revisions = revisions.sort_values(order).reset_index(drop=True)
    last = revisions.drop_duplicates(["reader", "session", "position", "step"], keep="last").reset_index(drop=True)
    return Exported(last, revisions, questionnaire)


def _readings(given: pd.DataFrame, key: pd.DataFrame, protocol: Readers) -> pd.DataFrame:
    """Answers beside the truth and the advice, under the name of the case's first picture."""
    joined = given.merge(
        key[["code", "case_id", "patient_id", "centre", "truth", "probability", "advice"]],
        left_on="case_code", right_on="code", how="left", validate="many_to_one",
    )  # fmt: skip
    for moment in ("shown_at", "answered_at", "advice_at", "heatmap_at"):
        joined[moment] = [at.isoformat() if pd.notna(at) else "" for at in joined[moment]]
    box = pd.DataFrame([found or {} for found in joined["box"]]).add_prefix("box_")
    return pd.concat([joined.drop(columns=["id", "box", "receipt", "code"]), box], axis=1).assign(scale=protocol.scale)


def _questionnaire(answers: pd.DataFrame, protocol: Readers) -> pd.DataFrame:
    if answers.empty:
        return pd.DataFrame(columns=list(tables.QUESTIONNAIRE.columns))
    texts = {(stage, item.id): item.text for stage in ("before", "after") for item in getattr(protocol, stage)}
    return answers.assign(
        text=[texts[stage, item] for stage, item in zip(answers["stage"], answers["item"], strict=True)],
        answered_at=[at.isoformat() for at in answers["answered_at"]],
    )[list(tables.QUESTIONNAIRE.columns)]


def receptiveness(questionnaire: pd.DataFrame, protocol: Readers) -> pd.DataFrame:
    """Each reader's receptiveness to advice: the mean of the scale items asked before reading, 1 to 5.

    Args:
        questionnaire: Answers.
        protocol: Says which items are scales, and which are reversed.

    Returns:
        reader, receptiveness.
    """
    reverse = {item.id: item.reverse for item in protocol.before if item.kind == "scale"}
    rows = questionnaire[(questionnaire["stage"] == "before") & questionnaire["item"].isin(list(reverse))]
    value = pd.to_numeric(rows["value"])
    value = value.where(~rows["item"].map(reverse).astype(bool), 6 - value)
    means = value.groupby(rows["reader"]).mean()
    return pd.DataFrame({"reader": means.index.astype(str), "receptiveness": means.to_numpy(dtype=float)})
