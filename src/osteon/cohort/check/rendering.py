"""What a check found, for the terminal: readable in 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from osteon.cohort.check.checking import Checked
from osteon.core.words import noteworthy

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

#: Groups of the baseline table side by side before it would be wider than a terminal.
_MOST_GROUPS = 4


def render(checked: Checked) -> RenderableType:
    """The flow, the centres, the baseline table and the warnings.

    Args:
        checked: Of :func:`osteon.cohort.check.check`.

    Returns:
        Something that ``rich`` prints.
    """
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    parts: list[RenderableType] = []
    if checked.flow["synthetic"]:
        parts.append(Text("Synthetic cohort", style="bold magenta"))
    parts += [_flow(checked), *_details(checked), Text(), _centres(checked), Text(), _labels(checked), Text()]
    parts.append(_baseline(checked.baseline))
    if checked.warnings:
        parts.append(Text(f"\n{len(checked.warnings)} to know", style="bold yellow"))
        parts += [Padding(Text.assemble(("! ", "yellow"), warning), (0, 0, 0, 1)) for warning in checked.warnings]
    return Group(*parts)


def _table(title: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)


def _flow(checked: Checked) -> Table:
    table = _table("Flow")
    table.add_column("")
    table.add_column("cases", justify="right")
    table.add_column("patients", justify="right")
    for stage in checked.flow["stages"]:
        for out in checked.flow["excluded"]:
            if out["stage"] == stage["name"]:
                table.add_row(f"  [red]- {out['reason']}[/]", f"[red]-{out['cases']}[/]", "")
        table.add_row(stage["name"], str(stage["cases"]), str(stage["patients"]))
    return table


def _details(checked: Checked) -> list[RenderableType]:
    """The first case of each reason that has more to tell."""
    from rich.padding import Padding
    from rich.text import Text

    told = checked.excluded[checked.excluded["detail"] != ""].drop_duplicates("reason")
    return [
        Padding(Text(f"{case.reason}, row {case.row}: {case.detail}", style="red"), (0, 0, 0, 1))
        for case in told.itertuples()
    ]


def _labels(checked: Checked) -> Table:
    """Every label and the class it counts as."""
    from rich.markup import escape

    table = _table("Labels")
    table.add_column("")
    table.add_column("counts as")
    table.add_column("in the table", justify="right")
    table.add_column("in the study", justify="right")
    for label in checked.flow["labels"]:
        table.add_row(escape(label["label"]), label["class"], str(label["in_table"]), str(label["cases"]))
    return table


def _centres(checked: Checked) -> Table:
    table = _table("Centres")
    table.add_column("")
    table.add_column("role")
    for name in ("cases", "patients", checked.flow["positive"]):
        table.add_column(name, justify="right")
    for group in checked.flow["groups"]:
        share = f"{group['positive']} ({group['positive'] / group['cases']:.0%})"
        name = group["name"].replace(":", " ")
        table.add_row(name, group["role"], str(group["cases"]), str(group["patients"]), share)
    return table


def _baseline(baseline: pd.DataFrame) -> Table:
    groups = list(baseline["group"].unique())[:_MOST_GROUPS]
    table = _table("Baseline, with standardised differences")
    table.add_column("")
    for group in groups:
        table.add_column(group.replace(":", " "), justify="right")
    for variable, rows in baseline.groupby("variable", sort=False):
        for level in dict.fromkeys(rows["level"]):
            cells = rows[rows["level"] == level].set_index("group")
            name = f"  {level}" if level else f"[bold]{variable}[/]"
            table.add_row(name, *(_cell(cells, group, level) for group in groups))
    return table


def _cell(cells: pd.DataFrame, group: str, level: str) -> str:
    """A summary as short as a terminal needs it; a variable's difference as a number, a level's as colour."""
    if group not in cells.index:
        return ""
    smd = float(cells["smd"][group])
    summary = str(cells["summary"][group]).replace(" to ", "\N{EN DASH}").replace(" %", "%")
    if np.isnan(smd):
        return summary
    style = "yellow" if noteworthy(smd) else "dim"
    if level:
        return f"[{style}]{summary}[/]" if style == "yellow" else summary
    return f"{'' if summary.endswith(' known') else summary} [{style}]{smd:+.2f}[/]"
