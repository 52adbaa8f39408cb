"""A kind of model is a room of its own: one defined here goes through a whole study, and all keep one contract."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
import pytest

import osteon
from osteon import study
from osteon.core.run import Tables
from osteon.core.types import Floats
from osteon.models.contract import violations
from osteon.models.fitted import Answer, Fitted, Saved
from osteon.models.inputs.case import Input, inputs
from osteon.models.model import Given, Kind, Sealed, Unit, register
from osteon.pipeline import FIT, Workers, walk
from osteon.pipeline.context import Context
from osteon.results.card import card
from small_study import STUDY, drawing, make


class GreySettings(study.ModelSettings):
    """``kind = "grey"``: how bright the lesion is, and nothing else."""

    kind: Literal["grey"] = "grey"
    name: study.Name = "grey"
    steepness: float = 10.0

    def in_words(self, run: Tables) -> str:
        return f"how bright the box is in {len(run.read('cohort'))} cases, on a curve of steepness {self.steepness:g}"


def grey(one: Input) -> float:
    """The mean grey of an input's box."""
    x0, y0, x1, y1 = np.rint(one.box - np.tile(one.look.version.corner, 2)).astype(int)
    part = one.look.version.pixels[max(y0, 0) : y1, max(x0, 0) : x1]
    return float(part.mean()) if part.size else 0.0


@dataclass(frozen=True, eq=False)
class Greys(Given):
    """The greys of all cases."""

    values: pd.Series

    def learned(self, training: pd.DataFrame) -> str:
        return json.dumps(list(self.values[training.index]))

    def shown(self, unseen: pd.DataFrame) -> str:
        return json.dumps(list(self.values[unseen.index]))

    def fit(self, unit: Unit) -> Mapping[str, Any]:
        return {"middle": float(self.values[unit.training.index].median())}

    def tell(self, unit: Unit) -> Floats:
        middle = json.loads((unit.folder / "model.json").read_text())["middle"]
        return told(self.values[unit.unseen.index].to_numpy(), middle, unit.model)


def told(values: Floats, middle: float, model: Any) -> Floats:
    return np.asarray(1 / (1 + np.exp(-model.steepness * (values - middle))))


class FittedGrey(Fitted):
    def __init__(self, saved: SavedGrey) -> None:
        self.saved = saved
        self.middles = [json.loads((fold / "model.json").read_text())["middle"] for fold in saved.folders[0]]

    def answer(self, inputs: Iterable[Input], told_: Mapping[str, Floats], *, alone: bool = False) -> Answer:
        values = np.array([grey(one) for one in inputs])
        each = [told(values, middle, self.saved.model) for middle in self.middles]
        return Answer(np.stack(each, axis=-1)[:, None], (values[:, None],) * len(each))


class SavedGrey(Saved):
    made: ClassVar[type[FittedGrey]] = FittedGrey

    def read(self) -> Fitted:
        return self.made(self)


@register
class Grey(Kind):
    Settings = GreySettings

    def given(self, cases: Sealed, told: Mapping[str, Floats], seed: int) -> Greys:
        table = cases.table
        return Greys(pd.Series([grey(one) for one in inputs(table, self.place.root)], index=table.index))

    def saved(self) -> SavedGrey:
        return SavedGrey(self.model, self.folders(), str([FittedGrey(self._bare()).middles]))

    def _bare(self) -> SavedGrey:
        return SavedGrey(self.model, self.folders(), "")


TEXT = (
    STUDY[: STUDY.index("[[models]]")]
    + '[[models]]\nkind = "grey"\nsteepness = 12.0\n'
    + STUDY[STUDY.index('[[models]]\nkind = "clinical"') :].replace('of = "frozen"', 'of = "grey"')
)
FOREST = """[[models]]
kind = "python"
name = "forest"
estimator = "sklearn.ensemble:RandomForestClassifier"
variables = ["age", "sex"]
with_box = true
settings = { n_estimators = 10 }
"""
CHANGES = "[robustness]\nrepeats = 1\nshift = [0.3]\nscale = []\naspect = []\ncombined = []\ncases = 6\n"


@pytest.fixture(scope="module")
def with_grey(tmp_path_factory: pytest.TempPathFactory) -> osteon.Run:
    """A whole study with the kind of this file, and a combined model made from it."""
    text = TEXT.replace("[robustness]\nrepeats = 0\n", CHANGES)
    with drawing("roc", "robustness"):
        return osteon.run(make(tmp_path_factory.mktemp("kinds"), study=text))


def test_a_kind_defined_here_is_fitted_predicted_perturbed_and_reported(with_grey: osteon.Run) -> None:
    assert {"grey", "combined"} <= set(with_grey.predictions["model"])
    rows = with_grey.metrics.query("model == 'grey' and stratum == 'external' and metric == 'auc'")
    assert rows["value"].iloc[0] > 0.8  # lesions are brighter where they are malignant
    perturbed = pd.read_parquet(with_grey.path / "perturbed.parquet")
    assert perturbed[perturbed["model"] == "grey"]["probability"].std() > 0
    assert perturbed[perturbed["model"] == "combined"]["probability"].std() > 0
    cases = with_grey.predictions["case_id"].nunique()
    described = f"<b>grey</b>: how bright the box is in {cases} cases, on a curve of steepness 12."
    assert described in with_grey.report.read_text(encoding="utf-8")
    assert "steepness = 12.0" in (with_grey.path / "study.toml").read_text()


def test_a_kind_that_does_not_describe_itself_is_told_by_its_settings(tmp_path: Path) -> None:
    class Silent(study.ModelSettings):
        kind: Literal["silent"] = "silent"
        name: study.Name = "silent"
        depth: int = 3

    told = Silent(depth=4).in_words(Tables(tmp_path))
    assert told == "a model of the kind “silent”, which is not one of osteon's own (depth 4)"


def test_a_kind_defined_here_has_a_card(with_grey: osteon.Run) -> None:
    text = card(Tables(with_grey.path), "grey")
    assert "How it was made: how bright the box is in" in text
    assert "| Box moved, 30% |" in text
    assert "This kind of model has no maps" in text


def test_a_misspelt_setting_of_a_new_kind_is_refused_with_the_nearest(tmp_path: Path) -> None:
    path = make(tmp_path / "study", study=TEXT.replace("steepness", "stepness"))
    with pytest.raises(osteon.core.errors.StudyError, match=r"models\[0\]\.stepness.*steepness"):
        study.load(path)


@pytest.fixture(scope="module")
def context(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Context:
    """A fitted study with a model of every kind: the finished one, and the kind of this file."""
    path = tmp_path_factory.mktemp("contract") / "study" / "study.toml"
    shutil.copytree(finished.parent, path.parent)
    path.write_text(STUDY.replace("[evaluation]", f'[[models]]\nkind = "grey"\n\n{FOREST}\n[evaluation]'))
    walk(FIT, study.load(path))
    at = Context.of(study.load(path), Workers())
    at.check()
    return at


@pytest.mark.parametrize("name", ["frozen", "tuned", "radiomics", "clinical", "combined", "box", "grey", "forest"])
def test_every_kind_keeps_the_contract(context: Context, name: str) -> None:
    kind = next(kind for kind in context.kinds if kind.model.name == name)
    table = context.cases.table
    cases = Sealed(table[table["split"] == "external"].head(4).reset_index(drop=True))
    said = context.run.read("predictions").groupby(["model", "case_id"])["probability"].mean()
    needed = {of: said[of].reindex(cases.table["case_id"]).to_numpy() for of in kind.model.needs}
    assert list(violations(kind.saved(), cases, context.root, needed)) == []
    drawn = kind.saved().load()(inputs(cases.table, context.root), needed)
    expected = said[name].reindex(cases.table["case_id"]).to_numpy()
    np.testing.assert_array_equal(drawn, expected)  # the one call says what predictions.csv says, to the last bit


def test_every_kind_is_in_the_contract_suite(context: Context) -> None:
    assert {kind.model.kind for kind in context.kinds} == set(study.KINDS)


class Short(FittedGrey):
    def __call__(self, inputs: Iterable[Input], told_: Mapping[str, Floats]) -> Floats:
        return super().__call__(inputs, told_)[1:]


class Beyond(FittedGrey):
    def __call__(self, inputs: Iterable[Input], told_: Mapping[str, Floats]) -> Floats:
        return super().__call__(inputs, told_) + 1


class Moody(FittedGrey):
    def __call__(self, inputs: Iterable[Input], told_: Mapping[str, Floats]) -> Floats:
        self.middles = [middle + 0.01 for middle in self.middles]
        return super().__call__(inputs, told_)


class Sociable(FittedGrey):
    def __call__(self, inputs: Iterable[Input], told_: Mapping[str, Floats]) -> Floats:
        found = super().__call__(inputs, told_)
        return np.asarray(found.argsort().argsort() / max(len(found), 1))


class Meddling(FittedGrey):
    def __call__(self, inputs: Iterable[Input], told_: Mapping[str, Floats]) -> Floats:
        given = list(inputs)
        given[0].film  # noqa: B018 touched, as a real one would
        if len(given) > 1:
            Meddling.table["x0"] = 0.0
        return super().__call__(given, told_)

    table: ClassVar[pd.DataFrame]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (Short, "answers to 4 inputs"),
        (Beyond, "no probability"),
        (Moody, "asked again"),
        (Sociable, "depends on the other inputs"),
        (Meddling, "changes the cases"),
    ],
)
def test_the_contract_can_be_broken(context: Context, bad: type[FittedGrey], said: str) -> None:
    kind = next(kind for kind in context.kinds if kind.model.name == "grey")
    cases = Sealed(context.cases.table.head(4).reset_index(drop=True))
    Meddling.table = cases.table

    class Bad(SavedGrey):
        made = bad

    saved = kind.saved()
    found = list(
        violations(Bad(saved.model, saved.folders, f"{saved.contents} {bad.__name__}"), cases, context.root, {})
    )
    assert any(said in sentence for sentence in found), found


def test_a_model_is_loaded_again_when_its_contents_change(context: Context) -> None:
    """Not by where it lies: a worker that lives on must not answer with old weights."""
    kind = next(kind for kind in context.kinds if kind.model.name == "box")
    saved = kind.saved()
    first = saved.load()
    assert saved.load() is first
    assert replace(saved, contents="others").load() is not first


def test_sealed_cases_tell_no_diagnosis(context: Context) -> None:
    assert not {"label", "target", "subtype"} & set(context.cases.table)
    with pytest.raises(ValueError, match="tell their diagnosis: target"):
        Sealed(context.cases.table.assign(target=1))


def test_labels_stay_sealed_until_the_last_model_is_written(tmp_path: Path) -> None:
    at = Context.of(study.load(make(tmp_path / "study")), Workers())
    at.check()
    assert set(at.labels.index) == set(at.development["case_id"])
    with pytest.raises(RuntimeError, match="sealed"):
        at.answers  # noqa: B018
