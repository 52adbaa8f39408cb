"""What a model's card, and a terminal, tell of a hospital's update: from its record alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from osteon.core.words import bare_p, counted, number
from osteon.results.card.markdown import escape, table

CALIBRATION = ("calibration intercept", "calibration slope", "observed / expected", "Brier score")
_NAMES = {
    "none": "nothing",
    "intercept": "a new intercept",
    "slope": "a new intercept and slope",
    "refit": "all coefficients anew",
}
_CHOSEN = {
    "none": "nothing has to be changed",
    "intercept": "its level was changed (a new intercept)",
    "slope": "its level and spread were changed (a new intercept and slope)",
    "refit": "the coefficients of its last step were estimated anew",
}


def card(before: str, record: Mapping[str, Any], classes: Sequence[str]) -> str:
    """A model's card with what a hospital has changed before everything else.

    Args:
        before: The card as it was.
        record: The update's record.
        classes: The negative and the positive class.
    """
    head, mark, rest = before.partition("\n## ")
    negative, positive = record["patients_by_class"]
    blocks = [
        "## Updated at a hospital",
        f"**This is not the model of the study any more.** {escape(in_words(record))} All figures in the sections "
        "below are those of the model before.",
        f"The hospital's patients: {record['patients']}, with {counted(record['cases'], 'case')}; {negative} with a "
        f"case that is {escape(classes[0])}, {positive} with one that is {escape(classes[1])}. Thresholds stay what "
        "they were, as risks at which a case is called; which cases reach them has changed.",
        table(["", "Before", "After"], _rows(record)),
        "Before: the model as it was, on these cases. After: each patient's cases as updated without that patient's "
        f"tenth of the patients; the whole procedure was done {record['folds']} times ({escape(_again(record))}). The "
        "intervals take those probabilities as given, and hold for this hospital alone.",
        f"Identity of the model before: {record['of']}",
    ]
    return "\n\n".join([head.rstrip(), *blocks]) + f"\n{mark}{rest}"


def in_words(record: Mapping[str, Any]) -> str:
    """What was chosen, on what grounds, and how it changes a probability."""
    update, tests = record["update"], record["tests"]
    said = [
        f"By the closed testing procedure at {record['alpha']:g} (Vergouwe 2017), {_CHOSEN[update['name']]}.",
        f"Likelihood ratio tests: {'; '.join(map(_test, tests))}.",
    ]
    if update["name"] in ("intercept", "slope"):
        slope = "" if update["name"] == "intercept" else f"{number(update['slope'], 3)} × "
        said.append(f"logit(new) = {number(update['intercept'], 3)} + {slope}logit(old).")
    fewest = min(record["patients_by_class"])
    if fewest < record["enough"]:
        said.append(
            f"With {fewest} patients of the rarer class the figures are coarse; {record['enough']} of each are advised."
        )
    return " ".join(filter(None, said))


def lines(record: Mapping[str, Any]) -> Iterator[str]:
    """The record for a terminal: what each update needs, and every figure before and after."""
    fewest = min(record["patients_by_class"])
    yield f"Patients of the rarer class: {fewest}. Needed:"
    for one in record["needed"]:
        name = _NAMES[one["update"]]
        if one["needed"] is None:
            yield f"  {name}: not possible, {one['why']}"
        else:
            yield f"  {name}: {one['needed']}{'' if one['offered'] else ' (not offered)'}"
    for name, why in record["absent"].items():
        yield f"  {_NAMES[name]}: not estimable, {why}"
    yield ""
    rows = [("", "before", "after, patients left out"), *_rows(record)]
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield f"Chosen without each tenth of the patients: {_again(record)}."


def _test(one: Mapping[str, Any]) -> str:
    p = bare_p(one["p"])
    return (
        f"{_NAMES[one['richer']]} against {_NAMES[one['simpler']]}: chi-square {number(one['statistic'], 2)} on "
        f"{counted(one['df'], 'degree')} of freedom, p {'' if p.startswith('<') else '= '}{p}"
    )


def _rows(record: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for one in record["figures"]:
        yield one["figure"], _interval(one["before"]), _interval(one["after"])


def _interval(three: Sequence[float | None]) -> str:
    value, low, high = three
    if value is None:
        return "not estimable"
    if low is None or high is None:
        return number(value, 3)
    return f"{number(value, 3)} ({number(low, 3)} to {number(high, 3)})"


def _again(record: Mapping[str, Any]) -> str:
    return ", ".join(f"{_NAMES[name]} {count}" for name, count in record["again"].items())
