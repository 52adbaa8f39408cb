"""The locked plan: when it was locked, whether the run is the planned one, and every departure from it."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from osteon.core.words import counted, listed
from osteon.results.planned import departures
from osteon.results.report.page import Block, Page, paragraph

_SIZES = {"question": "Question", "measure": "Expected", "wanted": "Wanted", "needs": "Needs", "there": "There",
          "gives": "Gives"}  # fmt: skip


def plan(page: Page) -> Iterator[Block | None]:
    """The section; nothing where no plan was locked."""
    run = page.run
    if not run.locks:
        return
    first, last, found = run.locks[0], run.locks[-1], run.table("deviations")
    if not run.file("deviations").is_file():
        verdict = "This run was not held against the plan; 'osteon evaluate' does it."
    elif found is None:
        verdict = "This run is the planned one."
    else:
        verdict = f"This run departs from its plan in {counted(len(found), 'point')}, which the table lists."
    checked = " The cohort had been checked before, which counts labels at every centre." if last.checked else ""
    yield paragraph(
        f"{verdict} The plan was locked on {last.when}, before there was any prediction: the first contrast, the "
        f"models, the rules of thresholds, the subgroups and all other settings.{checked}"
    )
    if len(run.locks) > 1:
        changed = listed([what for what, _, _ in departures(first.plan, last.plan)] or ["nothing that counts now"])
        yield paragraph(f"It was first locked on {first.when}, and changed before the run in {changed}.")
    hashed = 'SHA-256 of the plan, to be held against what was deposited: <span class="hash">{}</span>.'
    yield paragraph(Markup(hashed).format(last.sha256))
    if found is not None:
        rows = found[["what", "planned", "done"]].to_numpy().tolist()
        caption = "Departures from the plan. Settings are named by their place in the study file."
        yield page.table(["What", "Planned", "Done"], rows, caption, file="deviations.csv", words=3)
    if last.sizes:
        yield page.table(
            list(_SIZES.values()),
            [[one[name] for name in _SIZES] for one in last.sizes],
            "Numbers of cases and readers, as planned. What was there is the cohort table before its check; what it "
            "gives is what was expected of it.",
            file="plan.json",
            words=6,
        )
