"""The first page: what was asked, answered in plain sentences with a picture each, from the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pandas as pd
from markupsafe import Markup

from osteon.core.words import bare_p, counted, in_sentence, listed, number, p_value, stratum_title
from osteon.readers.words import sentences as reader_sentences
from osteon.results.evaluate.explanation import CENTRE
from osteon.results.evaluate.robustness import ALL_BOXES, DRAWN
from osteon.results.figures.explanation import measures
from osteon.results.figures.style import MUTED
from osteon.results.report import margin, sketch, words
from osteon.results.report.answer import Answer
from osteon.results.report.folder import Finished
from osteon.results.report.instability import unstable
from osteon.results.report.limits import limits
from osteon.results.report.page import Block, Page
from osteon.results.report.rotation import travels
from osteon.results.report.sketch import Whisker
from osteon.results.report.usefulness import usefulness


def answers(run: Finished) -> list[Answer]:
    """The answers that the run's tables can give, in the order of the questions."""
    asked: tuple[Callable[[Finished], Answer | None], ...] = (
        primary, baselines, centres, usefulness, boxes, lesion, readers, limitations,
    )  # fmt: skip
    found = [answer for question in asked if (answer := question(run)) is not None]
    lacking = {section for section, table in _NEEDS.items() if run.table(table) is None}
    return [replace(answer, section="") if answer.section in lacking else answer for answer in found]


#: The table without which a section is not there.
_NEEDS = {
    "comparisons": "comparisons",
    "operating-points": "operating_points",
    "robustness": "robustness",
    "explanation": "explanation",
    "readers": "reader_metrics",
}


def summary(page: Page) -> Iterator[Block | Markup | None]:
    """The section."""
    told = Markup("\n").join(Markup(answer.__html__()) for answer in answers(page.run))
    yield Markup('<div class="answers">{}</div>').format(told)


def primary(run: Finished) -> Answer:
    """The two models that are compared first: where one is better, and how sure that is."""
    a, b = run.study.primary
    told = list(words.contrast(run)) or ["No model could be evaluated."]
    row = words.primary_row(run, run.headline)
    if a == b or row is None:
        return Answer(f"How good is {a}?", told[0], tuple(told[1:]), section="discrimination")
    question = f"Is {a} better than {b}?"
    if run.study.model(a).pretrained_otherwise(run.study.model(b)):
        question = f"Does the pretraining help: is {a} better than {b}?"
    against = margin.held(run, run.headline)
    verdict = _verdict(row, b) if against is None else margin.verdict(against)
    question = question if against is None else margin.question(against)
    line = 0.0 if against is None else -float(against["margin"])
    table = run.table("comparisons")
    assert table is not None
    here = table[table["primary"] & table["stratum"].isin(run.strata)]
    rows = [_whisker(_place(r["stratum"]), r.rename({"difference": "value"})) for _, r in here.iterrows()]
    picture = sketch.whiskers(rows, f"AUC of {a} minus {b}", line, signed=True)
    told += _elsewhere(here[here["stratum"].str.startswith("centre:") & (here["stratum"] != run.headline)])
    return Answer(question, verdict, (*told, *words.between_centres(run)), picture, "comparisons")


def _verdict(row: pd.Series, b: str) -> str:
    if row["difference"] != row["difference"]:
        return "It cannot be told: the difference is not estimable."
    by = f"by {number(abs(row['difference']), 3)} in AUC ({p_value(row['p'])})"
    if row["low"] > 0:
        return f"Yes, {by}."
    if row["high"] < 0:
        return f"No: {b} is better, {by}."
    return (
        f"Not shown: the difference is {number(row['difference'], 3, sign=True)}, and anything from "
        f"{number(row['low'], 3, sign=True)} to {number(row['high'], 3, sign=True)} agrees with the data."
    )


def _elsewhere(rows: pd.DataFrame) -> list[str]:
    """The same difference at each centre."""
    told = [
        f"{number(row['difference'], 3, sign=True)} ({number(row['low'], 3)} to {number(row['high'], 3)}) in "
        f"{in_sentence(row['stratum'])}"
        for _, row in rows[rows["difference"].notna()].iterrows()
    ]
    return [f"Centre by centre the difference is {listed(told)}."] if told else []


def baselines(run: Finished) -> Answer | None:
    """The first model against every other: features, clinical data, the box alone."""
    a, table = run.study.primary[0], run.table("comparisons")
    if table is None or len(run.models) < 2:
        return None
    groups: dict[str, list[str]] = {"better": [], "no": [], "worse": []}
    for other in (name for name in run.models if name != a):
        row = _pair(table[table["stratum"] == run.headline], a, other)
        if row is None or row["difference"] != row["difference"]:
            continue
        p = row["p"] if row["primary"] else row["p_holm"]
        said = f"{other} ({number(row['difference'], 3, sign=True)}; p {_equals(p)})"
        sure = p < 1 - run.study.evaluation.level
        groups["no" if not sure else "better" if row["difference"] > 0 else "worse"].append(said)
    told = []
    if groups["better"]:
        told.append(f"Its AUC is higher than that of {listed(groups['better'])}.")
    if groups["no"]:
        told.append(f"No difference is shown from {listed(groups['no'])}.")
    if groups["worse"]:
        told.append(f"Its AUC is lower than that of {listed(groups['worse'])}.")
    some = [name for name in run.models if name != a]
    verdict = "It cannot be told: no AUC is estimable here."
    if groups["better"] and not groups["no"] and not groups["worse"]:
        verdict = f"Yes, better than each of the other {len(some)}."
    elif any(groups.values()):
        better = len(groups["better"])
        shown = f"shown to be better than {better or 'none'} of the other {len(some)}"
        verdict = f"{'Of some' if better else 'No'}: {shown}."
    if len(some) > 1:
        told.append("All p values but that of the first pair are adjusted by Holm's method.")
    areas = [run.value(name, run.headline, "auc") for name in run.models]
    rows = [_of_model(run, row) for row in areas if row is not None]
    picture = sketch.whiskers(rows, f"AUC, {in_sentence(run.headline)}")
    question = f"Is {a} better than the other models{_kinds(run)}?"
    return Answer(question, verdict, (*told, *words.shortcut(run)), picture, "comparisons")


def _kinds(run: Finished) -> str:
    """What the others go by."""
    titles = {"radiomics": "radiomics", "clinical": "clinical data", "box": "the box alone"}
    there = dict.fromkeys(m.kind for m in run.study.models if m.name in run.models and m.name != run.study.primary[0])
    found = [title for kind, title in titles.items() if kind in there]
    return f", {listed(found)} among them" if found else ""


def _equals(p: float) -> str:
    told = bare_p(p)
    return told if told.startswith("<") else f"= {told}"


def _pair(table: pd.DataFrame, a: str, b: str) -> pd.Series | None:
    """The row of a pair as a minus b, whichever way round the table has it."""
    for first, second, sign in ((a, b, 1), (b, a, -1)):
        found = table[(table["model_a"] == first) & (table["model_b"] == second)]
        if len(found):
            row = found.iloc[0].copy()
            row["low"], row["high"] = sorted((sign * row["low"], sign * row["high"]))
            row["difference"] = sign * row["difference"]
            return row
    return None


def centres(run: Finished) -> Answer | None:
    """The first model where it was made and at every other centre."""
    a = run.study.primary[0]
    strata = ["development", *(name for name in run.strata if name.startswith("centre:"))]
    areas = {name: row for name in strata if (row := run.value(a, name, "auc")) is not None}
    outside = {name: row for name, row in areas.items() if name != "development" and row["value"] == row["value"]}
    if not outside or "development" not in areas:
        return None
    inside = areas["development"]
    least = min(outside, key=lambda name: float(outside[name]["value"]))
    elsewhere = [f"{number(row['value'], 3)} in {in_sentence(name)}" for name, row in outside.items()]
    verdict = f"AUC {number(inside['value'], 3)} where it was developed, out of fold; {listed(elsewhere)}."
    told = [f"It is lowest in {in_sentence(least)}, {words.estimate(outside[least])}."] if len(outside) > 1 else []
    told += _points(run, a, list(outside))
    told += [*words.few(run), *travels(run), *unstable(run)]
    rows = [_whisker(_place(name), row) for name, row in areas.items()]
    return Answer(
        f"Does {a} hold at each centre?", verdict, tuple(told), sketch.whiskers(rows, f"AUC of {a}"), "operating-points"
    )


def _points(run: Finished, model: str, strata: list[str]) -> Iterator[str]:
    """What the threshold fixed on development gives at each centre, in counts."""
    table = run.table("operating_points")
    if table is None:
        return
    own = table[(table["model"] == model) & (table["rule"] == "youden")]
    values = own.pivot_table(index="stratum", columns="metric", values="value", observed=True)
    told = []
    for stratum in (name for name in strata if name in values.index):
        row = values.loc[stratum]
        if not {"sensitivity", "specificity", "tp", "fp", "tn", "fn"} <= set(row.dropna().index):
            continue
        told.append(
            f"in {in_sentence(stratum)} sensitivity {row['sensitivity']:.0%} ({row['tp']:.0f} of "
            f"{row['tp'] + row['fn']:.0f}) and specificity {row['specificity']:.0%} ({row['tn']:.0f} of "
            f"{row['tn'] + row['fp']:.0f})"
        )
    if told:
        yield f"At the cut-off fixed on development (Youden's index) it has {'; '.join(told)}."


def boxes(run: Finished) -> Answer | None:
    """Three sentences on changed boxes."""
    table, a = run.table("robustness"), run.study.primary[0]
    if table is None:
        return None
    here = table[(table["stratum"] == run.headline) & (table["kind"].isin([ALL_BOXES, DRAWN]))]
    moved = here[here["kind"] == ALL_BOXES]
    own = {str(row["metric"]): row for _, row in moved[moved["model"] == a].iterrows()}
    if not {"auc", "auc_loss", "flip_rate", "sd"} <= set(own):
        return None
    loss, flips = own["auc_loss"], own["flip_rate"]
    drawn = here[(here["kind"] == DRAWN) & (here["model"] == a) & (here["metric"] == "auc")]
    verdict = f"{flips['value']:.1%} of its calls change sides when the box is drawn elsewhere."
    told = [
        f"Over all changes of the box that were tried in {counted(int(flips['n']), 'case')}, the AUC of {a} goes from "
        f"{number(float(drawn['value'].iloc[0]), 3) if len(drawn) else '–'} to {number(own['auc']['value'], 3)} "
        f"(lost: {number(loss['value'], 3)}, {number(loss['low'], 3)} to {number(loss['high'], 3)}).",
        f"A case's probability moves by {number(own['sd']['value'], 3)} (standard deviation), and "
        f"{flips['value']:.1%} ({flips['low']:.1%} to {flips['high']:.1%}) of the calls change sides of the cut-off.",
        *_steadier(run),
    ]
    flipped = moved[moved["metric"] == "flip_rate"]
    rows = [_of_model(run, row) for _, row in flipped.iterrows()]
    picture = sketch.whiskers(rows, "share of calls that change")
    return Answer("Is it robust to how the box is drawn?", verdict, tuple(told), picture, "robustness")


def _steadier(run: Finished) -> Iterator[str]:
    table = run.table("robustness_comparisons")
    if table is None:
        return
    found = table[(table["stratum"] == run.headline) & table["primary"] & (table["metric"] == "sd")]
    if found.empty or found["difference"].isna().iloc[0]:
        return
    row = found.iloc[0]
    a, b = row["model_a"], row["model_b"]
    steady = f"{a} is steadier than {b}" if row["high"] < 0 else f"{b} is steadier than {a}" if row["low"] > 0 else ""
    told = steady or f"Neither {a} nor {b} is shown to be the steadier"
    yield f"{told} ({p_value(row['p'])})."


def lesion(run: Finished) -> Answer | None:
    """How much of the maps lies in the lesion."""
    table, sanity = run.table("explanation"), run.table("explanation_sanity")
    if table is None:
        return None
    here = table[(table["map"] == table["map"].iloc[0]) & (table["stratum"] == "external")]
    if here.empty:
        return None
    energy = measures(here)[0][0]
    region = "outlined lesion" if "mask" in energy else "box"
    rows = here[(here["metric"] == energy) & (here["outcome"] == "all")]
    first = rows.iloc[0]
    above = first["low"] > 1
    verdict = (
        f"{'More' if above else 'Not shown to be more'} than by chance: the {region} holds {number(first['value'])} "
        f"times the share of the map that a uniform map would have there."
    )
    told = [f"Maps of {first['model']} in {counted(int(first['n']), 'external case')}."]
    drawn = [_of_model(run, row) for _, row in rows.iterrows()]
    blob = None if sanity is None else sanity[(sanity["check"] == CENTRE) & (sanity["metric"] == energy)]
    if blob is not None and len(blob):
        value = float(blob["value"].iloc[0])
        drawn.append(Whisker("spot in the centre", value, float("nan"), float("nan"), MUTED))
        told.append(
            f"Boxes are drawn around lesions, so that a bright spot in the centre of every crop, which has seen "
            f"nothing, reaches {number(value)}: only what is above that tells of looking."
        )
    picture = sketch.whiskers(drawn, f"share in the {region}, over a uniform map's", 1.0)
    return Answer("Does it look at the lesion?", verdict, tuple(told), picture, "explanation")


def readers(run: Finished) -> Answer:
    """What the model's advice changed."""
    metrics, comparisons = run.table("reader_metrics"), run.table("reader_comparisons")
    question = "Does it help readers?"
    if metrics is None or comparisons is None:
        return Answer(question, "Not known: no reader took part in this run.", ())
    facts = run.reader_study
    first, *rest = reader_sentences(
        metrics, comparisons, run.table("reliance"), run.table("reader_advice"), run.table("reader_unhurried"),
        facts.get("level", 0.95),
    )  # fmt: skip
    if facts.get("simulated"):
        rest.insert(0, "The readers were simulated by a program: this says nothing about people.")
    areas = comparisons[(comparisons["metric"] == "auc")]
    own = areas[areas["reader"] != "all"].drop_duplicates("reader")
    rows = [_whisker(f"reader {r['reader']}", r.rename({"difference": "value"})) for _, r in own.iterrows()]
    mean = areas[areas["reader"] == "all"].head(1)
    rows += [_whisker("all readers", r.rename({"difference": "value"})) for _, r in mean.iterrows()]
    picture = sketch.whiskers(rows[-10:], "change of AUC with advice", 0.0, signed=True) if rows else Markup()
    return Answer(question, first, tuple(rest[:3]), picture, "readers")


def limitations(run: Finished) -> Answer:
    """What nobody may conclude from this run."""
    areas = run.metrics[run.metrics["metric"] == "auc"].drop_duplicates("stratum").set_index("stratum")
    shown = [name for name in areas.index if name != "external"]
    rows = [(_place(n), int(areas["n"][n]), int(areas["n_positive"][n])) for n in shown]
    picture = sketch.bars(rows, run.positive)
    told = tuple(limits(run))
    return Answer("What can this study not say?", "Nothing beyond its cases and centres.", told, picture, listed=True)


def _of_model(run: Finished, row: pd.Series) -> Whisker:
    return Whisker(row["model"], row["value"], row["low"], row["high"], run.look[row["model"]].colour)


def _place(stratum: str) -> str:
    """A stratum beside its mark, where there is little room."""
    return "Development" if stratum == "development" else stratum_title(stratum)


def _whisker(name: str, row: pd.Series) -> Whisker:
    return Whisker(name, float(row["value"]), float(row["low"]), float(row["high"]), "var(--accent)")
