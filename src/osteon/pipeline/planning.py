"""``osteon plan``: how many cases and readers a study needs, and its plan locked before external labels are looked at.

Of the cohort table identifiers and centres are read, and labels of development cases alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from math import nan
from pathlib import Path

import numpy as np
import pandas as pd

from osteon import stats, study
from osteon.cohort.check.values import absent
from osteon.core import tables
from osteon.core.cells import number
from osteon.core.errors import NotEstimableError, StudyError
from osteon.core.ledger import digest, file_digest
from osteon.core.run import Tables
from osteon.core.version import __version__
from osteon.core.workers import Workers
from osteon.pipeline.context import Context, Step
from osteon.readers import load, simulated_pilot
from osteon.results import planned
from osteon.study import Plan, PlanReaders, Study


@dataclass(frozen=True)
class Sizes:
    """How many cases and readers a study needs.

    Attributes:
        table: question, measure, wanted, needs (cases, or readers), there, gives (with what is there), method.
        assumed: What is taken for granted, a sentence each.
    """

    table: pd.DataFrame
    assumed: tuple[str, ...]

    def __str__(self) -> str:
        """For a terminal of 80 columns."""
        lines = []
        for (question, there), own in self.table.groupby(["question", "there"], sort=False):
            cells = [("Expected", "Wanted", "Needs", "Gives"), *own[["measure", "wanted", "needs", "gives"]].to_numpy()]
            widths = [max(len(row[i]) for row in cells) for i in range(4)]
            lines += [f"{question}; there: {there}"]
            lines += ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
        methods = [f"- {method}" for method in dict.fromkeys(self.table["method"])]
        assumed = [f"- {told}" for told in self.assumed]
        return "\n".join([*lines, "", "Assumed", *assumed, "", "Methods", *methods])


def sizes(settings: Study) -> Sizes:
    """The numbers of cases and readers that ``[plan]`` asks for, beside those that the cohort table has.

    Raises:
        StudyError: The table lacks a centre that the study names, or development has no label to take a share from.
        TableError: The table has no case identifiers or centres.
    """
    plan = settings.plan or Plan()
    cases = _cases(settings)
    outside = cases[cases["split"] == "external"]
    prevalence, told = _prevalence(settings, plan, cases)
    given = "" if settings.plan else " (the study has no [plan]: these are osteon's own expectations)"
    assumed = [
        f"{100 * prevalence:.3g}% of the external cases are positive: {told}",
        f"the AUC outside is {plan.auc:g}"
        + (f", that of the other model {plan.auc_other:g}, correlation {plan.correlation:g}" if plan.auc_other else "")
        + given,
        f"{len(outside):,} external cases, as the table has them before the check"
        + "".join(f"; {n:,} at centre {centre}" for centre, n in outside["centre"].value_counts(sort=False).items()),
    ]
    rows = [*_validation(settings, plan, prevalence, len(outside)), *_pair(settings, plan, prevalence, len(outside))]
    asked = plan.readers or (PlanReaders() if settings.readers and settings.readers.people else None)
    if asked:
        found, more = _readers(settings, plan, asked, (prevalence, len(outside)))
        rows += found
        assumed += more
    columns = ["question", "measure", "wanted", "needs", "there", "gives", "method"]
    return Sizes(pd.DataFrame(rows, columns=columns), tuple(assumed))


def plan(path: str | Path) -> Sizes:
    """The numbers of a study file; see :func:`sizes`."""
    return sizes(study.load(path))


def lock(path: str | Path, *, workers: Workers | None = None) -> planned.Lock:
    """Lock the plan of a study in its run folder.

    Raises:
        InputError: The study cannot be planned, its models cannot be started, or it has predictions already.
    """
    at = Context.of(study.load(path), workers or Workers())
    told = [{str(name): value for name, value in row.items()} for row in sizes(at.study).table.to_dict("records")]
    content = planned.contents(at.asked, at.started, _cases(at.study))
    return planned.add(at.run, content, told)


class Deviations(Step):
    """What departs from the locked plan."""

    name = "deviations"

    def key(self, at: Context) -> str | None:
        """The plan, and everything that is held against it; None where nothing was locked."""
        if not at.run.plan_file.is_file():
            return None
        there = [name for name in ("cohort", "excluded", "predictions") if at.run.file(name).is_file()]
        started = Tables(at.run.path).provenance.get("started", {})
        return digest(file_digest(at.run.plan_file), at.digests(*there), at.asked, started, _edited(at), __version__)

    def make(self, at: Context, key: str) -> Iterable[Path]:
        """Compare and write."""
        found = planned.deviations(at.run, at.asked, _edited(at))
        assert found is not None
        return [at.run.write(found, "deviations")]

    def forget(self, at: Context) -> None:
        """Take away what an earlier run found."""
        at.run.forget("deviations.csv")

    def said(self, at: Context, fresh: bool) -> str:
        """How many departures there are."""
        count = len(at.run.read("deviations"))
        return f"held against the locked plan: {count or 'no'} departure{'s' * (count != 1)}"


def warn_of_departures(at: Context) -> None:
    """Say before anything is fitted where the study file departs from the locked plan."""
    for known in planned.locks(at.run)[-1:]:
        done = planned.contents(at.asked, {}, pd.DataFrame({"case_id": [], "centre": []}))
        settings = {name: value for name, value in known.plan.items() if name not in ("cases", "started")}
        names = [what for what, _, _ in planned.departures(settings, {**done, "cases": {}})]
        if names:
            at.workers.progress.say(
                f"! departs from the plan locked on {known.when} in {', '.join(names)}; the report will say so"
            )


def _edited(at: Context) -> list[str]:
    """Tables that everything rests on, where a person has changed them."""
    return [name for name in ("predictions", "folds") if at.ledger.edited(name)]


def _cases(settings: Study) -> pd.DataFrame:
    """case_id, centre, split and, of development alone, label."""
    path, label = settings.cohort_path, settings.task.column
    wanted = {"case_id": tables.COHORT.columns["case_id"], "centre": tables.COHORT.columns["centre"]}
    optional = tables.Column(required=False, filled=False)
    table = tables.read(path, tables.Contract("cohort", {**wanted, label: optional}, open=True))
    present = set(table["centre"])
    named = settings.centres
    for centre in (*named.development, *named.external):
        if centre not in present:
            raise absent("centres: the cohort table has no case of centre", centre, table["centre"])
    inside = table["centre"].isin(named.development)
    outside = table["centre"].isin(named.external) if named.external else ~inside
    split = np.select([inside, outside], ["development", "external"], "")
    labels = table[label].where(inside, "") if label in table else pd.Series("", index=table.index)
    return table[["case_id", "centre"]].assign(split=split, label=labels)


def _prevalence(settings: Study, asked: Plan, cases: pd.DataFrame) -> tuple[float, str]:
    """The share of positive cases, and where it comes from."""
    if asked.prevalence is not None:
        return asked.prevalence, "as [plan] says"
    labels = cases.loc[(cases["split"] == "development") & (cases["label"] != ""), "label"]
    positive = labels.isin(settings.task.positive) if settings.task.positive else labels.map(number) == 1
    if not 0 < positive.mean() < 1:
        raise StudyError(
            "the share of positive cases is not known: development has not both classes",
            file=settings.cohort_path,
            fix="Say it in the study file: [plan] prevalence = 0.3.",
        )
    return float(positive.mean()), f"as in development, {int(positive.sum()):,} of {len(labels):,}"


Row = tuple[str, str, str, str, str, str, str]


def _validation(settings: Study, asked: Plan, prevalence: float, there: int) -> Iterator[Row]:
    """An external validation of the first model."""
    found = stats.validation_sample_size(
        prevalence,
        asked.auc,
        oe=asked.oe,
        threshold=asked.threshold,
        normal=asked.log_odds,
        beta=asked.beta,
        widths=(asked.width_oe, asked.width_slope, asked.width_auc, asked.width_benefit),
        level=settings.evaluation.level,
    )
    question = f"external validation of {settings.primary[0]}"
    for target in found.targets:
        wanted = f"width {target.width:g}"
        gives = f"width {target.precision(there):.3g}" if there else "-"
        measure = f"{target.name} {target.expected:.3g}"
        method = f"{found.method}; width of the {100 * found.level:g}% interval"
        yield question, measure, wanted, f"{target.n:,} cases", f"{there:,} cases", gives, method


def _pair(settings: Study, asked: Plan, prevalence: float, there: int) -> Iterator[Row]:
    """The primary contrast."""
    a, b = settings.primary
    if asked.auc_other is None or a == b:
        return
    areas, margin = (asked.auc, asked.auc_other), settings.evaluation.margin
    alpha, r, positive = 1 - settings.evaluation.level, asked.correlation, prevalence * there
    needed = sum(
        stats.paired_auc_sample_size(
            *areas, prevalence=prevalence, power=asked.power, correlation=r, alpha=alpha, margin=margin
        )
    )
    power = nan
    if there:
        power = stats.paired_auc_power(
            *areas, n_positive=positive, n_negative=there - positive, correlation=r, alpha=alpha, margin=margin
        )
    measure = f"AUC {areas[0]:g} against {areas[1]:g}"
    method = "DeLong's test of two correlated AUCs, scores normal in both classes"
    about = f"{a} against {b}"
    if margin is not None:
        about = f"{a} not inferior to {b} by more than {margin:g}"
        method += f", one-sided at {alpha / 2:g}"
    question = about, measure, asked.power
    yield _power_row(question, f"{needed:,} cases", f"{there:,} cases", power, method)


def _readers(settings: Study, asked: Plan, own: PlanReaders, outside: tuple[float, int]) -> tuple[list[Row], list[str]]:
    """The reader study: cases for its readers, and readers for its cases."""
    protocol = settings.readers
    readers = own.number or (len(protocol.people) if protocol else 0)
    if readers < 2:
        raise StudyError("plan.readers: how many readers is not said", fix="Write [plan.readers] number = 8.")
    cases = own.cases or (protocol.cases if protocol and protocol.cases else outside[1])
    if not cases:
        raise StudyError("plan.readers: there is no external case to read", fix="Write [plan.readers] cases = 100.")
    share = protocol.positives if protocol and protocol.positives else outside[0]
    if own.pilot:
        pilot, told = _pilot(settings.folder / own.pilot), f"variances of readers as in the pilot {own.pilot}"
    else:
        pilot = simulated_pilot(share, reader_auc=own.auc, model_auc=asked.auc, seed=settings.study.seed)
        told = f"variances of readers as of simulated ones with an AUC of {own.auc:g} without advice"
    alpha = 1 - settings.evaluation.level
    power_of = partial(stats.mrmc_power, pilot, effect=own.effect, design=own.design, groups=own.groups, alpha=alpha)
    size_of = partial(
        stats.mrmc_sample_size, pilot, effect=own.effect, design=own.design, groups=own.groups, alpha=alpha,
        power=asked.power,
    )  # fmt: skip
    question = f"readers, {own.design}", f"difference in AUC {own.effect:g}", asked.power
    method = "Obuchowski-Rockette, readers and cases random (Hillis, Obuchowski & Berbaum 2011)"
    power, there = power_of(n_readers=readers, n_cases=cases), f"{readers} readers, {cases:,} cases"
    needed = (
        _told(lambda: f"{size_of(n_readers=readers):,} cases for {readers} readers"),
        _told(lambda: f"{size_of(n_cases=cases):,} readers for {cases:,} cases"),
    )
    rows = [_power_row(question, each, there, power, method) for each in needed]
    return rows, [f"{told}, {100 * share:.3g}% of the cases positive"]


def _told(size: Callable[[], str]) -> str:
    """A size, or why there is none."""
    try:
        return size()
    except NotEstimableError as error:
        return str(error)


def _power_row(asked: tuple[str, str, float], needs: str, there: str, power: float, method: str) -> Row:
    """A row of what is asked (the question, its measure, the power), needed and there."""
    question, measure, wanted = asked
    gives = f"power {power:.2f}" if power == power else "-"
    return question, measure, f"power {wanted:g}", needs, there, gives, method


def _pilot(path: Path) -> stats.MRMCResult:
    """The analysis of a pilot's readings."""
    found = stats.obuchowski_rockette(load(path).rename(columns={"case_id": "case", "confidence": "score"}))
    if len(found.estimates) != 2:
        raise StudyError(f"plan.readers.pilot: {len(found.estimates)} arms and not two", file=path)
    return found
