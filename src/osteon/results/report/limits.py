"""What a study cannot say: limits that follow from what the run has and has not."""

from __future__ import annotations

from collections.abc import Iterator

from osteon.core.words import counted, listed
from osteon.results.report.folder import Finished

_SMALL = 100  # events and non-events under which an external validation is small (Collins 2016, doi 10.1002/sim.6787)


def limits(run: Finished) -> Iterator[str]:
    """Sentences, the weightiest first."""
    if run.synthetic:
        yield "Cases are synthetic: nothing here is about patients."
    outside = len(run.outside)
    if not outside:
        yield "Whether anything holds at another hospital: there was no external centre."
    elif outside == 1:
        yield "Whether it holds at a third hospital: there was one external centre."
    else:
        yield f"Whether it holds in other countries and with other machines: there were {outside} external centres."
    yield from _size(run)
    departures = run.table("deviations")
    if departures is not None:
        yield f"What was planned, in full: the run departs from its locked plan in {counted(len(departures), 'point')}."
    if not run.prespecified:
        yield "That the first comparison was planned: the study file names no primary contrast."
    yield (
        "Whether it finds lesions, or is of use where there is none: each case has a lesion with a box that somebody "
        "drew, and no radiograph without a lesion was shown."
    )
    if run.table("reader_comparisons") is None:
        yield "Whether it helps those who read: nobody read with it."
    yield "Whether patients fare better: nothing was decided by it."
    if run.nameless:
        of = "No case has" if run.nameless == len(run.cases) else f"{counted(run.nameless, 'case')} lack"
        yield f"How far cases of one patient are alike: {of} a patient identifier, so intervals may be too narrow."
    if run.added:
        was, them = ("was", "it") if len(run.added) == 1 else ("were", "them")
        yield f"How some models came about: {listed(run.added)} {was} added by hand: osteon did not fit {them}."


def _size(run: Finished) -> Iterator[str]:
    row = run.value(run.study.primary[0], run.headline, "auc")
    if row is None:
        return
    positive, other = int(row["n_positive"]), int(row["n"]) - int(row["n_positive"])
    if min(positive, other) < _SMALL:
        yield (
            f"Small differences: the claim rests on {positive:,} {run.positive} and {counted(other, 'other case')}, "
            f"and {_SMALL} of each are wanted for such a test."
        )
