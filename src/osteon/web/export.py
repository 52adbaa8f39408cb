"""From the server's database and the investigator's key to plain tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from sqlalchemy import select

from osteon.core import tables
from osteon.core.errors import InputError
from osteon.readers import to_imrmc
from osteon.study.protocol import Readers
from osteon.web import changes
from osteon.web.database import Store, answer, person, reading, view
from osteon.web.links import study_folder
from osteon.web.serve import open_store
from osteon.web.sessions import protocol_of


@dataclass(frozen=True)
class Exported:
    """A reader study's answers.

    Attributes:
        readings: One row a reader, arm and case: the last answer.
        revisions: Every answer ever given.
        questionnaire: Answers to the questionnaires.
        changes: What was changed of the protocol while readers read.
    """

    readings: pd.DataFrame
    revisions: pd.DataFrame
    questionnaire: pd.DataFrame
    changes: pd.DataFrame

    def write(self, folder: Path) -> list[Path]:
        """Write readings.csv, revisions.csv and questionnaire.csv; protocol_changes.csv where there are any."""
        tables.write(self.readings, folder / "readings.csv", tables.READINGS)
        tables.write(self.revisions, folder / "revisions.csv", tables.READINGS)
        tables.write(self.questionnaire, folder / "questionnaire.csv", tables.QUESTIONNAIRE)
        names = ["readings.csv", "revisions.csv", "questionnaire.csv"]
        if not self.changes.empty:
            tables.write(self.changes, folder / "protocol_changes.csv", tables.PROTOCOL_CHANGES)
            names.append("protocol_changes.csv")
        return [folder / name for name in names]


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
        protocol, _ = protocol_of(connection)
        given = pd.DataFrame(connection.execute(select(reading).order_by(reading.c.id)).mappings().all())
        people = pd.DataFrame(connection.execute(select(person.c.code, person.c.experience)).mappings().all())
        answers = pd.DataFrame(connection.execute(select(answer).order_by(answer.c.id)).mappings().all())
        lesions = connection.execute(select(view.c.case_code, view.c.number, view.c.boxes)).all()
        changed = pd.DataFrame(
            [{**row, "before": f"{row['before']:g}", "after": f"{row['after']:g}"} for row in changes.log(connection)]
        )
    if given.empty:
        raise InputError("nobody has read a case yet", file=folder)
    questionnaire = _questionnaire(answers, protocol)
    known = people.rename(columns={"code": "reader"}).merge(
        receptiveness(questionnaire, protocol), on="reader", how="left"
    )
    boxes = {(row.case_code, row.number): row.boxes[0] for row in lesions if row.boxes}
    revisions = _readings(given, key, protocol, boxes).merge(known, on="reader", how="left", validate="many_to_one")
    order = ["reader", "session", "position", "step", "revision"]
    revisions = revisions.sort_values(order).reset_index(drop=True)
    last = revisions.drop_duplicates(["reader", "session", "position", "step"], keep="last").reset_index(drop=True)
    return Exported(last, revisions, questionnaire, changed)


def _readings(
    given: pd.DataFrame, key: pd.DataFrame, protocol: Readers, lesions: Mapping[tuple[str, int], list[float]]
) -> pd.DataFrame:
    """Answers beside the truth and the advice, under the name of the case's first picture."""
    joined = given.merge(
        key[["code", "case_id", "patient_id", "centre", "truth", "probability", "advice"]],
        left_on="case_code", right_on="code", how="left", validate="many_to_one",
    )  # fmt: skip
    for moment in ("shown_at", "answered_at", "advice_at", "heatmap_at"):
        joined[moment] = [at.isoformat() if pd.notna(at) else "" for at in joined[moment]]
    kept = joined.drop(columns=["id", "box", "receipt", "code"]).assign(scale=protocol.scale)
    return pd.concat([kept, drawn_and_lesion(joined, lesions)], axis=1) if protocol.draw_box else kept


def drawn_and_lesion(joined: pd.DataFrame, lesions: Mapping[tuple[str, int], list[float]]) -> pd.DataFrame:
    """The drawn box and the lesion's: on the picture that was drawn on if one is there, else on the first with one.

    Args:
        joined: One row an answer: case_code and box.
        lesions: (case code, number of the picture) to the lesion's box.

    Returns:
        ``box_`` and ``lesion_`` ``view``, ``x0``, ``y0``, ``x1``, ``y1``; nan where there is none.
    """
    first = dict(sorted(lesions, reverse=True))
    rows: list[dict[str, float]] = []
    for code, drawn in zip(joined["case_code"], joined["box"], strict=True):
        box = drawn if isinstance(drawn, dict) else {}
        row = {f"box_{name}": value for name, value in box.items()}
        number = box["view"] if box and (code, box["view"]) in lesions else first.get(code)
        if number is not None:
            sides = zip(("x0", "y0", "x1", "y1"), lesions[code, number], strict=True)
            row |= {"lesion_view": number} | {f"lesion_{side}": value for side, value in sides}
        rows.append(row)
    columns = [f"{whose}_{what}" for whose in ("box", "lesion") for what in ("view", "x0", "y0", "x1", "y1")]
    return pd.DataFrame(rows, columns=columns, index=joined.index)


def _questionnaire(answers: pd.DataFrame, protocol: Readers) -> pd.DataFrame:
    if answers.empty:
        return pd.DataFrame(columns=list(tables.QUESTIONNAIRE.columns))
    texts = {("consent", "consent"): protocol.consent} | {
        (stage, item.id): item.text for stage in ("before", "after") for item in getattr(protocol, stage)
    }
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
