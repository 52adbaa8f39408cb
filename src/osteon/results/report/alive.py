"""What the report's script works on: each case's answers by every model, as compact JSON without identifiers.

Cases are numbered as they stand in ``scores.csv``; patients are numbers that say which cases belong together, which
intervals have to know. Everything stands in a table of the run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from osteon.core.types import Floats
from osteon.core.words import stratum_title
from osteon.results.report.accuracy import rule_title
from osteon.results.report.folder import Finished
from osteon.results.report.opened import pictures, spread
from osteon.stats.distributions import critical

#: The script's modules, those first that others import.
MODULES = ("page", "numbers", "counting", "roc", "sorting", "looks", "curves", "cutoff", "cases", "alive")


def data(run: Finished) -> Markup:
    """The JSON, ready to stand inside a script element; empty where no model is known to have answered every case.

    Floats are as short as they can be without bringing a case to another side of another or of a cut-off.
    """
    scores = run.table("scores")
    if scores is None:
        return Markup()
    cases = scores.drop_duplicates("case_id").reset_index(drop=True)
    wide = scores.pivot_table(index="case_id", columns="model", values="probability")
    wide = wide.reindex(cases["case_id"]).dropna(axis=1)
    models = _order(run, wide)
    if not models:
        return Markup()
    told = {
        "level": run.study.evaluation.level,
        "quantile": critical(run.study.evaluation.level),
        "positive": run.positive,
        "models": [_model(run, name, wide[name].to_numpy(dtype=np.float64)) for name in models],
        **_places(run, cases),
        "label": "".join(cases["label"].astype(str)),
        "patient": _patients(cases["patient_id"]),
        "spread": spread(run, cases),
        "shown": pictures(run, cases, wide[models[0]].to_numpy(dtype=np.float64)),
    }
    # No end of the element and no comment may begin within it.
    written = json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(written.replace("<", "\\u003c"))


def script() -> Markup:
    """The modules as one, without their types: what they import from one another stands in the same scope."""
    folder = resources.files(__package__).joinpath("js")
    texts = [folder.joinpath(f"{name}.js").read_text(encoding="utf-8") for name in MODULES]
    whole = re.sub(r"^import .*;\n|^export ", "", "\n".join(texts), flags=re.MULTILINE)
    return Markup(re.sub(r" */\*\*.*?\*/\n?", "", whole, flags=re.DOTALL))


def _order(run: Finished, wide: pd.DataFrame) -> list[str]:
    """The models that answered every case, those of the first comparison before the others."""
    return [name for name in dict.fromkeys([*run.study.primary, *run.models]) if name in wide]


def _model(run: Finished, name: str, probability: Floats) -> dict[str, Any]:
    points = run.table("operating_points")
    locked = pd.Series(dtype=float)
    if points is not None:
        own = points[(points["model"] == name) & points["threshold"].notna()]
        locked = own.groupby("rule", sort=False)["threshold"].first()
    told, cuts = _short(probability, locked.to_numpy(dtype=np.float64))
    return {
        "name": name,
        "colour": run.look[name].colour,
        "rules": {rule_title(str(rule)): cut for rule, cut in zip(locked.index, cuts, strict=True)},
        "line": _line(run, name),
        "p": told,
    }


def _line(run: Finished, name: str) -> list[float] | None:
    """Intercept and slope of the recalibration; None where there is none."""
    table = run.table("recalibration")
    if table is None:
        return None
    row = table[(table["model"] == name) & table["slope"].notna()]
    return None if row.empty else [float(row["intercept"].iloc[0]), float(row["slope"].iloc[0])]


def _short(values: Floats, cuts: Floats) -> tuple[list[float], list[float]]:
    """Values and cut-offs with as few decimals, from four on, as keep apart what is apart."""
    every = np.concatenate([values, cuts])
    kinds = len(np.unique(every))
    for digits in range(4, 16):
        short = np.round(every, digits)
        if len(np.unique(short)) == kinds:
            every = short
            break
    return every[: len(values)].tolist(), every[len(values) :].tolist()


def _places(run: Finished, cases: pd.DataFrame) -> dict[str, Any]:
    """The strata that the report shows, and the place (development, or an external centre) of each case."""
    names = ["development", *(f"centre:{name}" for name in run.outside)]
    of_case = ("centre:" + cases["centre"].astype(str)).where(cases["split"] == "external", "development")
    outside = [i for i, name in enumerate(names) if name != "development"]
    strata = [
        {"title": stratum_title(name), "places": outside if name == "external" else [names.index(name)]}
        for name in run.strata
    ]
    return {"strata": strata, "place": of_case.map(names.index).tolist()}


def _patients(names: pd.Series) -> list[int]:
    """Numbers of patients by first appearance; a case without one is a patient of its own."""
    own: Sequence[object] = [name if name else (i,) for i, name in enumerate(names)]
    seen: dict[object, int] = {}
    return [seen.setdefault(name, len(seen)) for name in own]
