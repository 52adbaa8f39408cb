"""When the model leaves a case open, and how often its sets held the truth."""

from __future__ import annotations

from collections.abc import Iterator

from osteon.core.words import number, stratum_title
from osteon.results.card.markdown import escape, interval, table
from osteon.results.card.subject import Subject, one

_METRICS = {
    "coverage_negative": "Negative held",
    "coverage_positive": "Positive held",
    "unsure": "Unsure",
    "unlike_either": "Unlike either",
}


def unsure(model: Subject) -> Iterator[str]:
    """Thresholds of the prediction sets, and what they held in each stratum."""
    own = model.rows("unsure")
    if own.empty:
        yield "No prediction sets were fixed in this run."
        return
    first = own.iloc[0]
    positive = escape(model.run.positive)
    low, high = number(first["positive_from"], 3), number(first["negative_to"], 3)
    yield (
        f"A case may be {positive} where the probability is at least {low}, and not {positive} where it is at most "
        f"{high}; where both hold, the answer is “unsure”, where neither holds, “unlike either”. Fixed on "
        f"development, out of fold, so that each class is left out of {number(100 * first['error'], 0)}% of its own "
        "cases. Other centres are not promised that; what was found:"
    )
    rows = [
        [stratum_title(stratum), *(interval(one(own, stratum=stratum, metric=name)) for name in _METRICS)]
        for stratum in dict.fromkeys(own["stratum"])
    ]
    yield table(["", *_METRICS.values()], rows)
