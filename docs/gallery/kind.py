# %% [markdown]
# # A new kind of model, in forty lines
#
# Everything that a study does with a model - folds, seals, changed boxes, predictions, the report, its card - it does
# with yours. Here a model that knows one number, the mean grey of the box. It says what it is given, how it is
# fitted, and how it tells.

# %%
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from IPython.display import SVG, display

import osteon
from osteon import study
from osteon.cohort.synthetic import make_cohort
from osteon.models.fitted import Answer, Fitted, Saved
from osteon.models.inputs.case import Input, inputs
from osteon.models.model import Given, Kind, Unit, register


class GreySettings(study.ModelSettings):
    kind: Literal["grey"] = "grey"
    name: study.Name = "grey"


def grey(one: Input) -> float:
    x0, y0, x1, y1 = np.rint(one.box - np.tile(one.look.version.corner, 2)).astype(int)
    return float(one.look.version.pixels[max(y0, 0) : y1, max(x0, 0) : x1].mean())


def told(values: Any, middle: float) -> Any:
    return 1 / (1 + np.exp(-12 * (np.asarray(values) - middle)))


@dataclass(frozen=True, eq=False)
class Greys(Given):
    values: pd.Series

    def learned(self, training: pd.DataFrame) -> str:  # what the key of a fold depends on
        return json.dumps(list(self.values[training.index]))

    def shown(self, unseen: pd.DataFrame) -> str:
        return json.dumps(list(self.values[unseen.index]))

    def fit(self, unit: Unit) -> Mapping[str, Any]:
        return {"middle": float(self.values[unit.training.index].median())}

    def tell(self, unit: Unit) -> Any:
        return told(self.values[unit.unseen.index], json.loads((unit.folder / "model.json").read_text())["middle"])


class FittedGrey(Fitted):  # the fitted model, which meets new radiographs
    def __init__(self, saved: Saved) -> None:
        self.middles = [json.loads((fold / "model.json").read_text())["middle"] for fold in saved.folders[0]]

    def answer(self, inputs: Any, told_: Any, *, alone: bool = False) -> Answer:
        values = np.array([grey(one) for one in inputs])
        each = np.stack([told(values, middle) for middle in self.middles], axis=-1)
        return Answer(each[:, None], (values[:, None],) * len(self.middles))


class SavedGrey(Saved):
    made: ClassVar[type[FittedGrey]] = FittedGrey

    def read(self) -> Fitted:
        return self.made(self)


@register
class Grey(Kind):
    Settings = GreySettings

    def given(self, cases: Any, told: Any, seed: int) -> Greys:
        table = cases.table
        return Greys(pd.Series([grey(one) for one in inputs(table, self.place.root)], index=table.index))

    def saved(self) -> SavedGrey:
        folders = self.folders()
        middles = FittedGrey(SavedGrey(self.model, folders, "")).middles
        return SavedGrey(self.model, folders, str([middles]))


# %% [markdown]
# A study of 60 **synthetic** patients with it, next to the box and clinical data:

# %%
folder = Path(tempfile.mkdtemp())
make_cohort(folder, patients=60, seed=7, jobs=1)
(folder / "study.toml").write_text(
    """
[task]
positive = ["malignant", "giant cell tumor"]
[centres]
development = ["A"]
[[models]]
kind = "grey"
[[models]]
kind = "clinical"
variables = ["age", "sex", "pain"]
[evaluation]
folds = 3
bootstrap = 200
[robustness]
repeats = 1
shift = [0.3]
scale = []
aspect = []
combined = []
cases = 20
"""
)
run = osteon.run(folder / "study.toml")
areas = run.metrics.query("metric == 'auc' and stratum in ('development', 'external')")
areas[["model", "stratum", "value", "low", "high"]].round(3)

# %%
display(SVG(run.path / "figures" / "roc.svg"))
