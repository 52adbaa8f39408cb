"""The Results of a manuscript in prose, with its tables and figures. Every number is a cell of the run's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pandas as pd

from osteon.core.words import bare_p, counted, in_sentence, listed, number, p_value, stratum_title
from osteon.readers.words import sentences as reader_sentences
from osteon.results.manuscript import tables
from osteon.results.report import words
from osteon.results.report.accuracy import rule_title
from osteon.results.report.answers import boxes
from osteon.results.report.folder import Finished
from osteon.results.report.maps import in_words
from osteon.results.report.page import Block, Page, Table, bullets, paragraph
from osteon.results.report.readers import readers as of_readers
from osteon.results.report.rotation import travels
from osteon.results.report.sections import examples


def cases(page: Page) -> Iterator[Block | None]:
    """Who is in and who is out, centre by centre, and what they are like."""
    yield paragraph(" ".join(_flow(page.run)))
    yield page.figure(
        "flow",
        "Flow of cases. From the cohort table to development and the sealed external centres.",
        "Flow diagram of cases; its numbers are in the text and in the table of characteristics.",
    )
    yield tables.baseline(page)


def _flow(run: Finished) -> Iterator[str]:
    stages = list(run.flow.get("stages", []))
    if stages:
        first = stages[0]
        yield f"The cohort table held {counted(first['cases'], 'case')} of {counted(first['patients'], 'patient')}."
    lost = [f"{one['reason']} ({counted(one['cases'], 'case')})" for one in run.flow.get("excluded", [])]
    yield f"Set aside: {'; '.join(lost)}." if lost else "No case was set aside."
    for group in run.flow.get("groups", []):
        where = "Development" if group["role"] == "development" else stratum_title(group["name"])
        yield (
            f"{where} contributed {counted(group['cases'], 'case')} of {counted(group['patients'], 'patient')}, "
            f"{group['positive']:,} {run.positive}."
        )


def discrimination(page: Page) -> Iterator[Block | None]:
    """The AUC of every model inside and outside."""
    run = page.run
    table = tables.areas(page)
    yield from map(paragraph, _areas(run))
    yield paragraph(" ".join([*words.few(run), *travels(run), f"All AUCs are in {table.label}."]))
    yield table
    yield page.figure(
        "roc",
        "ROC curves by centre. Each panel gives the AUC with its interval.",
        "ROC curves; the areas under them are in the table of AUCs.",
    )
    yield page.figure(
        "forest",
        "AUC by centre and model. Lines are confidence intervals; where there are diamonds, they are random-effects "
        "means over the external centres, and dotted lines are prediction intervals for a new centre.",
        "Forest plot; its numbers are in the table of AUCs.",
    )


def _areas(run: Finished) -> Iterator[str]:
    """A sentence for each stratum."""
    for stratum in run.strata:
        told = [
            f"{words.estimate(row, level=None if told_level else run.study.evaluation.level)} for {model}"
            for told_level, (model, row) in enumerate(_known(run, stratum))
        ]
        if told:
            yield f"{stratum_title(stratum)}: AUC {listed(told)}."


def _known(run: Finished, stratum: str) -> list[tuple[str, pd.Series]]:
    found = [(model, run.value(model, stratum, "auc")) for model in run.models]
    return [(model, row) for model, row in found if row is not None and row["value"] == row["value"]]


def contrast(page: Page) -> Iterator[Block | None]:
    """The pair that is compared first, then the other models against the first."""
    run = page.run
    if run.table("comparisons") is None:
        return
    table = tables.pairs(page)
    told = [*words.contrast(run), *_elsewhere(run), *_others(run), *words.between_centres(run), *words.shortcut(run)]
    yield paragraph(" ".join([*told, f"All pairs are in {table.label}."]))
    yield table


def _elsewhere(run: Finished) -> Iterator[str]:
    """The same pair at each centre."""
    found = run.table("comparisons")
    assert found is not None
    here = found[found["primary"] & found["stratum"].isin(run.strata) & (found["stratum"] != run.headline)]
    told = [f"{_difference(row)} in {in_sentence(row['stratum'])}" for _, row in here.iterrows() if _is(row)]
    if told:
        yield f"Elsewhere, descriptively, the same difference was {'; '.join(told)}."


def _others(run: Finished) -> Iterator[str]:
    """The first model against all but its rival, after Holm."""
    found, a = run.table("comparisons"), run.study.primary[0]
    assert found is not None
    of_a = (found["model_a"] == a) | (found["model_b"] == a)
    here = found[(found["stratum"] == run.headline) & of_a & ~found["primary"]]
    told = [
        f"{row['model_a']} less {row['model_b']} {_difference(row)}, Holm-adjusted p {_equals(row['p_holm'])}"
        for _, row in here.iterrows()
        if _is(row)
    ]
    if told:
        yield f"Against the other models ({in_sentence(run.headline)}), secondary: {'; '.join(told)}."


def _is(row: pd.Series) -> bool:
    return bool(row["difference"] == row["difference"])


def _difference(row: pd.Series) -> str:
    return f"{number(row['difference'], 3, sign=True)} ({number(row['low'], 3)} to {number(row['high'], 3)})"


def _equals(p: float) -> str:
    told = bare_p(p)
    return told if told.startswith("<") else f"= {told}"


def points(page: Page) -> Iterator[Block | None]:
    """What cut-offs fixed on development give at each centre."""
    run = page.run
    if run.table("operating_points") is None:
        return
    made = list(tables.points(page))
    yield paragraph("Cut-offs were fixed on development, out of fold, and applied unchanged.")
    yield from (paragraph(" ".join(_points(run, model))) for model in dict.fromkeys(run.study.primary))
    yield paragraph(f"All models and cut-offs are in {listed(table.label for table in made)}.")
    yield from made


def _points(run: Finished, model: str) -> Iterator[str]:
    found = run.table("operating_points")
    assert found is not None
    own = found[(found["model"] == model) & (found["rule"] == found["rule"].iloc[0])]
    if own.empty:
        return
    cut = number(float(own["threshold"].iloc[0]), 3)
    yield f"At the cut-off of {model} ({rule_title(str(own['rule'].iloc[0]))}, {cut}):"
    told = []
    for stratum in run.strata:
        here = own[own["stratum"] == stratum].set_index("metric")
        counts = [f"{here.loc[name, 'value']:.0f} {word}" for name, word in tables.CALLS.items() if name in here.index]
        shares = [
            f"{word} {number(row['value'])} ({number(row['low'])} to {number(row['high'])})"
            for name, word in tables.PROSE_SHARES.items()
            if name in here.index and (row := here.loc[name])["value"] == row["value"]
        ]
        told.append(f"{in_sentence(stratum)}, {listed(counts)} cases; {listed(shares)}")
    yield f"{'. '.join(words.capital(one) for one in told)}."


def calibration(page: Page) -> Iterator[Block | None]:
    """What probabilities are worth before and after recalibration, and whether acting on them helps."""
    run = page.run
    table = tables.calibration(page)
    yield paragraph(" ".join([*_calibrated(run), f"All models are in {table.label}."]))
    yield table
    yield page.figure(
        "calibration",
        f"Calibration before and after recalibration. {stratum_title(run.headline)}.",
        "Calibration curves; intercepts and slopes are in the table of calibration.",
    )


def _calibrated(run: Finished) -> Iterator[str]:
    a = run.study.primary[0]
    for suffix, when in (("", "As predicted"), ("_recalibrated", "After recalibration on development")):
        told = [
            f"{title} {number(row['value'])} ({number(row['low'])} to {number(row['high'])})"
            for name, title in tables.CALIBRATION.items()
            if (row := run.value(a, run.headline, name + suffix)) is not None and row["value"] == row["value"]
        ]
        if told:
            yield f"{when}, {a} had, {in_sentence(run.headline)}: {listed(told)}."


def decision(page: Page) -> Iterator[Block | None]:
    """Net benefit of the first pair at a few thresholds."""
    run = page.run
    found = run.table("decision")
    if found is None:
        return
    here = found[found["stratum"] == run.headline]
    wide = here.pivot_table(index="threshold", columns="model", values="net_benefit", observed=True)
    chosen = [min(wide.index, key=lambda t: abs(t - wanted)) for wanted in (0.2, 0.5)]
    names = [name for name in (*dict.fromkeys(run.study.primary), "treat all") if name in wide]
    told = [
        f"at a threshold of {at:.0%} it was {listed(f'{number(wide.loc[at, n], 3)} for {_acting(n)}' for n in names)}"
        for at in dict.fromkeys(chosen)
    ]
    yield paragraph(f"Net benefit, {in_sentence(run.headline)}, of recalibrated probabilities: {'; '.join(told)}.")
    yield page.figure(
        "decision",
        "Decision curves. Net benefit of acting on recalibrated probabilities above the threshold, against acting on "
        "all cases or on none.",
        "Decision curves; their numbers are in the run's table of net benefit.",
    )


def _acting(name: str) -> str:
    return "acting on every case" if name == "treat all" else name


def robustness(page: Page) -> Iterator[Block | None]:
    """How far results hang on the box."""
    found = boxes(page.run)
    if found is None:
        return
    yield paragraph(" ".join([*_moved(page.run, found.told)]))
    yield tables.robustness(page)
    yield page.figure(
        "robustness",
        "Models under changed boxes. AUC, spread of a case's probability and share of calls that change sides, "
        "against the strength of the change; 0 is the box as drawn.",
        "Results under changed boxes; the numbers are in the table of changed boxes.",
    )


def _moved(run: Finished, told: Iterable[str]) -> Iterator[str]:
    yield from told
    pairs = run.table("robustness_comparisons")
    here = None if pairs is None else pairs[(pairs["stratum"] == run.headline) & pairs["primary"]]
    for _, row in [] if here is None else here[here["metric"] == "sd"].iterrows():
        if _is(row):
            yield (
                f"In a case's spread, {row['model_a']} less {row['model_b']} was {_difference(row)}, "
                f"{p_value(row['p'])}."
            )


def maps(page: Page) -> Iterator[Block | None]:
    """Where networks look."""
    run = page.run
    table = run.table("explanation")
    if table is None:
        return
    first = table["map"].iloc[0]
    here = table[(table["map"] == first) & (table["stratum"] == "external")]
    if here.empty:
        return
    yield paragraph(in_words(here, run.table("explanation_sanity")))
    yield page.figure(
        "explanation",
        f"{words.METHODS_OF_MAPS.get(str(first), first)} against the lesion. External cases, called rightly and "
        "wrongly at the fixed cut-off. Every crop is centred on the box, so that a bright spot in its centre, which "
        "has seen nothing, scores well.",
        "Scores of the maps for cases called rightly and wrongly.",
    )
    yield page.figure(
        "gallery_correct",
        "Confident and right. Dashed: outline of the lesion, or its box; lines: half and four fifths of the map's "
        "peak; cross: the peak.",
        "Radiographs with lesion outline and map.",
    )


def readers(page: Page) -> Iterator[Block | None]:
    """What advice changed for those who read."""
    run = page.run
    metrics, comparisons = run.table("reader_metrics"), run.table("reader_comparisons")
    if metrics is None or comparisons is None:
        return
    if run.reader_study.get("simulated"):
        yield paragraph("The readers were simulated by a program: this says nothing about people.")
    told = reader_sentences(
        metrics, comparisons, run.table("reliance"), run.table("reader_advice"), run.table("reader_unhurried"),
        run.reader_study.get("level", 0.95),
    )  # fmt: skip
    yield paragraph(" ".join(told))
    yield from (block for block in of_readers(page) if isinstance(block, Table) or hasattr(block, "svg"))


def shown(page: Page) -> Iterator[Block | None]:
    """Cases to look at."""
    found = [block for block in examples(page) if block]
    if found:
        yield paragraph(f"Cases that {page.run.study.primary[0]} was surest of, and its closest calls, are shown.")
    yield from found


#: The Results, in their order; a part without its table stays away.
RESULTS: tuple[tuple[str, Callable[[Page], Iterable[Block | None]]], ...] = (
    ("Cases and centres", cases),
    ("Discrimination", discrimination),
    ("Comparison of models", contrast),
    ("Operating points", points),
    ("Calibration", calibration),
    ("Decision curves", decision),
    ("Robustness to the box", robustness),
    ("Where the networks look", maps),
    ("Readers", readers),
    ("Example cases", shown),
)


def limitations(limits: Iterable[str]) -> Iterator[Block | None]:
    """What the study cannot say."""
    yield paragraph("What this study cannot say:")
    yield bullets(limits)
