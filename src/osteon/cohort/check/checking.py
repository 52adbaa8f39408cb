"""Who is in the study, who is out, and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from osteon.cohort.check import baseline, duplicates, looks
from osteon.cohort.check.pictures import read_masks, read_pictures
from osteon.cohort.check.rotation import warn_of_rotations
from osteon.cohort.check.rows import BOX, COMPUTED, named, read
from osteon.core.errors import LeakError, StudyError, suggest
from osteon.core.progress import Progress
from osteon.core.words import counted
from osteon.readers.possible import refuse_impossible
from osteon.study import Study

_DESCRIBED = ("age", "sex", "site", "view")
_TRUE = ("1", "1.0", "true", "yes")


@dataclass(frozen=True)
class Checked:
    """A cohort that was read whole.

    Attributes:
        cohort: The included cases: the table's columns, the label as ``label``, and split (``development``,
            ``external``), target (0 or 1), patient (patient_id or a stand-in) and cluster (cases that share a patient
            or a picture). Paths are relative to the cohort table; boxes lie inside their pictures.
        excluded: The cases set aside, after :data:`osteon.core.tables.EXCLUDED`.
        flow: What becomes flow.json.
        baseline: After :data:`osteon.core.tables.BASELINE`.
        images: One row a readable picture, as :func:`osteon.cohort.check.pictures.read_pictures` gives them.
        duplicates: Pairs of included cases whose pictures are copies or look alike: case_a, case_b, image_a, image_b,
            kind (``exact``, ``near``, ``alike``), correlation, across (the development/external line).
        warnings: What a reader of the study should know, in full sentences.
    """

    cohort: pd.DataFrame
    excluded: pd.DataFrame
    flow: dict[str, Any]
    baseline: pd.DataFrame
    images: pd.DataFrame
    duplicates: pd.DataFrame
    warnings: tuple[str, ...]


class _Cases:
    """All cases of the table, the reason why each is out ("" while it is in), and the flow so far."""

    def __init__(self, frame: pd.DataFrame, lines: NDArray[np.int64]) -> None:
        self.frame = frame
        self.lines = lines
        self.reason = pd.Series("", index=frame.index)
        self.detail = pd.Series("", index=frame.index)
        self.left = pd.Series(0, index=frame.index)  # before which stage; 0 while it is in
        self.stages = [self._stage("in the table")]

    @property
    def inside(self) -> pd.DataFrame:
        return self.frame[self.reason == ""]

    def set_aside(self, where: pd.Series | np.ndarray, reason: str, detail: pd.Series | str = "") -> None:
        """Take rows out, unless an earlier reason already did."""
        rows = np.asarray(where, dtype=bool) & (self.reason == "").to_numpy()
        self.reason[rows] = reason
        self.left[rows] = len(self.stages)
        self.detail[rows] = detail if isinstance(detail, str) else detail[rows]

    def end_stage(self, name: str) -> None:
        self.stages.append(self._stage(name))

    def _stage(self, name: str) -> dict[str, Any]:
        return {"name": name, "cases": len(self.inside), "patients": int(self.inside["patient"].nunique())}


def check(
    study: Study,
    *,
    images: bool = True,
    jobs: int = 1,
    progress: Progress | None = None,
    cache: Path | None = None,
) -> Checked:
    """Read every row and every picture of a study's cohort.

    One bad picture never ends the check: its case is set aside with the reason. What would make the study wrong does.

    Args:
        study: The study.
        images: Whether to open pictures and masks. Without, nothing on disk but the table is looked at: boxes cannot
            be held against their pictures, and copies are not found.
        jobs: Processes that read pictures.
        progress: Where progress is shown.
        cache: Folder in which to remember what is known of each file; or None.

    Returns:
        Who is in, who is out and why.

    Raises:
        TableError: The table breaks its contract.
        StudyError: The study names something the table does not have, or a centre has no usable case.
        LeakError: A patient or a picture is on both sides of the development/external line.
        InputError: Its reader study could not be made from these cases.
    """
    warnings: list[str] = []
    cases = _Cases(*read(study, warnings))
    cases.set_aside(cases.frame["split"] == "", "centre not in the study")
    cases.end_stage("in a centre of the study")
    pictures = _no_pictures()
    if images:
        pictures = _open_pictures(cases, study.cohort_path.parent, jobs, progress, cache, warnings)
        cases.end_stage("picture and mask readable")
    _settle_boxes(cases, pictures, study.crop.min_box, images, warnings)
    cases.end_stage("box usable")
    _check_centres(cases, study)
    pairs = _find_copies(cases, pictures)
    if _separate_copies(cases, pairs, study):
        cases.end_stage("picture not in development")
        _check_centres(cases, study)
    if study.study.per_patient != "all":
        _one_of_each_patient(cases, study)
        cases.end_stage("one case of each patient")
    pairs = pairs[pairs[["case_a", "case_b"]].isin(set(cases.inside["case_id"])).all(axis=1)].reset_index(drop=True)
    same = pairs[pairs["kind"] != "alike"]
    cohort = cases.inside.reset_index(drop=True)
    cohort["cluster"] = duplicates.clusters(cohort, same)
    cohort = cohort[[*(name for name in cohort if name not in COMPUTED), *COMPUTED]]
    _warn_of_copies(cohort, pairs, warnings)
    _check_classes(cohort, study, warnings)
    warn_of_rotations(cohort, study, warnings)
    excluded = _excluded(cases, warnings)
    refuse_impossible(study, cohort, pd.Series(cases.lines, index=cases.frame["case_id"]))
    described = list(dict.fromkeys((*_DESCRIBED, *_variables(study), *study.evaluation.subgroups)))
    facts = looks.picture_columns(cohort, pictures)
    looks.warn_of_unlike_pictures(cohort, facts, warnings)
    flow = _flow(study, cases, cohort, excluded, warnings)
    table = baseline.table(cohort, described, study.task.name, facts)
    return Checked(cohort, excluded, flow, table, pictures, pairs, tuple(warnings))


def _no_pictures() -> pd.DataFrame:
    names = ["image", "sha256", "content", "height", "width", "row_spacing", "column_spacing", "thumbnail"]
    return pd.DataFrame({name: pd.Series(dtype="object") for name in names})


def _open_pictures(
    cases: _Cases, root: Path, jobs: int, progress: Progress | None, cache: Path | None, warnings: list[str]
) -> pd.DataFrame:
    """Open every picture and mask of the included cases; set aside what cannot be used."""
    frame = cases.frame
    for column in ("image", "mask"):
        if column in frame:
            frame[column] = frame[column].map(looks.existing(root, list(frame[column].unique())))
    pictures = read_pictures(root, list(cases.inside["image"].unique()), jobs=jobs, progress=progress, cache=cache)
    found = frame[["image"]].merge(pictures.drop(columns="thumbnail", errors="ignore"), on="image", how="left")
    detail = _told(root, found["image"], found["problem"], found["detail"])
    for problem in ("missing", "unusable"):
        word = "missing" if problem == "missing" else "unreadable"
        cases.set_aside(found["problem"] == problem, f"picture {word}", detail)
    _tell_notes(pictures, "image", "picture", warnings)
    masked = (frame["mask"] != "") & (cases.reason == "") if "mask" in frame else pd.Series(False, index=frame.index)
    if masked.any():
        sized = frame[["mask"]].join(found[["height", "width"]])
        masks = read_masks(root, sized[masked].drop_duplicates(), jobs=jobs, progress=progress, cache=cache)
        of_case = sized.merge(masks, on=["mask", "height", "width"], how="left")
        detail = _told(root, of_case["mask"], of_case["problem"], of_case["detail"])
        for problem in ("missing", "unusable"):
            cases.set_aside(of_case["problem"] == problem, f"mask {problem}", detail)
        _tell_notes(masks, "mask", "mask", warnings)
        drawn = frame[BOX].notna().all(axis=1)
        for side in BOX:
            cases.frame[side] = frame[side].where(drawn, of_case.get(f"mask_{side}"))
    readable = pictures[pictures["problem"] == ""].drop(columns=["problem", "detail", "notes"], errors="ignore")
    readable = readable.reset_index(drop=True)
    return readable.astype({"height": np.int64, "width": np.int64}) if len(readable) else _no_pictures()


def _tell_notes(read: pd.DataFrame, column: str, word: str, warnings: list[str]) -> None:
    """What was left aside or fell back while files were read: each note once, with the files it is about."""
    if "notes" not in read:
        return
    notes = read[[column]].assign(note=read["notes"].fillna("").str.split("\n")).explode("note").drop_duplicates()
    for note, rows in notes[notes["note"] != ""].groupby("note", sort=False):
        text = str(note)
        where = f"{counted(len(rows), word)}: {named(rows[column])}"
        warnings.append(f"{text[0].upper()}{text[1:]} ({where}).")


def _told(root: Path, paths: pd.Series, problems: pd.Series, details: pd.Series) -> pd.Series:
    """What is wrong with each file; what the path of one that is not there looks like."""
    missing = problems == "missing"
    absent = list(paths[missing].unique())
    look = looks.missing_files(root, absent)
    if absent and (found := looks.elsewhere(root, absent[0])) and look[absent[0]] == "no such file":
        look[absent[0]] = f"no such file, but there is '{found}'"
    return details.where(~missing, paths.map({path: f"{path}: {words}" for path, words in look.items()}))


def _settle_boxes(cases: _Cases, pictures: pd.DataFrame, least: float, opened: bool, warnings: list[str]) -> None:
    """Clip boxes to their pictures; set aside those that are missing, outside or too small."""
    frame = cases.frame
    unknown = frame[BOX].isna().any(axis=1)
    masked = unknown & (frame["mask"] != "") if "mask" in frame else unknown & False
    cases.set_aside(masked & (not opened), "no box (its mask was not opened)")
    cases.set_aside(unknown, "no box")
    sizes = frame[["image"]].merge(pictures[["image", "height", "width"]], on="image", how="left")
    size = sizes[["width", "height"]].to_numpy(dtype=np.float64)
    limit = np.where(np.isnan(size), np.inf, size)
    box = frame[BOX].to_numpy()
    clipped = np.clip(box, 0, np.tile(limit, 2))
    sides = clipped[:, 2:] - clipped[:, :2]
    looks.warn_of_boxes(frame.assign(width=size[:, 0], height=size[:, 1])[cases.reason == ""], warnings)
    small = (sides < least).any(axis=1)
    told = dict(zip(frame.index[small], looks.odd_boxes(box[small], size[small]), strict=True))
    detail = pd.Series([told.get(row, "") for row in frame.index], index=frame.index)
    cases.set_aside((sides <= 0).any(axis=1), "box outside the picture", detail)
    cases.set_aside(small, f"box under {least:g} px", detail)
    outside = (clipped != box).any(axis=1) & (cases.reason == "").to_numpy()
    if outside.any():
        many = counted(int(outside.sum()), "box", "boxes")
        warnings.append(f"{many} reached outside the picture, now clipped: {named(frame.loc[outside, 'case_id'])}.")
    cases.frame[BOX] = clipped


def _find_copies(cases: _Cases, pictures: pd.DataFrame) -> pd.DataFrame:
    """Pairs of included cases with one picture in two files, or one file in two splits; development named first."""
    order = cases.inside.sort_values("split", kind="stable")  # "development" before "external"
    first = order.drop_duplicates("image")
    found = duplicates.find(first[["image"]].merge(pictures, on="image"))
    sides = order.drop_duplicates(["image", "split"])
    again = sides[sides.duplicated("image")]  # the external case of a file that has a development case
    one_file = pd.DataFrame({"image_a": again["image"], "image_b": again["image"], "kind": "exact", "correlation": 1.0})
    pairs = pd.concat([part for part in (one_file, found) if len(part)] or [found], ignore_index=True)
    a = first.set_index("image").loc[pairs["image_a"]]
    b = pd.concat([again, first]).drop_duplicates("image").set_index("image").loc[pairs["image_b"]]
    return pairs.assign(
        case_a=a["case_id"].to_numpy(),
        case_b=b["case_id"].to_numpy(),
        across=a["split"].to_numpy() != b["split"].to_numpy(),
    )


def _separate_copies(cases: _Cases, pairs: pd.DataFrame, study: Study) -> bool:
    """Keep one picture on one side of the line: stop, or set the external copies aside. Says whether any was."""
    same = pairs[pairs["kind"] != "alike"]
    leaks = same[same["across"]]
    if leaks.empty:
        return False
    if study.study.duplicates == "error":
        shown = [f"{a} = {b} ({kind})" for a, b, kind in leaks[["case_a", "case_b", "kind"]].to_numpy()]
        raise LeakError(
            f"{counted(len(leaks), 'picture')} in development and in an external centre: {named(shown, 10)}",
            file=study.cohort_path,
            fix='Drop one case of each pair, or set [study] duplicates = "exclude" to set the external ones aside.',
        )
    inside = cases.inside
    picture = duplicates.clusters(inside.assign(patient=inside["image"]), same)
    developed = np.unique(picture[inside["split"] == "development"])
    copied = inside.index[np.isin(picture, developed) & (inside["split"] == "external").to_numpy()]
    cases.set_aside(cases.frame.index.isin(copied), "picture is in development too")
    return True


def _one_of_each_patient(cases: _Cases, study: Study) -> None:
    """Keep one usable case of each patient by the study's rule, which looks at no label."""
    rule, inside = study.study.per_patient, cases.inside
    if rule == "first":
        rank = pd.Series(0.0, index=inside.index)
    elif rule == "largest":
        rank = -(inside["x1"] - inside["x0"]) * (inside["y1"] - inside["y0"])
    else:
        rank = _preferred(inside, list(rule), study)
    ranked = inside.loc[rank.sort_values(kind="stable").index]
    first = ranked.index[~ranked["patient"].duplicated()]
    cases.set_aside(~cases.frame.index.isin(first), "another case of the patient was taken")


def _preferred(inside: pd.DataFrame, views: list[str], study: Study) -> pd.Series:
    """The place of each case's view among those preferred; any other comes after them."""
    there = sorted(inside["view"].unique()) if "view" in inside else []
    for view in views:
        if view not in there:
            raise StudyError(
                f"study.per_patient: no case has the view {view!r}",
                file=study.cohort_path,
                fix=suggest(view, there) if there else "The cohort needs the column 'view'.",
            )
    place = {view: position for position, view in enumerate(views)}
    return inside["view"].map(place).fillna(len(views))


def _warn_of_copies(cohort: pd.DataFrame, pairs: pd.DataFrame, warnings: list[str]) -> None:
    """Copies and look-alikes that stay in the study, copies with another label, and rows written twice."""

    def shown(found: pd.DataFrame) -> str:
        return named([f"{a} ~ {b}" for a, b in found[["case_a", "case_b"]].to_numpy()])

    for kind, what in (("exact", "exact copies"), ("near", "near copies")):
        found = pairs[pairs["kind"] == kind]
        if len(found):
            many = counted(len(found), "pair")
            warnings.append(f"{many} of pictures are {what} and stay in one fold: {shown(found)}.")
    if len(pairs) >= duplicates.MOST_PAIRS:
        warnings.append("So many pictures look alike that not all pairs were found.")
    for across, where in ((False, ""), (True, " across the development/external line")):
        found = pairs[(pairs["kind"] == "alike") & (pairs["across"] == across)]
        if len(found):
            many = counted(len(found), "pair")
            warnings.append(f"{many} of pictures{where} look alike; are they of one patient? {shown(found)}.")
    same = pairs[pairs["kind"] != "alike"]
    targets = cohort.groupby("image")["target"].agg(["min", "max"])
    a, b = targets.reindex(same["image_a"]).to_numpy(), targets.reindex(same["image_b"]).to_numpy()
    conflicting = same[(a != b).any(axis=1)]
    if len(conflicting):
        many = counted(len(conflicting), "pair")
        warnings.append(f"{many} of copies with conflicting labels: {shown(conflicting)}.")
    again = cohort.duplicated(["image", *BOX], keep="first")
    if again.any():
        ids = named(cohort.loc[again, "case_id"])
        warnings.append(f"{counted(int(again.sum()), 'case')} with picture and box of an earlier one: {ids}.")


def _check_centres(cases: _Cases, study: Study) -> None:
    """Every centre of the study needs cases."""
    for centre, rows in cases.frame[cases.frame["split"] != ""].groupby("centre"):
        reasons = cases.reason[rows.index].value_counts()
        if "" not in reasons:
            details = cases.detail[rows.index]
            first = next((text for text in details[cases.reason[rows.index] == reasons.index[0]] if text), "")
            raise StudyError(
                f"centre '{centre}' has no usable case: "
                + named([f"{reason} ({count})" for reason, count in reasons.items()])
                + (f"; the first: {first}" if first else ""),
                file=study.cohort_path,
                fix="Mend its cases or take the centre out of the study.",
            )


def _check_classes(cohort: pd.DataFrame, study: Study, warnings: list[str]) -> None:
    """Development needs both classes, and an external centre with one is not estimable."""
    for centre, targets in cohort.groupby("centre")["target"]:
        if targets.nunique() < 2:
            warnings.append(f"Centre {centre}: {_one_class(targets, 'case', study)}; its AUC is not estimable.")
    development = cohort.loc[cohort["split"] == "development", "target"]
    if development.nunique() < 2:
        raise StudyError(
            _one_class(development, "development case", study),
            file=study.cohort_path,
            fix="Development needs both classes; see [task] positive and [centres] development.",
        )
    if not (cohort["split"] == "external").any():
        warnings.append("There is no external centre: the study cannot say how its models travel.")


def _one_class(targets: pd.Series, what: str, study: Study) -> str:
    """What to say of cases that are all of one class, in the study's own word for it."""
    which = "all of" if targets.iloc[0] else "none of"
    return f"{which} {counted(len(targets), what)} {'count' if targets.iloc[0] else 'counts'} as {study.task.name}"


def _excluded(cases: _Cases, warnings: list[str]) -> pd.DataFrame:
    out = cases.reason != ""
    table = cases.frame.loc[out, ["case_id", "centre"]].assign(reason=cases.reason[out], detail=cases.detail[out])
    table.insert(0, "row", cases.lines[out])
    for reason, rows in table[table["reason"] != "centre not in the study"].groupby("reason", sort=False):
        warnings.append(f"{counted(len(rows), 'case')} set aside, {reason}: {named(rows['case_id'])}.")
    return table.reset_index(drop=True)


def _variables(study: Study) -> list[str]:
    return [name for model in study.models for name in model.columns]


def _flow(
    study: Study, cases: _Cases, cohort: pd.DataFrame, excluded: pd.DataFrame, warnings: list[str]
) -> dict[str, Any]:
    """What flow.json holds."""
    left = cases.left[cases.reason != ""].to_numpy()
    told = cases.frame.get("synthetic", pd.Series(dtype="object"))
    parts = {
        name: mask
        for name, mask in baseline.groups(cohort).items()
        if name == "development" or (name.startswith("centre:") and (cohort.loc[mask, "split"] == "external").all())
    }
    return {
        "synthetic": bool(told.astype(str).str.lower().isin(_TRUE).any()),
        "positive": study.task.name,
        "stages": cases.stages,
        "excluded": [
            {"reason": reason, "stage": stage["name"], "cases": len(rows), "case_ids": list(rows["case_id"])}
            for at, stage in enumerate(cases.stages)
            for reason, rows in excluded[left == at].groupby("reason", sort=False)
        ],
        "groups": [
            {
                "name": name,
                "role": cohort.loc[mask, "split"].iloc[0],
                "cases": int(mask.sum()),
                "patients": int(cohort.loc[mask, "patient"].nunique()),
                "positive": int(cohort.loc[mask, "target"].sum()),
            }
            for name, mask in parts.items()
        ],
        "labels": _labels(cases.frame, cohort),
        "warnings": list(warnings),
    }


def _labels(frame: pd.DataFrame, cohort: pd.DataFrame) -> list[dict[str, Any]]:
    """Every label of the table, the class it counts as, and its cases: in the table and in the study."""
    inside = cohort["label"].value_counts()
    counts = frame.groupby("label", as_index=False).agg(target=("target", "first"), in_table=("target", "size"))
    ordered = counts.sort_values(["target", "in_table", "label"], ascending=[False, False, True])
    return [
        {
            "label": str(label),
            "class": "positive" if target else "negative",
            "in_table": int(count),
            "cases": int(inside.get(label, 0)),
        }
        for label, target, count in ordered[["label", "target", "in_table"]].to_numpy()
    ]
