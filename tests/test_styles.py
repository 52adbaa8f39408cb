"""Acquisition style: what is told of a picture, its clusters, and what folds by style foretell where truth is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from sklearn.metrics import adjusted_rand_score

from osteon import stats, study
from osteon.core.errors import StudyError
from osteon.core.run import RunFolder
from osteon.models.inputs.style import clusters, style
from osteon.models.tabular import forest
from osteon.pipeline import FIT, evaluate, walk
from osteon.results import figures, report

SEVERAL = "[evaluation]\nfolds = 3\nstyles = 4\nbootstrap = 100\n"


# One picture ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.01, 0.05])
def test_noise_is_its_standard_deviation_whatever_lies_beneath(sigma: float) -> None:
    y, x = np.mgrid[:200, :160]
    beneath = 0.2 + 0.002 * x + 0.001 * y + 0.2 * (x > 80)
    noise = np.random.default_rng(0).normal(scale=sigma, size=beneath.shape)
    assert 2 ** style(beneath + noise)["noise"] == pytest.approx(sigma + 1e-4, rel=0.03)
    assert 2 ** style(beneath)["noise"] == pytest.approx(1e-4, abs=1e-9)


def test_blur_makes_a_picture_less_sharp() -> None:
    picture = np.random.default_rng(0).random((128, 128))
    found = [style(gaussian_filter(picture, blur))["sharpness"] for blur in (0.0, 0.5, 1.0, 2.0)]
    assert found == sorted(found, reverse=True)
    assert found[0] - found[-1] > 2


def test_borders_and_size_are_what_they_are() -> None:
    picture = np.full((100, 200), 0.5)
    picture[:, :100] = 0.0
    picture[-4:] = 1.0
    told = style(picture)
    border = 2 * 4 * 200 + 2 * 4 * 100  # strips of 4 pixels; corners count in both
    assert told["border white"] == pytest.approx((4 * 200 + 2 * 4 * 4) / border)
    assert told["border black"] == pytest.approx((4 * 100 + 96 * 4) / border)
    assert (told["size"], told["aspect"]) == (pytest.approx(np.log2(200)), 1.0)


def test_a_turned_over_picture_has_the_same_style_and_the_smallest_has_one() -> None:
    picture = np.random.default_rng(1).random((60, 80))
    for turned in (picture[::-1], picture[:, ::-1]):
        assert style(turned) == pytest.approx(style(picture))
    assert all(np.isfinite(value) for value in style(np.zeros((1, 2))).values())


# Clusters -------------------------------------------------------------------------------------------------------------


def planted(sizes: tuple[int, ...] = (30, 20, 10)) -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers around as many centres, with a column that does not vary."""
    rng = np.random.default_rng(3)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    values = 9.0 * np.column_stack([truth == 0, truth == 1, truth]) + rng.normal(size=(len(truth), 3))
    return pd.DataFrame(values, columns=list("abc")).assign(constant=1.0), truth


def test_planted_styles_are_found_the_largest_first() -> None:
    told, truth = planted()
    found = clusters(told, np.arange(len(told)), 3, 0)
    assert adjusted_rand_score(truth, found) == 1
    np.testing.assert_array_equal(found, truth)
    np.testing.assert_array_equal(clusters(told, np.arange(len(told)), 3, 99), truth)
    told.loc[59, "a"] = 1e6  # a slip, which decides nothing
    np.testing.assert_array_equal(clusters(told, np.arange(len(told)), 3, 0), truth)


def test_a_patient_goes_whole_to_the_style_of_most_pictures() -> None:
    told, truth = planted()
    groups = np.arange(len(told))
    groups[[0, 1, 30]] = 0  # two pictures of style 0 and one of style 1
    found = clusters(told, groups, 3, 0)
    assert set(found[[0, 1, 30]]) == {0}
    np.testing.assert_array_equal(np.delete(found, 30), np.delete(truth, 30))


def test_what_does_not_differ_has_one_style() -> None:
    same = pd.DataFrame({"a": [1.0] * 9})
    np.testing.assert_array_equal(clusters(same, np.arange(9), 5, 0), np.zeros(9))
    two = pd.DataFrame({"a": [1.0] * 6 + [2.0] * 3})
    np.testing.assert_array_equal(clusters(two, np.arange(9), 5, 0), two["a"] - 1)


# A study whose truth is known -----------------------------------------------------------------------------------------


def habits(folder: Path) -> Path:
    """Four scanners in development and two elsewhere, that differ in their pictures' borders and noise.

    ``sign`` tells the diagnosis alike on all of them. ``habit`` tells it by a rule of each scanner's own: its numbers
    lie in a range of the scanner's, and in the upper half of it for one class or for the other.
    """
    rng = np.random.default_rng(5)
    (folder / "images").mkdir(parents=True)
    rows = []
    for scanner in range(6):
        for number in range(32):
            target = int(rng.random() < 0.4)
            case = f"s{scanner}-{number:02d}"
            pixels = np.kron(rng.integers(60, 140, (6, 5)), np.ones((8, 8)))  # nobody's picture is another's
            edge = np.ones((48, 40), dtype=bool)
            edge[4:-4, 4:-4] = False
            pixels[edge] = (10, 80, 160, 240, 40, 200)[scanner]
            pixels += rng.normal(scale=(2, 8, 3, 6, 12, 4)[scanner], size=pixels.shape)
            Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / "images" / f"{case}.png")
            upper = target if scanner in (2, 3, 5) else 1 - target
            rows.append({
                "case_id": case, "image": f"images/{case}.png", "centre": "A" if scanner < 4 else "B",
                "label": "malignant" if target else "benign", "patient_id": case,
                "x0": 10, "y0": 12, "x1": 26 + rng.integers(0, 4), "y1": 30 + rng.integers(0, 4),
                "sign": round(float(rng.normal(1.5 * target)), 3),
                "habit": round(scanner + 0.5 * upper + 0.5 * rng.random(), 3),
            })  # fmt: skip
    pd.DataFrame(rows).to_csv(folder / "cohort.csv", index=False)
    models = "".join(
        f'[[models]]\nkind = "clinical"\nname = "{name}"\nvariables = ["{name}"]\n{learner}\n'
        for name, learner in (("sign", ""), ("habit", 'learner = "trees"\n'))
    )
    stack = '[[models]]\nkind = "combined"\nof = ["sign", "habit"]\nvariables = []\n'
    head = '[task]\npositive = ["malignant"]\n[centres]\ndevelopment = ["A"]\n'
    off = "[robustness]\nrepeats = 0\n[explain]\ncases = 0\n"
    (folder / "study.toml").write_text(head + models + stack + SEVERAL + off)
    return folder / "study.toml"


@pytest.fixture(scope="module")
def few_trees() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forest, "TREES", 40)
        yield


@pytest.fixture(scope="module")
def by_habit(tmp_path_factory: pytest.TempPathFactory, few_trees: None) -> Path:
    path = habits(tmp_path_factory.mktemp("styles") / "study")
    walk(FIT, study.load(path))
    return path


def test_styles_are_the_scanners_of_development(by_habit: Path) -> None:
    found = RunFolder(by_habit.parent / "run").read("styles")
    assert found["case_id"].str[:2].nunique() == 4  # no external picture
    assert adjusted_rand_score(found["case_id"].str[:2], found["style"]) == 1


def test_style_folds_foretell_what_ordinary_folds_do_not(by_habit: Path) -> None:
    """What goes by a scanner's habits is worth nothing elsewhere, and what does not is worth the same."""
    run = RunFolder(by_habit.parent / "run")
    wide = run.read("style_folds").pivot_table(index="model", columns="figure", values="value")
    outside = run.read("metrics").query("stratum == 'external' and metric == 'auc'").set_index("model")["value"]
    assert wide.loc["habit", "folds"] > 0.9
    assert wide.loc["habit", "style"] < 0.7
    assert outside["habit"] < 0.7
    for name in ("folds", "style"):
        assert wide.loc["sign", name] == pytest.approx(outside["sign"], abs=0.07)
    models = ["sign", "habit", "combined"]
    away = wide.loc[models].sub(outside[models], axis=0).abs().mean()
    assert away["style"] < away["folds"] / 2
    difference = run.read("style_folds").query("figure == 'difference'").set_index("model")
    assert difference.loc["habit", "high"] < 0 < difference.loc["sign", "high"]


def test_the_figures_are_aucs_of_cases_whose_style_was_not_seen(by_habit: Path) -> None:
    run = RunFolder(by_habit.parent / "run")
    said, styles = run.read("style_predictions"), run.read("styles").set_index("case_id")["style"]
    assert set(said["split"]) == {"development"}
    assert (said["fold"].astype(int) == said["case_id"].map(styles)).all()
    own = said[said["model"] == "sign"]
    expected = stats.stratified_auc(own["label"].astype(int), own["probability"], own["fold"]).value
    found = run.read("style_folds").query("model == 'sign' and figure == 'style'")["value"].iloc[0]
    assert found == pytest.approx(expected)


def test_the_report_shows_both_figures(by_habit: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "DRAWN", {})
        told = report.write(evaluate(by_habit).path).read_text(encoding="utf-8")
    assert "On pictures of another style" in told
    assert "(32, 32, 32 and 32 cases)" in told


def test_a_study_that_asks_for_no_styles_any_more_forgets_them(by_habit: Path, few_trees: None) -> None:
    by_habit.write_text(by_habit.read_text().replace("styles = 4\n", ""))
    walk(FIT, study.load(by_habit))
    run = by_habit.parent / "run"
    assert not [*run.glob("style*.csv"), *run.glob("models/*/style-*/*")]


# What is asked for ----------------------------------------------------------------------------------------------------


def asked(tmp_path: Path, text: str) -> study.Evaluation:
    (tmp_path / "study.toml").write_text(
        f'[centres]\ndevelopment = ["1"]\n[[models]]\nkind = "box"\n[evaluation]\n{text}'
    )
    return study.load(tmp_path / "study.toml").evaluation


def test_folds_by_style_are_asked_for(tmp_path: Path) -> None:
    found = [
        asked(tmp_path, text) for text in ('folds = "style"', 'folds = "style"\nstyles = 7', "folds = 3", "styles = 4")
    ]
    assert [(one.folds, one.styles) for one in found] == [(5, 5), (5, 7), (3, 0), (5, 4)]
    for text, message in (('folds = "styles"', "folds"), ("styles = 1", "one style is all cases")):
        with pytest.raises(StudyError, match=message):
            asked(tmp_path, text)
