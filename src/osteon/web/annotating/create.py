"""From pictures to an annotation that can be served: cases, prepared pictures, suggestions, work lists, links."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, insert

from osteon.core import tables
from osteon.core.errors import InputError
from osteon.core.words import counted
from osteon.io.burned.sheet import Sheet
from osteon.readers.plan import codes
from osteon.study.protocol import ADMINISTRATOR
from osteon.web.annotating.keys import KEY, image_place, take_in
from osteon.web.annotating.protocol import Annotating
from osteon.web.annotating.tables import ANNOTATION, annotation_case, annotation_view, suggestion, work
from osteon.web.database import Store, person, sqlite_url, study
from osteon.web.invitations import invite_all, write_private
from osteon.web.packing import Place, pack, refuse_open

_MOST = 6  # pictures of a case: as many as a screen shows side by side
_OLDEST = 89
_SIDES = ["x0", "y0", "x1", "y1"]


@dataclass(frozen=True)
class Created:
    """An annotation ready to be served.

    Attributes:
        folder: Where it lies: ``key.csv`` for whoever exports, ``site/`` for the server.
        key: One row a picture.
        invitations: person, role, link; the only place where the links can be read.
        suggested: How many boxes annotators start from.
        masked: In how many pictures text was painted over.
    """

    folder: Path
    key: pd.DataFrame
    invitations: pd.DataFrame
    suggested: int
    masked: int

    def __str__(self) -> str:
        """What was made, in a few lines."""
        people = counted(int((self.invitations["role"] == "annotator").sum()), "person", "people")
        cases = counted(self.key["code"].nunique(), "case")
        start = f", {counted(self.suggested, 'suggested box', 'suggested boxes')}" if self.suggested else ""
        return (
            f"{cases} ({counted(len(self.key), 'picture')}{start}) for {people}\n"
            f"text was masked in {counted(self.masked, 'picture')} of {len(self.key)}; look at every picture before "
            f"you send a link: {self.folder / 'contact_sheet' / 'page-01.html'}\n"
            f"links: {self.folder / 'invitations.csv'} (send each person their own, then delete the file)\n"
            f"next: osteon annotate serve {self.folder}"
        )


def create(
    source: Path,
    out: Path,
    protocol: Annotating,
    *,
    suggestions: Path | None = None,
    database_url: str | None = None,
    address: str = "http://127.0.0.1:8000",
    progress: Callable[[int, int], None] | None = None,
) -> Created:
    """Make an annotation.

    Args:
        source: A folder of radiographs, DICOM or other, or a cohort table; labels and boxes may be missing.
        out: The folder to make.
        protocol: Who annotates, and what is asked.
        suggestions: A table with ``image`` and boxes (and ``label``) that annotators start from; of an import, or of a
            detector. The source's own table is allowed.
        database_url: Where the server will keep annotations; a SQLite file in ``site/`` by default.
        address: What annotators type before the rest of their link.
        progress: Called with the number of pictures prepared and their total.

    Raises:
        InputError: `out` is there already, no picture, a picture that cannot be read, a suggestion for none, or
            somebody has to look at the contact sheet first, which then lies beside `out`.
    """
    if out.exists():
        raise InputError("there is something already", file=out, fix="Name another folder, or move that one away.")
    unfinished = out.with_name(f".{out.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    (unfinished / "site" / "pictures").mkdir(parents=True)
    try:
        cohort, table = take_in(source, unfinished)
        key = _key(cohort, table, unfinished, protocol)
        offered = _suggestions(suggestions, key, unfinished) if suggestions else pd.DataFrame()
        views, found, undecided = _prepared(key, offered, unfinished, protocol, progress)
        tables.write(pd.DataFrame(found), unfinished / "burned_in.csv", tables.BURNED_IN)
        check = out.with_name(f"{out.name}-check")
        shutil.rmtree(check, ignore_errors=True)
        if undecided:
            (unfinished / "contact_sheet").rename(check)
        refuse_open(undecided, check / "page-01.html", "burned_in")
        tables.write(key, unfinished / "key.csv", KEY)
        store = Store(database_url or sqlite_url(unfinished / "site" / "study.db"), ANNOTATION)
        store.create()
        with store.write() as connection:
            _fill(connection, protocol, key, views, offered)
            links = invite_all(connection, _roles(protocol), address)
        store.close()
        write_private(links, unfinished / "invitations.csv")
        unfinished.rename(out)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return Created(out, key, links, len(offered), sum(row["masked"] > 0 for row in found))


def _key(cohort: pd.DataFrame, table: Path, out: Path, protocol: Annotating) -> pd.DataFrame:
    """One row a picture, in cases: what the source says of it, and where it lies as seen from `out`."""
    rows = cohort.drop(columns=[*_SIDES, "mask"], errors="ignore").copy()
    rows["image"] = [
        Path(os.path.relpath(image_place(table, image), out.resolve())).as_posix() for image in rows["image"]
    ]  # fmt: skip
    rows = rows.drop_duplicates("image").reset_index(drop=True)
    for name in ("patient_id", "site", "view"):
        rows[name] = rows.get(name, pd.Series("", index=rows.index)).fillna("")
    if protocol.together == "patient":
        known = rows["patient_id"] != ""
        group = rows["centre"] + "\0" + rows["patient_id"] + "\0" + rows["site"]
        group = group.where(known, "\0" + rows["image"])
    else:
        group = rows["image"]
    part = rows.groupby(group, sort=False).cumcount() // _MOST
    rows["group"] = pd.factorize(group + "\0" + part.astype(str))[0]
    names = np.array(codes(int(rows["group"].max()) + 1, np.random.default_rng(0)))
    rows["code"] = names[rows["group"]]
    rows["number"] = rows.groupby("code").cumcount() + 1
    return rows.drop(columns="group").sort_values(["code", "number"]).reset_index(drop=True)


def _suggestions(path: Path, key: pd.DataFrame, out: Path) -> pd.DataFrame:
    """Boxes on the pictures of the key: code, view, number, box, label.

    Raises:
        InputError: A box lies on none of its pictures.
    """
    if path.is_dir():
        raise InputError("suggestions are a table", file=path, fix="Import the folder with 'osteon import' first.")
    table = tables.read(path, SUGGESTED, lines=True)
    places = {(out / image).resolve(): i for i, image in enumerate(key["image"])}
    rows: list[dict[str, Any]] = []
    for line, row in zip(table.index.tolist(), table.to_dict("records"), strict=True):
        box = [float(row[side]) for side in _SIDES]
        if np.isnan(box).any():
            continue
        at = places.get(image_place(path, str(row["image"])).resolve())
        if at is None:
            raise InputError(
                f"the picture '{row['image']}' is not annotated here",
                file=path, row=line, column="image", fix="Take the row out, or mend its path.",
            )  # fmt: skip
        if not (box[0] < box[2] and box[1] < box[3]):
            raise InputError("the box has no area", file=path, row=line, column="x0", fix="Give x0 < x1, y0 < y1.")
        rows.append(
            {"code": key["code"][at], "view": int(key["number"][at]), "box": box, "label": row.get("label") or ""}
        )
    found = pd.DataFrame(rows, columns=["code", "view", "box", "label"])
    return found.assign(number=found.groupby("code").cumcount() + 1)


SUGGESTED = tables.Contract(
    "suggestions",
    {
        "image": tables.Column("path"),
        **{side: tables.Column("number", filled=False) for side in _SIDES},
        "label": tables.Column(required=False, filled=False),
    },
    open=True,
)


def _prepared(
    key: pd.DataFrame,
    offered: pd.DataFrame,
    out: Path,
    protocol: Annotating,
    progress: Callable[[int, int], None] | None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, str]]:
    """Mask and pack every picture: rows of the table of views, rows on burned-in text, and what has to be decided."""
    sheet = Sheet(out / "contact_sheet", protocol.title, len(key))
    boxes: dict[tuple[str, int], list[float]] = {
        (str(row["code"]), int(row["view"])): row["box"] for row in offered.to_dict("records")
    }
    views, found, undecided = [], [], {}
    for done, row in enumerate(key.to_dict("records")):
        code, number, case_id = str(row["code"]), int(row["number"]), str(row["case_id"])
        place = Place(out / "site" / "pictures", code, number, case_id)
        packed = pack(out / row["image"], place, boxes.get((code, number), [np.nan] * 4), protocol.burned_in, sheet)
        if packed.open:
            undecided[case_id] = packed.open
        found.append(packed.burned_in)
        shown = {name: value for name, value in packed.row.items() if name != "boxes"}
        name = row["view"] if "view" in protocol.context else ""
        views.append({**shown, "name": name or None})
        if progress:
            progress(done + 1, len(key))
    return views, found, undecided


def _fill(
    connection: Connection,
    protocol: Annotating,
    key: pd.DataFrame,
    views: list[dict[str, Any]],
    offered: pd.DataFrame,
) -> None:
    """Fill the database; nobody's identifier is among what goes there."""
    served = protocol.model_copy(update={"burned_in": Annotating().burned_in})
    connection.execute(insert(study).values(id=1, protocol={"annotate": served.model_dump(mode="json")}))
    people = [code for code in (*protocol.annotators, protocol.adjudicator) if code]
    roles = {**dict.fromkeys(people, "annotator"), ADMINISTRATOR: "admin"}
    connection.execute(insert(person), [{"code": code, "role": role} for code, role in roles.items()])
    connection.execute(insert(annotation_case), list(_cases(key, protocol)))
    connection.execute(insert(annotation_view), views)
    if len(offered):
        rows = offered.rename(columns={"code": "case_code"}).to_dict("records")
        connection.execute(insert(suggestion), [{str(name): value for name, value in row.items()} for row in rows])
    names = sorted(key["code"].unique())
    for number, code in enumerate(people):
        order = names if code == protocol.adjudicator else np.random.default_rng([1, number]).permutation(names)
        planned = [
            {"annotator": code, "position": place + 1, "case_code": str(case)} for place, case in enumerate(order)
        ]  # fmt: skip
        connection.execute(insert(work), planned)


def _cases(key: pd.DataFrame, protocol: Annotating) -> Iterator[dict[str, Any]]:
    for code, rows in key.groupby("code"):
        context = {}
        for name in protocol.context:
            if name == "view" or name not in rows:
                continue
            said = [_said(name, value) for value in rows[name]]
            context[name] = " / ".join(dict.fromkeys(filter(None, said)))
        yield {"code": str(code), "context": {name: value for name, value in context.items() if value}}


def _said(name: str, value: Any) -> str:
    """A value as annotators see it; the very old are not told apart."""
    if name == "age":
        return "" if value != value or value == "" else f">{_OLDEST}" if float(value) > _OLDEST else f"{float(value):g}"
    return str(value)


def _roles(protocol: Annotating) -> dict[str, str]:
    """What everybody is."""
    people = dict.fromkeys(protocol.annotators, "annotator")
    people |= {protocol.adjudicator: "adjudicator"} if protocol.adjudicator else {}
    return people | {ADMINISTRATOR: "admin"}
