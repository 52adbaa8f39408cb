"""What an analysis says, in sentences: for a terminal, and for the report."""

from __future__ import annotations

import pandas as pd

from osteon.core.words import number, p_value

_ARMS = {"unaided": "without advice", "aided": "with advice", "alone": "alone"}
_FOUND = {
    "auc": ("Mean AUC", 3),
    "sensitivity": ("Mean sensitivity", 3),
    "specificity": ("Mean specificity", 3),
    "accuracy": ("Mean accuracy", 3),
    "seconds": ("Reading time (geometric mean)", 1),
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


def sentences(metrics: pd.DataFrame, comparisons: pd.DataFrame, reliance: pd.DataFrame | None) -> list[str]:
    """The result, gains and losses alike.

    Args:
        metrics: The table of reader metrics.
        comparisons: The table of reader comparisons.
        reliance: The table of reliance, or None.
    """
    said = [_size(metrics)]
    said += [found for name in _FOUND if (found := _difference(name, metrics, comparisons))]
    model = metrics[(metrics["reader"] == "model") & (metrics["metric"] == "auc")]
    if len(model) and model["value"].notna().all():
        said.append(f"The model alone reached an AUC of {_interval(model.iloc[0])}.")
    if reliance is not None and len(reliance):
        said += _advice(reliance[reliance["reader"] == "all"].set_index("measure"))
    return said


def _size(metrics: pd.DataFrame) -> str:
    own = metrics[~metrics["reader"].isin(["all", "model"])]
    readers, cases = own["reader"].nunique(), int(own["n"].max()) if len(own) else 0
    arms = " and ".join(_where(arm) for arm in arms_of(metrics))
    return f"{readers} reader{'s' * (readers != 1)} read up to {cases} cases {arms}."


def _difference(name: str, metrics: pd.DataFrame, comparisons: pd.DataFrame) -> str:
    title, digits = _FOUND[name]
    means = metrics[(metrics["reader"] == "all") & (metrics["metric"] == name)].set_index("arm")
    found = comparisons[(comparisons["reader"] == "all") & (comparisons["metric"] == name)]
    if means.empty:
        return ""
    unit = " s" if name == "seconds" else ""
    value = {str(arm): float(mean) for arm, mean in means["value"].items()}
    values = [f"{number(value[arm], digits)}{unit} {_where(arm)}" for arm in arms_of(metrics) if arm in value]
    if found.empty:
        return f"{title} was {' and '.join(values)}."
    row = found.iloc[0]
    what = "ratio" if name == "seconds" else "difference"
    change = number(row["difference"], 3, sign=name != "seconds")
    limits = f"95% CI {number(row['low'], 3)} to {number(row['high'], 3)}"
    which = f", {arm_title(row['arm_a'])} − {arm_title(row['arm_b'])}" if row["arm_b"] != "unaided" else ""
    return f"{title} was {' and '.join(values)}: {what} {change} ({limits}; {p_value(row['p'])}){which}."


def _advice(rows: pd.DataFrame) -> list[str]:
    def share(measure: str) -> str:
        row = rows.loc[measure]
        if row["value"] != row["value"]:
            return "in no case"
        limits = f"{100 * row['low']:.0f} to {100 * row['high']:.0f}%"
        return f"in {row['events']} of {row['n']} readings ({100 * row['value']:.0f}%; 95% CI {limits})"

    right, wrong = (_change(rows.T[f"change in accuracy, advice {kind}"]) for kind in ("right", "wrong"))
    return [
        f"Readers who were wrong changed to right advice {share('changed to right advice')}.",
        f"Readers who were right gave way to wrong advice {share('changed to wrong advice')}.",
        f"Accuracy changed by {right} where the advice was right and by {wrong} where it was wrong.",
    ]


def _change(row: pd.Series) -> str:
    return f"{number(row['value'], 3, sign=True)} ({number(row['low'], 3)} to {number(row['high'], 3)})"


def _interval(row: pd.Series) -> str:
    return f"{number(row['value'], 3)} (95% CI {number(row['low'], 3)} to {number(row['high'], 3)})"
