"""The primary pair where its question is of non-inferiority."""

from __future__ import annotations

from collections.abc import Iterator
from math import nan

from osteon import stats
from osteon.core.errors import NotEstimableError
from osteon.results.evaluate.cases import Cases
from osteon.study import Study


def noninferiority(cases: Cases, study: Study) -> Iterator[dict[str, object]]:
    """Hold the difference of the primary pair's AUCs against the study's margin; nothing where it has none.

    The test is the paired DeLong test of :func:`osteon.stats.delong_test`, one-sided at half of 1 - level, so that its
    limit is the lower one of the two-sided interval.

    Args:
        cases: Those of a stratum.
        study: Gives the pair, the margin and the level.
    """
    (a, b), margin, level = study.primary, study.evaluation.margin, study.evaluation.level
    if margin is None:
        return
    alpha = round((1 - level) / 2, 12)  # 0.025, and not what subtraction makes of it
    row = {"model_a": a, "model_b": b, "margin": margin, "alpha": alpha, "n": len(cases)}
    try:
        test = stats.delong_test(cases.truth, cases.of(a), cases.of(b), level=level, clusters=cases.patients)
        found = stats.noninferiority(test, margin, alpha=alpha)
    except NotEstimableError as error:
        told = f"not estimable: {error}"
        yield {**row, "difference": nan, "limit": nan, "p": nan, "shown": False, "method": told}
        return
    values = {"difference": found.difference, "limit": found.low, "p": found.p, "shown": found.shown}
    yield {**row, **values, "method": found.method}
