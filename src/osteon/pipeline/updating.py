"""``osteon update``: a hospital changes a model's probabilities by its own cases, as far as these cases warrant.

The model stays what it is but for its last step; the old file stays as it is. How far it is changed, the closed testing
procedure decides (:func:`osteon.stats.closed_test`). What the change does is judged on patients that it was not made
from: the whole procedure is done again without each tenth of the patients, and the figures are of those left out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from osteon import stats
from osteon.core import tables
from osteon.core.errors import InputError, NotEstimableError, StudyError, TableError
from osteon.core.ledger import stream
from osteon.core.types import Estimate, Floats
from osteon.core.words import counted
from osteon.core.workers import Workers
from osteon.models import portable
from osteon.models.portable import Portable
from osteon.pipeline.asking import Asked, check_columns, chunked, new_inputs, opened
from osteon.pipeline.intake import taken_in
from osteon.pipeline.prediction import model_file
from osteon.results.card import updated as told
from osteon.stats import ClosedTest
from osteon.stats.logistic import logits
from osteon.stats.updating import UPDATES

#: Patients of the rarer class for each number that is estimated (Steyerberg 2004, doi 10.1002/sim.1844, and the events
#: per variable of Peduzzi 1996).
PATIENTS_A_NUMBER = 10
#: Patients of each class for figures that can be relied on (Vergouwe 2005, Collins 2016).
_ENOUGH = 100
_FOLDS = 10
#: A last step that weighs more numbers than this is refitted by nobody who has not a thousand such patients.
_MOST_COLUMNS = 200
#: What may be left of a logit that is a weighed sum of the columns.
_LINEAR = 1e-6


@dataclass(frozen=True, eq=False)
class Updated:
    """What came of an update.

    Attributes:
        test: The closed test on all cases.
        record: What the new file tells of it, as JSON has it.
        aside: Cases that could not be asked about, after :data:`osteon.core.tables.SET_ASIDE`.
        out: The new model; None where the model stays as it is.
        identity: Of the new model; that of the old one where there is none.
    """

    test: ClosedTest
    record: Mapping[str, Any]
    aside: pd.DataFrame
    out: Path | None
    identity: str

    def __str__(self) -> str:
        """For a person: what was chosen and why, what it does, and where the new model is."""
        lines = [told.in_words(self.record), "", *told.lines(self.record)]
        if len(self.aside):
            lines += ["", f"Set aside: {counted(len(self.aside), 'case')}"]
            lines += [f"  {row.image}: {row.reason}" for row in self.aside.head(5).itertuples()]
        where = f"{self.out}: identity {self.identity}" if self.out else "No new model is written: keep the old one."
        return "\n".join([*lines, "", where])


@dataclass(frozen=True, eq=False)
class _Site:
    """A hospital's cases as the model answers them, in their order.

    Attributes:
        truth: (n,) whether the case is positive.
        probability: (n,) as the model says.
        columns: (n, F) what its last step weighs; None where that is nothing that can be estimated anew.
        why: Why there are none.
        patient: (n,) codes.
    """

    truth: NDArray[np.bool_]
    probability: Floats
    columns: Floats | None
    why: str
    patient: NDArray[np.int64]

    def of(self, rows: NDArray[np.bool_]) -> _Site:
        """Some of the cases."""
        columns = None if self.columns is None else self.columns[rows]
        return _Site(self.truth[rows], self.probability[rows], columns, self.why, self.patient[rows])

    @property
    def patients(self) -> tuple[int, int]:
        """Patients with a negative, and with a positive case."""
        negative, positive = (len(np.unique(self.patient[self.truth == answer])) for answer in (False, True))
        return negative, positive

    def choose(self, updates: tuple[str, ...]) -> ClosedTest:
        """Do the closed test."""
        return stats.closed_test(self.truth, self.probability, self.columns, updates=updates, clusters=self.patient)


def update(
    model: Path, site: Path, out: Path | None = None, *, name: str | None = None, workers: Workers | None = None
) -> Updated:
    """Update a model by a hospital's own cases.

    Args:
        model: A portable file; or a study file, or the folder of a study or of a run.
        site: A cohort table with labels: case_id, image, label, box or mask, patient_id, columns that the model reads.
        out: The new file; by default the model's name with ``-updated``, in the working folder.
        name: Which of a run's models; the first of its primary pair by default.
        workers: Who does the work.

    Returns:
        What was chosen, why and with what effect. No file is written where the model is to stay as it is.

    Raises:
        InputError: The table has no labels, or too few patients of a class; the new file is there already; the model
            ranks the cases the wrong way round.
        StudyError: The licence of a run's weights keeps the model there.
    """
    workers = workers or Workers()
    file = opened(_leaving(model, name, workers))
    target = out or Path(f"{file.about['name']}-updated{portable.SUFFIX}")
    if target.suffix != portable.SUFFIX:
        fix = f"Write {target.stem}{portable.SUFFIX}."
        raise StudyError(f"a model's file ends in {portable.SUFFIX}", file=target, fix=fix)
    if target.exists():
        raise InputError("there is such a file already", file=target, fix="Name another one with --out.")
    cases, aside = _asked(file, site, workers)
    offered, needed = _offered(cases, file, site)
    test = cases.choose(offered)
    chosen = test.chosen
    if chosen.name == "slope" and chosen.slope <= 0:
        what = f"the model ranks these cases the wrong way round (slope {chosen.slope:.2f}), which no update mends"
        raise InputError(what, file=site, fix="Look whether the labels are exchanged; else do not use it there.")
    after, again = _left_out(cases, offered, file)
    record = {
        "of": file.identity,
        "update": asdict(chosen),
        "cases": len(cases.truth),
        "patients": len(np.unique(cases.patient)),
        "patients_by_class": list(cases.patients),
        "enough": _ENOUGH,
        "alpha": test.alpha,
        "tests": [asdict(one) for one in test.tests],
        "needed": needed,
        "absent": dict(test.absent),
        "folds": _FOLDS,
        "again": again,
        "figures": _compared(cases, after, file),
    }
    record = _plain(record)
    if chosen.name == "none":
        return Updated(test, record, aside, None, file.identity)
    card = told.card(file.card, record, file.about["classes"])
    identity = portable.write_updated(target, file, record, card)
    return Updated(test, record, aside, target, identity)


def _leaving(model: Path, name: str | None, workers: Workers) -> Path:
    """The portable file; of a run, where its licence lets it leave."""
    if model.is_dir() or model.suffix == ".toml":
        from osteon.pipeline.exporting import leaving  # and with it the whole report, which a file does not need

        return leaving(model, name, workers=workers)
    return model_file(model, name, workers=workers)


def _asked(file: Portable, site: Path, workers: Workers) -> tuple[_Site, pd.DataFrame]:
    """The hospital's cases and what the model says of them; and the cases that it cannot be asked about."""
    truth, patient = _known(file, site)
    with taken_in([site]) as given:
        check_columns(file, given.cases, site)
        workers.threads = int(file.about["threads"])
        chunks = chunked(given.cases)
        pieces = [(file.path, file.identity, one) for one in chunks.values()]
        found = workers.map(f"{file.about['name']} on {len(given.cases)} cases", _chunk, pieces)
    shown = given.cases[["case_id", "image"]]
    rows: NDArray[np.int64] = np.concatenate([at + part.rows for at, part in zip(chunks, found, strict=True)]).astype(
        np.int64
    )
    outside = shown[~shown.index.isin(rows)].reset_index(drop=True)
    aside = outside.assign(reason=[reason for part in found for reason in part.reasons])
    if not len(rows):
        raise InputError(f"no case could be asked about: {aside['reason'].iloc[0]}", file=site)
    probability = np.concatenate([part.probability for part in found])
    member = np.concatenate([part.member for part in found])
    columns, why = _columns([part.columns for part in found if len(part.rows)], member)
    return _Site(truth[rows], probability, columns, why, patient[rows]), aside


def _known(file: Portable, site: Path) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Whether each case of the table is positive, and the code of its patient.

    Raises:
        TableError: It has no labels, or one that the model does not know.
    """
    if site.suffix.lower() == ".json" or site.is_dir():
        raise InputError("an update needs a table with labels", file=site, fix="Give a cohort table, such as site.csv.")
    table = tables.read(site, tables.CASES)
    if "label" not in table:
        raise TableError("an update needs what the cases turned out to be", file=site, column="label")
    known = {word: answer == 1 for answer in (0, 1) for word in file.about["labels"][answer]}
    known |= {str(word): answer == 1 for answer, word in enumerate(file.about["classes"])}
    for row, label in enumerate(table["label"]):
        if label not in known:
            what = f"the model knows no label '{label}'" if label else "the case has no label"
            fix = f"Write one of {', '.join(sorted(known))}; or take the row out."
            raise TableError(what, file=site, row=row + 2, column="label", fix=fix)
    own = table["patient_id"].astype(str) if "patient_id" in table else pd.Series("", index=table.index)
    # Who has no identifier is a patient of its own, with all lesions of the picture.
    unit = np.where(own != "", "p " + own, "i " + table["image"].astype(str))
    return table["label"].map(known).to_numpy(dtype=bool), pd.factorize(unit)[0].astype(np.int64)


@dataclass(frozen=True, eq=False)
class _Part:
    """What the model says of a chunk of cases: rows of those it could be asked about, and why not of the others."""

    rows: NDArray[np.int64]
    reasons: list[str]
    probability: Floats
    member: Floats
    columns: Floats


def _chunk(model: Path, identity: str, cases: pd.DataFrame) -> _Part:
    """Ask about a chunk of cases."""
    asked = Asked(opened(model, identity))
    table = asked.of(new_inputs(cases))
    answer = asked.answer
    assert answer is not None
    seen = answer.seen[0] if answer.seen else np.empty((len(table), 0))
    reasons = [f"{error.what}. {error.fix}" if error.fix else error.what for error in asked.aside]
    rows = np.array(asked.rows, dtype=np.int64)
    # Of wide columns their number is all that is needed.
    kept = seen if seen.shape[1] <= _MOST_COLUMNS else np.broadcast_to(np.float64(0), seen.shape)
    return _Part(rows, reasons, table["probability"].to_numpy(dtype=np.float64), answer.members[:, 0, 0], kept)


def _columns(parts: list[Floats], member: Floats) -> tuple[Floats | None, str]:
    """What the model's last step weighs, where it is a weighed sum; else why it cannot be estimated anew."""
    width = parts[0].shape[1]
    if width > _MOST_COLUMNS:
        need = PATIENTS_A_NUMBER * (width + 2)
        return None, f"its last step weighs {width} numbers, for which {need} patients of the rarer class were needed"
    if not width:
        return None, "this kind of model tells no columns that it weighs"
    columns = np.concatenate(parts)
    design = np.column_stack([np.ones(len(columns)), columns])
    z = logits(member)
    left = z - design @ np.linalg.lstsq(design, z, rcond=None)[0]
    if np.abs(left).max() > _LINEAR * max(1.0, float(np.abs(z).max())):
        return None, "its last step is no weighed sum of columns"
    return columns, ""


def _offered(cases: _Site, file: Portable, site: Path) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
    """The updates that there are patients enough for, and what each one needs.

    Raises:
        InputError: There are too few for any.
    """
    fewest = min(cases.patients)
    width = 0 if cases.columns is None else cases.columns.shape[1]
    # A refit estimates the constant, the columns, and what the folds' mean says beside them.
    numbers = {"intercept": 1, "slope": 2, **({"refit": width + 2} if width else {})}
    needed: list[dict[str, Any]] = []
    for name, k in numbers.items():
        least = k * PATIENTS_A_NUMBER
        needed.append({"update": name, "numbers": k, "needed": least, "offered": fewest >= least, "why": ""})
    if not width:
        needed.append({"update": "refit", "numbers": None, "needed": None, "offered": False, "why": cases.why})
    offered = tuple(str(one["update"]) for one in needed if one["offered"])
    if not offered:
        rarer = file.about["classes"][int(np.argmin(cases.patients))]
        share = fewest / len(np.unique(cases.patient))
        whole = f", some {math.ceil(PATIENTS_A_NUMBER / share)} patients in all" if fewest else ""
        what = (
            f"{counted(fewest, 'patient')} with a case that is {rarer}, and the least update needs {PATIENTS_A_NUMBER}"
        )
        raise InputError(what, file=site, fix=f"Collect more labelled cases{whole}; until then use the model as it is.")
    return offered, needed


def _left_out(cases: _Site, offered: tuple[str, ...], file: Portable) -> tuple[Floats, dict[str, int]]:
    """(n,) probabilities as updated without the case's tenth of the patients, and what was chosen how often."""
    fold = _dealt(cases, [int(file.about["seed"]), stream("update")])
    after, chosen = np.empty(len(fold)), Counter[str]()
    for k in range(_FOLDS):
        update, one = cases.of(fold != k).choose(offered).chosen, cases.of(fold == k)
        after[fold == k] = update.apply(one.probability, one.columns)
        chosen[update.name] += 1
    return after, {name: chosen[name] for name in UPDATES if chosen[name]}


def _dealt(cases: _Site, seed: list[int]) -> NDArray[np.int64]:
    """(n,) the fold of each case: patients are dealt in turn, those with a positive case first."""
    count = int(cases.patient.max()) + 1
    positive = np.bincount(cases.patient, weights=cases.truth, minlength=count) > 0
    there = np.unique(cases.patient)
    order = np.random.default_rng(seed).permutation(there)
    order = order[np.argsort(~positive[order], kind="stable")]
    of_patient = np.zeros(count, dtype=np.int64)
    of_patient[order] = np.arange(len(order)) % _FOLDS
    return np.asarray(of_patient[cases.patient])


def _compared(cases: _Site, after: Floats, file: Portable) -> list[dict[str, Any]]:
    """Every figure before and after, each with its interval."""
    points = {str(rule): float(cut) for rule, cut in file.about["operating_points"].items()}
    both = [dict(_figures(cases, p, points)) for p in (cases.probability, after)]
    return [
        {"figure": name, **{when: _three(one.get(name)) for when, one in zip(("before", "after"), both, strict=True)}}
        for name in both[0]
    ]


def _figures(cases: _Site, p: Floats, points: Mapping[str, float]) -> Iterator[tuple[str, Estimate | None]]:
    truth, clusters = cases.truth, cases.patient
    try:
        found = stats.calibration(truth, p, clusters=clusters)
        calibration = (found.intercept, found.slope, found.observed_expected, found.brier.score)
        yield from zip(told.CALIBRATION, calibration, strict=True)
    except NotEstimableError:
        yield from ((name, None) for name in told.CALIBRATION)
    yield "AUC", stats.delong_ci(truth, p, clusters=clusters)
    for rule, cut in points.items():
        if 0 < cut < 1:
            curve = stats.net_benefit(truth, p, [cut], clusters=clusters)
            value, low, high = (float(line[0]) for line in (curve.net_benefit, curve.low, curve.high))
            yield f"net benefit at {rule} ({cut:.3g})", Estimate(value, low, high, curve.method, curve.n)


def _three(found: Estimate | None) -> list[float | None]:
    return [None] * 3 if found is None else [found.value, found.low, found.high]


def _plain(value: Any) -> Any:
    """A value as JSON has it: what is not known is null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
