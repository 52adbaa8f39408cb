"""Column contracts: every table is read and written through them, atomically.

A contract names the columns a table must have, those it may have, and what their values are. Reading is tolerant
(types are coerced, extra columns of an open table are kept); writing is strict.
"""

from __future__ import annotations

import csv
import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from osteon.errors import TableError, suggest

Kind = Literal["text", "number", "integer", "flag"]


@dataclass(frozen=True)
class Column:
    """What one column holds.

    Attributes:
        kind: ``text`` (never nan: an empty string is missing), ``number`` (float, nan is missing), ``integer`` or
            ``flag`` (bool), both never missing.
        required: The table is refused without it.
        filled: Every row needs a value.
        unique: No two rows share a value.
        low: Least allowed value.
        high: Greatest allowed value.
    """

    kind: Kind = "text"
    required: bool = True
    filled: bool = True
    unique: bool = False
    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True)
class Contract:
    """The columns of one table.

    Attributes:
        name: The table's name in messages.
        columns: Column name to its :class:`Column`.
        open: Whether further columns are allowed.
    """

    name: str
    columns: Mapping[str, Column] = field(default_factory=dict)
    open: bool = False


_TEXT = Column()
_NOTE = Column(filled=False)
_OPTIONAL = Column(required=False, filled=False)
_NUMBER = Column("number", filled=False)
_PROBABILITY = Column("number", low=0, high=1)
_COUNT = Column("integer", low=0)
_LABEL = Column("integer", low=0, high=1)
_INTERVAL = {
    "value": _NUMBER,
    "low": _NUMBER,
    "high": _NUMBER,
    "method": _NOTE,
    "n": _COUNT,
    "n_positive": _COUNT,
}

#: One row a case: one lesion on one radiograph. The user's table.
COHORT = Contract(
    "cohort",
    {
        "case_id": Column(unique=True),
        "image": _TEXT,
        "centre": _TEXT,
        "label": _TEXT,
        **{side: Column("number", filled=False) for side in ("x0", "y0", "x1", "y1")},
        "patient_id": _OPTIONAL,
        "mask": _OPTIONAL,
        "age": Column("number", required=False, filled=False, low=0, high=120),
        "sex": _OPTIONAL,
        "site": _OPTIONAL,
        "view": _OPTIONAL,
        "subtype": _OPTIONAL,
    },
    open=True,
)
#: Which held-out fold each development case belongs to.
FOLDS = Contract("folds", {"case_id": Column(unique=True), "patient_id": _NOTE, "fold": _COUNT})
#: The waist: every model's probability of the positive class for every case.
PREDICTIONS = Contract(
    "predictions",
    {
        "case_id": _TEXT,
        "patient_id": _NOTE,
        "centre": _TEXT,
        "split": _TEXT,  # development | external
        "model": _TEXT,
        "fold": _TEXT,  # k for an out-of-fold prediction, "ensemble" for an external one
        "seed": Column("integer"),
        "label": _LABEL,
        "probability": _PROBABILITY,
    },
)
#: One row a model, stratum (``development``, ``centre:2``, ``external``) and metric.
METRICS = Contract("metrics", {"model": _TEXT, "stratum": _TEXT, "metric": _TEXT, **_INTERVAL})
#: All pairs of models, a - b in AUC.
COMPARISONS = Contract(
    "comparisons",
    {
        "stratum": _TEXT,
        "model_a": _TEXT,
        "model_b": _TEXT,
        "difference": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
        "se": _NUMBER,
        "z": _NUMBER,
        "p": _NUMBER,
        "p_holm": _NUMBER,
        "primary": Column("flag"),
    },
)
#: Points of the smooth calibration curve with its band, of the raw and of the recalibrated probabilities.
CALIBRATION = Contract(
    "calibration",
    {
        "model": _TEXT,
        "stratum": _TEXT,
        "scale": _TEXT,  # raw | recalibrated
        "predicted": _NUMBER,
        "observed": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
    },
)
#: Net benefit by threshold; models ``treat all`` and ``treat none`` beside the study's own.
DECISION = Contract(
    "decision",
    {
        "model": _TEXT,
        "stratum": _TEXT,
        "threshold": _PROBABILITY,
        "net_benefit": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
    },
)
#: Thresholds fixed on out-of-fold predictions, and what they give in each stratum.
OPERATING_POINTS = Contract(
    "operating_points",
    {"model": _TEXT, "rule": _TEXT, "threshold": _NUMBER, "stratum": _TEXT, "metric": _TEXT, **_INTERVAL},
)
#: Metrics within subgroups, with the p value of the interaction.
SUBGROUPS = Contract(
    "subgroups",
    {
        "model": _TEXT,
        "stratum": _TEXT,
        "variable": _TEXT,
        "level": _TEXT,
        "metric": _TEXT,
        **_INTERVAL,
        "p_interaction": _NUMBER,
    },
)
#: One probability a case and model: averaged over seeds, as given and recalibrated.
SCORES = Contract(
    "scores",
    {
        "case_id": _TEXT,
        "patient_id": _NOTE,
        "centre": _TEXT,
        "split": _TEXT,  # development | external
        "model": _TEXT,
        "label": _LABEL,
        "probability": _PROBABILITY,
        "recalibrated": _PROBABILITY,
    },
)
#: Corners of the empirical ROC curve.
ROC = Contract(
    "roc",
    {"model": _TEXT, "stratum": _TEXT, "false_positive_rate": _PROBABILITY, "sensitivity": _PROBABILITY},
)
#: Logistic recalibration fitted on out-of-fold predictions: logit(new) = intercept + slope * logit(old).
RECALIBRATION = Contract(
    "recalibration",
    {"model": _TEXT, "intercept": _NUMBER, "slope": _NUMBER, "n": _COUNT, "n_positive": _COUNT, "method": _TEXT},
)
#: How far the training seeds of one model lie apart.
SEEDS = Contract(
    "seeds",
    {
        "model": _TEXT,
        "stratum": _TEXT,
        "metric": _TEXT,
        "seeds": _COUNT,
        "mean": _NUMBER,
        "sd": _NUMBER,
        "least": _NUMBER,
        "greatest": _NUMBER,
        "averaged": _NUMBER,  # of the probabilities averaged over seeds, which every other table uses
    },
)
#: Random-effects summary of a metric over the external centres.
HETEROGENEITY = Contract(
    "heterogeneity",
    {
        "model": _TEXT,
        "metric": _TEXT,
        "centres": _COUNT,
        "value": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
        "prediction_low": _NUMBER,
        "prediction_high": _NUMBER,
        "tau2": _NUMBER,
        "i2": _NUMBER,
        "q": _NUMBER,
        "p": _NUMBER,
        "method": _TEXT,
    },
)
#: Cases worth looking at: the primary model's most confident hits, most confident misses and closest calls.
EXAMPLES = Contract(
    "examples",
    {
        "group": _TEXT,  # right | wrong | borderline
        "case_id": _TEXT,
        "centre": _TEXT,
        "model": _TEXT,
        "label": _LABEL,
        "diagnosis": _NOTE,  # the cohort's subtype, or else its label
        "probability": _PROBABILITY,
        "threshold": _NUMBER,
    },
)
#: The baseline table: a variable's summary for each centre, with standardised differences from development.
BASELINE = Contract(
    "baseline",
    {"variable": _TEXT, "level": _NOTE, "group": _TEXT, "summary": _TEXT, "n": _COUNT, "smd": _NUMBER},
)
#: The key of a reader study: what each picture of each reading case is, and the truth. It never goes to the server.
READING_KEY = Contract(
    "reading key",
    {
        "code": _TEXT,
        "view": _COUNT,
        "case_id": Column(unique=True),
        "patient_id": _NOTE,
        "centre": _TEXT,
        "truth": _LABEL,
        "probability": _PROBABILITY,  # the model's advice, recalibrated, mean over views
        "threshold": _PROBABILITY,
        "advice": _LABEL,
        "difficulty": _TEXT,
    },
)
#: The plan of a reader study: who reads which case when, in which arm.
READING_TASKS = Contract(
    "reading tasks",
    {"reader": _TEXT, "session": _COUNT, "position": _COUNT, "step": _COUNT, "code": _TEXT, "arm": _TEXT},
)
#: One row a reader, arm and case; the last answer where one was revised. Also what people bring from elsewhere.
READINGS = Contract(
    "readings",
    {
        "reader": _TEXT,
        "arm": _TEXT,
        "case_id": _TEXT,
        "truth": _LABEL,
        "confidence": Column("number"),
        "call": Column("number", required=False, filled=False, low=0, high=1),
        "probability": Column("number", required=False, filled=False, low=0, high=1),
        "advice": Column("number", required=False, filled=False, low=0, high=1),
        "seconds": Column("number", required=False, filled=False, low=0),
        "experience": Column("number", required=False, filled=False, low=0),
        "receptiveness": Column("number", required=False, filled=False),
    },
    open=True,
)
#: One row a reader (``all``: their mean; ``model``: the model alone), arm and metric.
READER_METRICS = Contract("reader metrics", {"reader": _TEXT, "arm": _TEXT, "metric": _TEXT, **_INTERVAL})
#: Arms compared, a - b (seconds: the ratio a / b), over all readers and by each reader.
READER_COMPARISONS = Contract(
    "reader comparisons",
    {
        "reader": _TEXT,
        "metric": _TEXT,
        "random": _TEXT,  # readers and cases | readers | cases
        "arm_a": _TEXT,
        "arm_b": _TEXT,
        "difference": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
        "p": _NUMBER,
        "method": _NOTE,
        "primary": Column("flag"),
    },
)
#: How readers dealt with right and with wrong advice.
RELIANCE = Contract(
    "reliance",
    {"reader": _TEXT, "measure": _TEXT, "events": _COUNT, **{k: v for k, v in _INTERVAL.items() if k != "n_positive"}},
)
#: Agreement between readers.
READER_AGREEMENT = Contract(
    "reader agreement",
    {"arm": _TEXT, "measure": _TEXT, "value": _NUMBER, "low": _NUMBER, "high": _NUMBER, "method": _NOTE, "n": _COUNT},
)
#: Each reader's gain beside experience and receptiveness.
READER_BENEFIT = Contract(
    "reader benefit",
    {
        "reader": _TEXT,
        "metric": _TEXT,
        "without": _NUMBER,
        "with": _NUMBER,
        "difference": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
        "experience": _NUMBER,
        "receptiveness": _NUMBER,
    },
)
#: How the gain changes with a property of the reader.
READER_COVARIATES = Contract(
    "reader covariates",
    {
        "property": _TEXT,
        "metric": _TEXT,
        "slope": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
        "p": _NUMBER,
        "method": _NOTE,
    },
)
#: ROC curves of readers, of their mean (``all``) and of the model alone.
READER_ROC = Contract(
    "reader roc",
    {"reader": _TEXT, "arm": _TEXT, "false_positive_rate": _PROBABILITY, "sensitivity": _PROBABILITY},
)
#: How often cases read with some confidence were positive.
READER_CONFIDENCE = Contract(
    "reader confidence",
    {"arm": _TEXT, "confidence": _PROBABILITY, "observed": _NUMBER, "low": _NUMBER, "high": _NUMBER, "n": _COUNT},
)
#: Answers to the questionnaires of a reader study.
QUESTIONNAIRE = Contract(
    "questionnaire",
    {"reader": _TEXT, "stage": _TEXT, "item": _TEXT, "text": _TEXT, "value": _TEXT, "answered_at": _TEXT},
)
#: Probabilities of external cases under changes of the box or the picture; the rows are those of perturbations.
PERTURBED = Contract(
    "perturbed",
    {
        "case_id": _TEXT,
        "model": _TEXT,
        "kind": _TEXT,
        "grade": Column("number"),
        "repeat": _COUNT,
        "probability": _PROBABILITY,
    },
)
#: Spread, flips, AUC and its loss under each change.
ROBUSTNESS = Contract(
    "robustness",
    {"model": _TEXT, "stratum": _TEXT, "kind": _TEXT, "grade": Column("number"), "metric": _TEXT, **_INTERVAL},
)
#: Pairs of models by their spread over cases, a - b.
ROBUSTNESS_COMPARISONS = Contract(
    "robustness comparisons",
    {
        "stratum": _TEXT,
        "kind": _TEXT,
        "metric": _TEXT,
        "model_a": _TEXT,
        "model_b": _TEXT,
        "difference": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
        "p": _NUMBER,
        "p_holm": _NUMBER,
        "primary": Column("flag"),
        "method": _NOTE,
    },
)
#: Spread of each case over all changes of its box.
ROBUSTNESS_CASES = Contract(
    "robustness of cases",
    {"case_id": _TEXT, "model": _TEXT, "sd": _NUMBER, "range": _NUMBER, "flip_rate": _NUMBER},
)
#: The cases that a changed box moved most, one row a box of the change that did; boxes in pixels of the radiograph.
ROBUSTNESS_EXAMPLES = Contract(
    "robustness examples",
    {
        "case_id": _TEXT,
        "centre": _TEXT,
        "model": _TEXT,
        "label": _LABEL,
        "diagnosis": _NOTE,
        "threshold": _NUMBER,
        "kind": _TEXT,
        "grade": Column("number"),
        "role": _TEXT,  # picture (the part that is shown) | drawn | lowest | highest | other
        "repeat": Column("integer"),  # -1 for what is not a changed box
        "probability": _NUMBER,
        **{side: Column("number") for side in ("x0", "y0", "x1", "y1")},
    },
)
#: Odds ratios of clinical and combined models, fitted on all development cases.
ODDS_RATIOS = Contract(
    "odds ratios",
    {
        "model": _TEXT,
        "term": _TEXT,
        "odds_ratio": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
        "p": _NUMBER,
        "note": _NOTE,
    },
)
#: How well each case's maps mark its lesion; ``kind`` says whose map: the ensemble's, or that of a check.
EXPLANATION_CASES = Contract(
    "explanation of cases",
    {
        "case_id": _TEXT,
        "model": _TEXT,
        "map": _TEXT,  # gradcam | gradcam++ | hirescam | occlusion
        "kind": _TEXT,  # ensemble | one fold | centre of the crop | head | head + k stages | all weights | ...
        "empty": _PROBABILITY,
        "energy_box": _NUMBER,
        "energy_box_ratio": _NUMBER,
        "energy_mask": _NUMBER,
        "energy_mask_ratio": _NUMBER,
        "pointing_box": _NUMBER,
        "pointing_mask": _NUMBER,
        "iou_25": _NUMBER,
        "iou_50": _NUMBER,
        "iou_75": _NUMBER,
        "distance": _NUMBER,
        "distance_mm": _NUMBER,
        "correlation": _NUMBER,  # of a check's map with the real one
    },
)
#: How like a case's map is to the map from a changed box, on the radiograph; the rows are those of perturbations.
PERTURBED_MAPS = Contract(
    "perturbed maps",
    {
        "case_id": _TEXT,
        "model": _TEXT,
        "map": _TEXT,
        "kind": _TEXT,
        "grade": Column("number"),
        "repeat": _COUNT,
        "correlation": _NUMBER,
    },
)
#: Where each explained case's crop lies, in the order of the arrays in ``cams/``; pixels of the radiograph.
EXPLAINED = Contract(
    "explained cases",
    {
        "case_id": Column(unique=True),
        **{side: Column("number") for side in ("x0", "y0", "x1", "y1")},
        "height": _COUNT,
        "width": _COUNT,
    },
)
#: Scores of maps by outcome at the fixed threshold.
EXPLANATION = Contract(
    "explanation",
    {
        "model": _TEXT,
        "map": _TEXT,
        "stratum": _TEXT,
        "outcome": _TEXT,  # all | correct | wrong | correct - wrong
        "metric": _TEXT,
        **_INTERVAL,
    },
)
#: Pairs of models by the scores of their maps, a - b.
EXPLANATION_COMPARISONS = Contract(
    "explanation comparisons",
    {
        "stratum": _TEXT,
        "map": _TEXT,
        "metric": _TEXT,
        "model_a": _TEXT,
        "model_b": _TEXT,
        "difference": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
        "p": _NUMBER,
        "p_holm": _NUMBER,
        "primary": Column("flag"),
        "method": _NOTE,
    },
)
#: Scores of maps that know nothing, and by how much the real ones exceed them.
EXPLANATION_SANITY = Contract(
    "explanation sanity",
    {
        "model": _TEXT,
        "map": _TEXT,
        "check": _TEXT,
        "metric": _TEXT,
        **_INTERVAL,
        "difference": _NUMBER,
        "difference_low": _NUMBER,
        "difference_high": _NUMBER,
        "p": _NUMBER,
    },
)
#: Likeness of maps before and after a change of the box.
EXPLANATION_STABILITY = Contract(
    "explanation stability",
    {"model": _TEXT, "map": _TEXT, "stratum": _TEXT, "kind": _TEXT, "grade": Column("number"), **_INTERVAL},
)
#: Cases of the galleries of maps, in the order of the arrays in ``cams/gallery-GROUP.npz``.
GALLERY = Contract(
    "gallery",
    {
        "group": _TEXT,  # correct | wrong | changed
        "case_id": _TEXT,
        "centre": _TEXT,
        "model": _TEXT,
        "label": _LABEL,
        "diagnosis": _NOTE,
        "probability": _PROBABILITY,
        "threshold": _NUMBER,
        "change": _NOTE,  # of the box, after which the map was least like itself
        "correlation": _NUMBER,
    },
)
#: Radiomics features that a model uses: in how many folds of how many, and the coefficient for one robust standard
#: deviation: its mean, the least and the greatest of the folds.
SELECTED_FEATURES = Contract(
    "selected features",
    {
        "model": _TEXT, "feature": _TEXT, "folds": _COUNT, "of": _COUNT,
        "coefficient": _NUMBER, "least": _NUMBER, "greatest": _NUMBER,
    },
)  # fmt: skip
#: How far the folds of a radiomics model agree on the features they use.
SELECTION_STABILITY = Contract(
    "selection stability",
    {"model": _TEXT, "value": _NUMBER, "low": _NUMBER, "high": _NUMBER, "method": _NOTE, "n": _COUNT},
)
#: ICC of every feature when the region is redrawn.
RELIABILITY = Contract(
    "reliability",
    {"feature": Column(unique=True), "value": _NUMBER, "low": _NUMBER, "high": _NUMBER, "method": _NOTE, "n": _COUNT},
)
#: Radiomics features, one row a case.
FEATURES = Contract("features", {"case_id": Column(unique=True)}, open=True)


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Give a neighbouring path to write to, and rename it to `path` only when the block ends well.

    A crash, a full disk or an exception leaves the old file, or none, never half of a new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield beside
        beside.replace(path)
    except OSError as error:
        if error.errno is None and "written" in str(error):  # NumPy tells how much it could not write, and not why
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise
    finally:
        beside.unlink(missing_ok=True)


def read(path: Path, contract: Contract) -> pd.DataFrame:
    """Read a CSV or Parquet table and hold it against its contract.

    Args:
        path: The table; ``.parquet`` is read as Parquet, everything else as CSV (UTF-8, comma or semicolon).
        contract: What it has to be.

    Returns:
        The table, text columns as ``str`` with "" for missing, number columns as float64.

    Raises:
        TableError: The file is absent or unreadable or breaks the contract; the message names row and column.
    """
    if not path.is_file():
        raise TableError("no such file", file=path, fix="Check the path; it is relative to the study file.")
    try:
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path).astype("string").fillna("").astype("object")
        else:
            with path.open(encoding="utf-8-sig") as handle:
                header = handle.readline()
            separator = ";" if header.count(";") > header.count(",") else ","
            frame = pd.read_csv(
                path,
                dtype="object",
                keep_default_na=False,
                sep=separator,
                encoding="utf-8-sig",
                index_col=False,
            )
            names = next(csv.reader([header], delimiter=separator), [])
            if len(names) == len(frame.columns):
                frame.columns = pd.Index(names)  # pandas would tell a repeated column apart by a number
    except UnicodeDecodeError as error:
        raise TableError("not UTF-8 text", file=path, fix="Save the table as CSV UTF-8.") from error
    except (ValueError, OSError) as error:  # pandas' and pyarrow's parser errors are ValueErrors
        reason = " ".join(str(error).split())
        raise TableError(f"not a readable table ({reason})", file=path) from error
    frame.columns = [str(column).strip() for column in frame.columns]
    return conform(frame, contract, file=path)


def write(frame: pd.DataFrame, path: Path, contract: Contract) -> None:
    """Hold a table against its contract and write it beside, then rename.

    CSV floats are written so that they read back to the same value; column order is the contract's.
    """
    checked = conform(frame, contract, file=path)
    with written(path) as beside:
        if path.suffix == ".parquet":
            checked.to_parquet(beside, index=False)
        else:
            checked.to_csv(beside, index=False, lineterminator="\n")


def conform(frame: pd.DataFrame, contract: Contract, *, file: str | Path | None = None) -> pd.DataFrame:
    """Return the table with the contract's columns first and coerced, or say which cell breaks it.

    Raises:
        TableError: With file, spreadsheet row and column of the first offence.
    """
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        raise TableError("the column occurs twice", file=file, column=str(repeated[0]), fix="Rename or drop one.")
    missing = [name for name, column in contract.columns.items() if column.required and name not in frame]
    if missing:
        raise TableError(
            f"the {contract.name} table lacks it (it has: {', '.join(map(str, frame.columns))})",
            file=file,
            column=missing[0],
            fix=f"Add the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}.",
        )
    extra = [str(name) for name in frame.columns if name not in contract.columns]
    if extra and not contract.open:
        raise TableError("unknown column", file=file, column=extra[0], fix=suggest(extra[0], contract.columns))
    present = [name for name in contract.columns if name in frame]
    out = {name: _coerce(frame[name], name, contract.columns[name], file) for name in present}
    return pd.DataFrame({**out, **{name: frame[name] for name in extra}}).reset_index(drop=True)


def _coerce(values: pd.Series, name: str, column: Column, file: str | Path | None) -> pd.Series:
    """One column as its contract's type; a TableError at the first cell that is not."""

    def refuse(bad: pd.Series | np.ndarray, what: str, fix: str | None = None) -> None:
        rows = np.flatnonzero(np.asarray(bad, dtype=bool))
        if len(rows):
            more = f" (and {len(rows) - 1} more rows)" if len(rows) > 1 else ""
            cell = values.iloc[rows[0]]
            raise TableError(what.format(cell) + more, file=file, row=int(rows[0]) + 2, column=name, fix=fix)

    text = values.astype("object").where(values.notna(), "").astype(str).str.strip()
    if column.kind == "text":
        out: pd.Series = text
    elif column.kind == "flag":
        out = text.str.lower().map({"true": True, "false": False, "1": True, "0": False})
        refuse(out.isna(), "'{}' is not true or false")
        out = out.astype(bool)
    else:
        out = pd.to_numeric(text.where(text != "", "nan"), errors="coerce").astype("float64")
        refuse(
            (out.isna() & ~text.str.lower().isin(["", "nan", "na", "none"])) | np.isinf(out),
            "'{}' is not a number",
        )
        refuse((out < column.low) | (out > column.high), f"{{}} is outside {column.low:g} to {column.high:g}")
        if column.kind == "integer":
            refuse(out.isna(), "the value is missing")
            refuse(out != out.round(), "'{}' is not a whole number")
            out = out.astype("int64")
    if column.filled:
        refuse(
            (text == "") | (text.str.lower() == "nan") if column.kind == "number" else text == "",
            "the value is missing",
        )
    if column.unique:
        refuse(out.duplicated(), "'{}' occurs before", "Each row needs an identifier of its own.")
    return out
