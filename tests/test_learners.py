"""Learners of columns: their arrays against scikit-learn, what inner folds choose, and what a model goes by."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier

import osteon
from osteon import stats, study
from osteon.core.errors import NotEstimableError, StudyError
from osteon.models import tabular
from osteon.models.contract import violations
from osteon.models.inputs.case import inputs
from osteon.models.model import Sealed
from osteon.models.tabular import forest, importance
from osteon.models.tabular.columns import DEEP, deep_columns
from osteon.models.tabular.components import Components
from osteon.pipeline import FIT, Workers, check, export, walk
from osteon.pipeline.context import Context
from small_study import STUDY


@pytest.fixture(autouse=True)
def few_trees() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forest, "TREES", 240)  # of which inner folds grow 60
        patch.setattr(forest, "STEPS", 60)
        yield


def crossed(n: int = 400, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Two columns that tell nothing alone and much together, one that tells nothing, and a category."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(n, 3)), columns=["a", "b", "c"]).assign(site=rng.choice(["hand", "rib"], n))
    chance = expit(3 * np.sign(table["a"] * table["b"]))
    return table, (rng.random(n) < chance).astype(int)


def straight(n: int = 400, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Many columns of which each tells a little."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 12))
    return pd.DataFrame(x, columns=[f"f{i}" for i in range(12)]), (rng.random(n) < expit(0.7 * x.sum(axis=1))).astype(
        int
    )


# Trees ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 300])
def test_trees_say_what_scikit_learns_say(n: int) -> None:
    rng = np.random.default_rng(n)
    x = np.column_stack([rng.normal(size=(n, 4)), np.ones(n), rng.integers(0, 3, n)])
    y = (rng.random(n) < expit(2 * x[:, 0])).astype(float)
    y[:2] = (0, 1)
    new = rng.normal(size=(50, 6)) * 2
    for our, theirs in (
        (forest.trees(x, y, 3), ExtraTreesClassifier(240, min_samples_leaf=2, max_features=0.2, random_state=3)),
        (
            forest.boosting(x, y, 3),
            HistGradientBoostingClassifier(
                learning_rate=forest.RATE, max_iter=60, max_leaf_nodes=forest.LEAVES, min_samples_leaf=forest.FEWEST,
                l2_regularization=forest.PENALTY, early_stopping=False,
            ),
        ),
    ):  # fmt: skip
        theirs.fit(x.astype(np.float32), y)
        expected = theirs.predict_proba(new.astype(np.float32).astype(np.float64))[:, 1]
        np.testing.assert_allclose(our.probability(new), expected, rtol=0, atol=1e-12)
        one_by_one = np.concatenate([our.probability(row[None]) for row in new])
        np.testing.assert_array_equal(one_by_one, our.probability(new))


@pytest.mark.parametrize("shape", [(30, 80), (80, 30)])
def test_components_are_whitened_principal_components(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    features, new = rng.normal(size=shape) @ np.diag(rng.uniform(0.1, 5, shape[1])), rng.normal(size=(7, shape[1]))
    ours = Components(5).fit(features).transform(new)
    theirs = PCA(5, whiten=True, svd_solver="full").fit(features).transform(new)
    np.testing.assert_allclose(ours * np.sign((ours * theirs).sum(axis=0)), theirs, atol=1e-9)
    alone = np.concatenate([Components(5).fit(features).transform(row[None]) for row in new])
    np.testing.assert_array_equal(alone, ours)


def test_there_are_no_more_components_than_directions() -> None:
    same = np.tile(np.arange(4.0), (10, 1))
    assert Components(5).fit(same).transform(same).shape == (10, 0)
    assert Components(5).fit(np.eye(3)).transform(np.eye(3)).shape == (3, 2)


# The model ------------------------------------------------------------------------------------------------------------


def test_inner_folds_choose_the_learner_that_the_columns_ask_for() -> None:
    auto = study.Radiomics(learner="auto").learner
    X, y = crossed(250)
    bent = tabular.LearnedModel(auto).fit(X, y)
    assert bent.learner in ("trees", "boosting")
    assert bent.deviances["elastic-net"] > bent.deviances[bent.learner] + 0.1
    fresh, truth = crossed(seed=9)
    assert stats.auc(truth, bent.predict_proba(fresh)[:, 1]) > 0.8
    X, y = straight()
    assert tabular.LearnedModel(auto).fit(X, y).learner == "elastic-net"


@pytest.mark.parametrize("learner", ["trees", "boosting"])
def test_what_a_learner_says_is_calibrated(learner: str) -> None:
    X, y = straight(600)
    fresh, truth = straight(4000, seed=5)
    model = tabular.LearnedModel([learner]).fit(X, y)
    slope = stats.platt(truth, model.predict_proba(fresh)[:, 1]).slope
    raw = stats.platt(truth, np.clip(model.fitted.probability(model.encoded(fresh)), 1e-3, 0.999)).slope
    assert abs(np.log(slope)) < abs(np.log(raw)) - 0.1  # both are too unsure as they are
    assert 0.7 < slope < 1.3


def test_inner_folds_never_part_a_patient() -> None:
    """Each patient is there twice with an answer of chance: whoever parts them finds what does not exist."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(150, 3)), rng.integers(0, 2, 150)
    X, twice = pd.DataFrame(np.repeat(x, 2, axis=0), columns=list("abc")), np.repeat(y, 2)
    parted = tabular.LearnedModel(["trees"]).fit(X, twice)
    whole = tabular.LearnedModel(["trees"]).fit(X, twice, np.repeat(np.arange(150), 2))
    chance = 2 * np.log(2)
    assert parted.deviances["trees"] < 0.7 * chance
    assert whole.deviances["trees"] > 0.95 * chance


def test_gaps_infinities_and_new_levels_are_no_obstacle() -> None:
    X, y = crossed()
    X.loc[::5, "a"] = np.nan
    X.loc[3, "b"] = np.inf
    model = tabular.LearnedModel(["elastic-net", "trees"]).fit(X, y)
    odd = pd.DataFrame({"a": [np.nan, -np.inf], "b": [1e300, 0.0], "c": [0.0, np.nan], "site": ["skull", None]})
    assert ((model.predict_proba(odd) > 0) & (model.predict_proba(odd) < 1)).all()


def test_what_cannot_be_learned_is_said() -> None:
    X, y = crossed(40)
    with pytest.raises(NotEstimableError, match="one class has a single patient"):
        tabular.LearnedModel(["trees"]).fit(X, y, np.where(y == 1, 0, np.arange(40) + 1))
    with pytest.raises(NotEstimableError, match="no column varies"):
        tabular.LearnedModel(["trees"]).fit(X[["a"]] * 0, y)


@pytest.mark.parametrize("learner", ["elastic-net", "trees", "boosting"])
def test_a_learned_model_comes_back_from_its_file(learner: str, tmp_path: Path) -> None:
    X, y = straight(120)
    X = pd.concat([X, deep_columns(np.random.default_rng(0).normal(size=(120, 50)), X.index)], axis=1)
    model = tabular.LearnedModel([learner], components=4).fit(X, y)
    assert model.terms.count(DEEP) == 4
    model.save(tmp_path / "a")
    if learner != "elastic-net":
        tabular.LearnedModel([learner], components=4).fit(X, y).save(tmp_path / "b")
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    back = tabular.load(tmp_path / "a")
    np.testing.assert_array_equal(back.predict_proba(X), model.predict_proba(X))
    assert b"sklearn" not in (tmp_path / "a").read_bytes()


# What it goes by ------------------------------------------------------------------------------------------------------


def test_importances_are_the_auc_lost_when_columns_of_unseen_cases_are_shuffled() -> None:
    X, y = crossed()
    sources = {"lesion": ["a", "b", "c"], "clinical columns": ["site"]}
    halves = [np.arange(200), np.arange(200, 400)]
    fitted = [tabular.LearnedModel(["trees"]).fit(X.iloc[rows], y[rows]) for rows in halves]
    each = [
        importance.losses(one, X.iloc[rows], y[rows], sources, [7, k])
        for k, (one, rows) in enumerate(zip(fitted, halves[::-1], strict=True))
    ]
    found = importance.table(each, sources)
    assert list(found["source"]) == ["lesion"] * 4 + ["clinical columns"]
    assert found["column"].iloc[0] == ""
    assert set(found["column"].iloc[1:3]) == {"a", "b"}
    by = found.set_index(["source", "column"])["auc_loss"]
    assert by["lesion", "a"] > 0.2
    assert abs(by["lesion", "c"]) < 0.03
    assert abs(by["clinical columns", ""]) < 0.03
    # the slow definition: shuffle the column of the table itself
    slow = []
    for k, (one, rows) in enumerate(zip(fitted, halves[::-1], strict=True)):
        held_out = X.iloc[rows].reset_index(drop=True)
        order = np.random.default_rng([7, k]).permutation(200)
        changed = held_out.assign(a=held_out["a"].to_numpy()[order])
        slow.append(
            stats.auc(y[rows], one.predict_proba(held_out)[:, 1]) - stats.auc(y[rows], one.predict_proba(changed)[:, 1])
        )
    assert by["lesion", "a"] == pytest.approx(np.mean(slow), abs=1e-12)


def test_no_importance_without_both_classes() -> None:
    X, y = crossed(60)
    model = tabular.LearnedModel(["boosting"]).fit(X, y)
    assert importance.losses(model, X, np.ones(60), {"lesion": ["a"]}, [0]) is None
    assert importance.table([None], {"lesion": ["a"]}).empty


# In a study -----------------------------------------------------------------------------------------------------------

GROWN = STUDY.replace(
    "[evaluation]",
    """[[models]]
kind = "radiomics"
name = "many"
learner = ["trees", "boosting"]
variables = ["age", "sex"]
with_box = true
deep = "frozen"
components = 5

[[models]]
kind = "combined"
name = "stack"
of = ["frozen", "many"]
variables = []

[[models]]
kind = "clinical"
name = "grown"
variables = ["age", "sex"]
learner = "trees"

[evaluation]""",
)


@pytest.fixture(scope="module")
def context(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Context:
    """The finished study with models of several sources."""
    path = tmp_path_factory.mktemp("learners") / "study" / "study.toml"
    shutil.copytree(finished.parent, path.parent)
    path.write_text(GROWN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forest, "TREES", 20)
        walk(FIT, study.load(path))
    at = Context.of(study.load(path), Workers())
    at.check()
    return at


def test_a_stack_is_made_of_scores_out_of_fold_alone(context: Context) -> None:
    """Fitted anew, by hand, on what predictions.csv says of the training cases, it says the same."""
    said = context.run.read("predictions")
    wide = said.pivot_table(index="case_id", columns="model", values="probability")
    about = said[said["model"] == "many"].set_index("case_id").loc[wide.index]
    X = pd.DataFrame({f"logit of {name}": logit(wide[name].clip(1e-6, 1 - 1e-6)) for name in ("frozen", "many")})
    inside = about["split"] == "development"
    training, held_out = inside & (about["fold"] != "0"), inside & (about["fold"] == "0")
    fitted = tabular.CombinedModel().fit(X[training], about.loc[training, "label"].astype(int))
    np.testing.assert_allclose(fitted.predict_proba(X[held_out])[:, 1], wide.loc[held_out, "stack"], atol=1e-6)
    terms = context.run.read("odds_ratios").query("model == 'stack'")["term"]
    assert {term.partition(",")[0] for term in terms} == {"logit of frozen", "logit of many"}


def test_a_model_of_several_sources_keeps_the_contract(context: Context) -> None:
    kind = next(kind for kind in context.kinds if kind.model.name == "many")
    table = context.cases.table
    cases = Sealed(table[table["split"] == "external"].head(2).reset_index(drop=True))
    said = context.run.read("predictions").groupby(["model", "case_id"])["probability"].mean()
    assert list(violations(kind.saved(), cases, context.root, {})) == []
    drawn = kind.saved().load()(inputs(cases.table, context.root), {})
    np.testing.assert_array_equal(drawn, said["many"].reindex(cases.table["case_id"]).to_numpy())


@pytest.mark.parametrize("name", ["many", "stack"])
def test_they_leave_their_run_with_the_network_that_they_see_through(
    context: Context, name: str, tmp_path: Path
) -> None:
    export(context.run.path, name, tmp_path / "alone.osteon")
    model = osteon.load(tmp_path / "alone.osteon")
    case = context.cases.table.iloc[-1]
    facts = {column: case[column] for column in model.file.columns}
    found = model.predict(context.root / case["image"], box=case[["x0", "y0", "x1", "y1"]].astype(float), columns=facts)
    said = context.run.read("predictions").query("model == @name and case_id == @case.case_id")["probability"]
    assert found.probability == pytest.approx(said.iloc[0], abs=1e-6)


def test_they_are_perturbed_like_the_rest(context: Context) -> None:
    kinds = {kind.model.name: kind for kind in context.kinds}
    saved = kinds["many"].saved()
    cases = context.cases.table[context.cases.table["split"] == "external"].head(2)
    drawn = list(inputs(cases, context.root))
    moved = [replace(one, box=one.box + 6) for one in drawn]
    assert not np.array_equal(saved.load()(moved, {}), saved.load()(drawn, {}))
    assert context.study.looks(kinds["stack"].model)
    assert not context.study.looks(kinds["grown"].model)
    older = cases.assign(age=cases["age"] + 10)
    assert not saved.inputs(older)[0].equals(saved.inputs(cases)[0])  # so that what was kept is not used again


def test_a_study_says_what_its_learners_go_by(context: Context) -> None:
    found = context.run.read("importances")
    many = found[found["model"] == "many"]
    assert set(many["source"]) == {"lesion", "box", "clinical columns", "components of frozen"}
    assert set(many.query("source == 'clinical columns'")["column"]) == {"", "age", "sex"}
    assert set(found["model"]) == {"many", "grown"}
    learners = context.run.read("learners").query("model == 'many'")
    assert list(learners.groupby("fold")["chosen"].sum()) == [1, 1]


@pytest.mark.parametrize(
    ("deep", "message"), [("tuned", "'tuned' has no frozen backbone"), ("nobody", "deep: no model 'nobody'")]
)
def test_deep_features_come_from_a_frozen_network(context: Context, deep: str, message: str, tmp_path: Path) -> None:
    shutil.copytree(context.study.folder / "images", tmp_path / "images")
    shutil.copy(context.study.folder / "cohort.csv", tmp_path)
    (tmp_path / "study.toml").write_text(GROWN.replace('deep = "frozen"', f'deep = "{deep}"'))
    with pytest.raises(StudyError, match=message):
        check(study.load(tmp_path / "study.toml"), workers=Workers())
