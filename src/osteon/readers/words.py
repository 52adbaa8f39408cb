"""What an analysis says, in sentences: for a terminal, and for the report."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from osteon.core.words import number, p_value

_ARMS = {"unaided": "without advice", "aided": "with advice", "alone": "alone"}
_FOUND = {
    "auc": ("Mean AUC", 3),
    "sensitivity": ("Mean sensitivity", 3),
    "specificity": ("Mean specificity", 3),
    "accuracy": ("Mean accuracy", 3),
    "lroc": ("Mean area under the LROC curve", 3),
    "localised": ("Mean share of lesions found", 3),
    "seconds": ("Reading time (geometric mean)", 1),
}
#: What an analysis speaks of, by what is random in it; the first that can be made is the one that is told.
ANALYSES = {
    "readers and cases": "readers and cases random",
    "cases": "these readers only, cases random",
    "readers": "these cases only, readers random",
}


def arm_title(arm: str) -> str:
    """An arm as a reader of the report says it.

    >>> arm_title("unaided"), arm_title("2")
    ('without advice', 'arm 2')
    """
    return _ARMS.get(arm, f"arm {arm}")


def _where(arm: str) -> str:
    return _ARMS.get(arm, f"in {arm_title(arm)}")


def arms_of(metrics: pd.DataFrame) -> list[str]:
    """The arms in the order of reading: without advice first."""
    names = [str(arm) for arm in dict.fromkeys(metrics.loc[metrics["reader"] != "model", "arm"])]
    return sorted(names, key=lambda arm: (arm != "unaided", arm))


def over_what(reliance: pd.DataFrame) -> str:
    """Over what the intervals of all readers' reliance are: one reader stands for nobody else."""
    alone = (reliance.loc[reliance["reader"] != "all", "reader"].nunique()) < 2
    return "over cases: one reader stands for no other" if alone else "readers and cases random"


def told(comparisons: pd.DataFrame) -> pd.DataFrame:
    """The rows over all readers that are told: of each metric the first analysis, by :data:`ANALYSES`, that was made.

    Args:
        comparisons: The table of reader comparisons.

    Returns:
        One row a metric and pair of arms; a metric that no analysis could compare keeps the row that says why.
    """
    rows = comparisons[comparisons["reader"] == "all"]
    kept = []
    for _, own in rows.groupby("metric", sort=False):
        made = [
            random
            for what in ("p", "difference")
            for random in ANALYSES
            if own.loc[own["random"] == random, what].notna().any()
        ]
        kept.append(own[own["random"] == [*made, *ANALYSES][0]])
    return pd.concat(kept) if kept else rows


def sentences(
    metrics: pd.DataFrame,
    comparisons: pd.DataFrame,
    reliance: pd.DataFrame | None,
    advice: pd.DataFrame | None = None,
    unhurried: pd.DataFrame | None = None,
    level: float = 0.95,
) -> list[str]:
    """The result, gains and losses alike; each difference says which analysis it is of.

    Args:
        metrics: The table of reader metrics.
        comparisons: The table of reader comparisons.
        reliance: The table of reliance, or None.
        advice: The table of the time after the advice, or None.
        unhurried: The table of comparisons without quick answers, or None.
        level: Confidence level of the tables.
    """
    ci = f"{100 * level:g}% CI"
    said = [_size(metrics), *_instead(comparisons)]
    for name in _FOUND:
        said += _difference(name, metrics, comparisons, ci)
    model = metrics[(metrics["reader"] == "model") & (metrics["metric"] == "auc")]
    if len(model) and model["value"].notna().all():
        said.append(f"The model alone reached an AUC of {_interval(model.iloc[0], ci)}.")
    if reliance is not None and len(reliance):
        said += _advice(reliance[reliance["reader"] == "all"].set_index("measure"), ci)
    if advice is not None and len(advice):
        said += _hurry(advice, unhurried, ci)
    return said


def listed(words: Iterable[str]) -> str:
    """Words in a row, the last after an "and".

    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    """
    *most, last = list(words) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def _size(metrics: pd.DataFrame) -> str:
    own = metrics[~metrics["reader"].isin(["all", "model"])]
    readers, cases = own["reader"].nunique(), int(own["n"].max()) if len(own) else 0
    arms = listed(map(_where, arms_of(metrics)))
    return f"{readers} reader{'s' * (readers != 1)} read up to {cases} case{'s' * (cases != 1)} {arms}."


def _instead(comparisons: pd.DataFrame) -> list[str]:
    """Why the analysis that was to be told was not made, where another is told in its place."""
    first = next(iter(ANALYSES))
    rows = comparisons[(comparisons["reader"] == "all") & (comparisons["random"] == first)]
    lacking = rows[rows["p"].isna()]
    if lacking.empty:
        return []
    reasons = dict.fromkeys(_reason(str(method), "") for method in lacking["method"])
    what = "no measure" if len(lacking) == len(rows) else listed(dict.fromkeys(lacking["metric"].map(_short)))
    cannot = "can be compared" if len(lacking) == len(rows) else "cannot be compared"
    return [
        f"With readers and cases random {what} {cannot} ({'; '.join(reasons)}); "
        "what is said of fixed readers or cases speaks of these only."
    ]


def _reason(method: str, before: str = "no interval: ") -> str:
    """Why, without what a program would be told."""
    return before + method.removeprefix("not estimable: ").removesuffix(" (or readers='fixed')")


def _short(metric: str) -> str:
    return {"auc": "AUC", "lroc": "LROC area", "localised": "lesions found", "seconds": "reading time"}.get(
        metric, metric
    )


def _difference(name: str, metrics: pd.DataFrame, comparisons: pd.DataFrame, ci: str) -> list[str]:
    title, digits = _FOUND[name]
    means = metrics[(metrics["reader"] == "all") & (metrics["metric"] == name)].set_index("arm")
    if means.empty:
        return []
    unit = " s" if name == "seconds" else ""
    value = {str(arm): float(mean) for arm, mean in means["value"].items()}
    values = listed(f"{number(value[arm], digits)}{unit} {_where(arm)}" for arm in arms_of(metrics) if arm in value)
    found = told(comparisons[comparisons["metric"] == name])
    if found.empty:
        return [f"{title} was {values}."]
    changes = [_change_of(row, ci, several=len(found) > 1) for _, row in found.iterrows()]
    return [f"{title} was {values}: {'; '.join(changes)}."]


def _change_of(row: pd.Series, ci: str, *, several: bool) -> str:
    """A difference, or ratio, with its interval, p value and analysis."""
    ratio = row["metric"] == "seconds"
    usual = row["arm_b"] == "unaided" and not several
    which = "" if usual else f" {arm_title(row['arm_a'])} − {arm_title(row['arm_b'])}"
    what = f"{'ratio' if ratio else 'difference'}{which.replace('−', '/') if ratio else which}"
    if row["difference"] != row["difference"]:
        return f"{what} {_reason(row['method'], 'not estimable: ')}"
    change = number(row["difference"], 3, sign=not ratio)
    if row["p"] != row["p"]:
        return f"{what} {change} ({_reason(row['method'])})"
    p = p_value(row["p"]) + (f", Holm {p_value(row['p_holm'])}" if several else "")
    return f"{what} {change} ({limits_of(row, ci)}; {p}; {ANALYSES[row['random']]})"


def limits_of(row: pd.Series, ci: str) -> str:
    """The interval of a difference; one that is all that is possible is called so."""
    if row["metric"] != "seconds" and row["low"] <= -1 and row["high"] >= 1:
        return f"{ci} all that is possible, −1 to 1"
    return f"{ci} {number(row['low'], 3)} to {number(row['high'], 3)}"


def _hurry(advice: pd.DataFrame, unhurried: pd.DataFrame | None, ci: str) -> list[str]:
    said = []
    for _, row in advice[advice["reader"] == "all"].iterrows():
        quartiles = f"quartiles {number(row['low'], 1)} to {number(row['high'], 1)} s"
        unseen = row["unseen"]
        lacking = f"; {unseen} answer{'s' * (unseen != 1)} had no advice on the screen" if unseen else ""
        said.append(
            f"Answers {_where(row['arm'])} came {number(row['median'], 1)} s after it appeared (median; {quartiles}); "
            f"{row['quick']} of {row['answers']} within a second{lacking}."
        )
    if advice["quick"].any() and (unhurried is None or unhurried.empty):
        said.append("Without the cases that were answered within a second no comparison is left.")
    if unhurried is not None and len(unhurried):
        again = told(unhurried)
        again = again[again["metric"] == "auc"]
        several = len(again) > 1
        said += [
            f"Without the cases that were answered within a second: AUC {_change_of(row, ci, several=several)}."
            for _, row in again.iterrows()
        ]
    return said


def _advice(rows: pd.DataFrame, ci: str) -> list[str]:
    def share(what: str, measure: str) -> str:
        row = rows.loc[measure]
        if row["value"] != row["value"]:
            return f"{what}: there was no such reading."
        limits = f"{100 * row['low']:.0f} to {100 * row['high']:.0f}%"
        return f"{what} in {row['events']} of {row['n']} readings ({100 * row['value']:.0f}%; {ci} {limits})."

    right, wrong = (_change(rows.T[f"change in accuracy, advice {kind}"]) for kind in ("right", "wrong"))
    return [
        share("Readers who were wrong changed to right advice", "changed to right advice"),
        share("Readers who were right gave way to wrong advice", "changed to wrong advice"),
        f"Accuracy changed by {right} where the advice was right and by {wrong} where it was wrong.",
    ]


def _change(row: pd.Series) -> str:
    if row["value"] != row["value"]:
        return "nothing that can be said"
    return f"{number(row['value'], 3, sign=True)} ({number(row['low'], 3)} to {number(row['high'], 3)})"


def _interval(row: pd.Series, ci: str) -> str:
    return f"{number(row['value'], 3)} ({ci} {number(row['low'], 3)} to {number(row['high'], 3)})"
