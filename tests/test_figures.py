"""The figures: drawn from the tables' own numbers, legible whatever the study, the same bytes every time."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text
from PIL import Image

from osteon.core.run import RunFolder
from osteon.core.words import number
from osteon.results import figures
from osteon.results.evaluate import Evaluation, evaluate
from osteon.results.figures.cohort import leaving
from osteon.results.figures.style import looks
from osteon.study import Box, Radiomics
from simulated_run import simulate, thumbnails, write_inputs

FOUR = ("resnet50-radimagenet", "resnet50-imagenet", "clinical", "box")
FLOW = {
    "positive": "non-benign",
    "stages": [{"name": "in the table", "cases": 1234, "patients": 900}, {"name": "studied", "cases": 1200}],
    "excluded": [{"reason": "image cannot be read", "cases": 34, "case_ids": []}],
    "groups": [
        {"name": "development", "role": "development", "cases": 700, "patients": 600, "positive": 211},
        *(
            {"name": f"centre:{c}", "role": "external", "cases": 100, "patients": 60, "positive": 0}
            for c in ("2", "Radiopaedia", "4", "5", "6")
        ),
    ],
}


@pytest.fixture(scope="module")
def four() -> Evaluation:
    """Four models, three external centres, of which the last has one class only."""
    simulated = simulate(8, scale=0.4, models=FOUR)
    simulated.predictions.loc[simulated.predictions["centre"] == "4", "label"] = 0
    return evaluate(simulated.predictions, simulated.cohort, simulated.study)


@pytest.fixture(scope="module")
def many(four: Evaluation) -> Evaluation:
    """The same tables as a study of twelve models with long names would have them."""
    names = [f"convnext_tiny-radimagenet-{i:02d}" for i in range(12)]

    def widened(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
        parts = []
        for name in names:
            part = frame[frame["model"] == FOUR[0]] if "model" in frame else frame
            parts.append(part.assign(**dict.fromkeys(columns, name)))
        return pd.concat(parts, ignore_index=True)

    changed = {n: widened(getattr(four, n), "model") for n in ("metrics", "roc", "calibration", "decision", "scores")}
    changed |= {n: widened(getattr(four, n), "model") for n in ("heterogeneity", "operating_points", "subgroups")}
    pair = four.comparisons[four.comparisons["primary"]]
    pairs = [
        pair.assign(model_a=a, model_b=b, primary=(i, j) == (0, 1), p_holm=0.5)
        for i, a in enumerate(names)
        for j, b in enumerate(names)
        if i < j
    ]
    return Evaluation(**{**vars(four), **changed, "comparisons": pd.concat(pairs, ignore_index=True)})


def used(models: list[str], count: int = 30) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What two radiomics models would go by."""
    spread = np.linspace(0.05, 0.2, count)
    coefficient = np.linspace(1.5, 0.1, count) * (-1) ** np.arange(count)
    rows = {
        "feature": [f"glszm_small_zone_high_grey_level_emphasis_{i}" for i in range(count)],
        "folds": np.linspace(5, 1, count).astype(int), "of": 5, "coefficient": coefficient,
        "least": coefficient - spread, "greatest": coefficient + spread,
    }  # fmt: skip
    table = pd.concat([pd.DataFrame(rows).assign(model=name) for name in models], ignore_index=True)
    values = {"value": [0.62, np.nan], "low": [0.58, np.nan], "high": [0.66, np.nan], "method": "Nogueira 2018", "n": 5}
    return table, pd.DataFrame({"model": models, **values})


def drawn(found: Evaluation) -> dict[str, Figure]:
    pictures = thumbnails(list(found.examples["case_id"])[3:], side=24)
    return {
        "flow": figures.flow(FLOW),
        "roc": figures.roc(found.roc, found.metrics),
        "forest": figures.forest(found.metrics, found.heterogeneity),
        "comparisons": figures.comparisons(found.comparisons, found.metrics),
        "calibration": figures.calibration(found.calibration, found.metrics, found.scores),
        "decision": figures.decision(found.decision),
        "scores": figures.scores(found.scores, found.operating_points),
        "subgroups": figures.subgroups(found.subgroups),
        "examples": figures.examples(found.examples, pictures, "non-benign"),
        "selected_features": figures.selected_features(*used(["radiomics", "radiomics-with-a-long-name-and-box"])),
    }


@pytest.fixture(scope="module")
def all_four(four: Evaluation) -> dict[str, Figure]:
    return drawn(four)


def words(figure: Figure) -> list[Text]:
    """Every text that is drawn; matplotlib keeps labels of ticks beyond the axis, which are not."""
    beyond = set()
    for panel in figure.axes:
        for axis in (panel.xaxis, panel.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [t for t in axis.get_major_ticks() if not low - 1e-9 <= t.get_loc() <= high + 1e-9]
            beyond |= {label for t in ticks for label in (t.label1, t.label2)}
    found = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip() and t not in beyond]
    return [t for t in found if t.axes is None or t.axes.axison or t in t.axes.texts]


def said(figure: Figure) -> str:
    return " | ".join(text.get_text() for text in figure.findobj(Text))


@pytest.mark.parametrize("study", ["four", "many"])
def test_no_word_leaves_its_figure_and_no_two_lie_on_each_other(
    study: str, all_four: dict[str, Figure], request: pytest.FixtureRequest
) -> None:
    for name, figure in (all_four if study == "four" else drawn(request.getfixturevalue("many"))).items():
        figure.draw_without_rendering()
        width, height = figure.canvas.get_width_height()
        boxes = [(t.get_text(), t.get_window_extent()) for t in words(figure)]
        for text, box in boxes:
            inside = box.x0 > -2 and box.x1 < width + 2 and box.y0 > -2 and box.y1 < height + 2
            assert inside, (name, text, box.extents)
        for i, (text, box) in enumerate(boxes):
            for other, against in boxes[i + 1 :]:
                across = min(box.x1, against.x1) - max(box.x0, against.x0)
                along = min(box.y1, against.y1) - max(box.y0, against.y0)
                assert across < 2 or along < 2, (name, text, other)


def test_features_stand_at_their_coefficients_with_their_folds(all_four: dict[str, Figure]) -> None:
    table, _ = used(["radiomics", "other"])
    for panel in all_four["selected_features"].axes:
        (points,) = (line for line in panel.lines if line.get_marker() in "os" and len(line.get_xdata()) > 2)
        np.testing.assert_array_equal(points.get_xdata(), table["coefficient"].head(20))
    assert "stability 0.62" in said(all_four["selected_features"])
    assert "nan" not in said(all_four["selected_features"])
    assert "5/5" in said(all_four["selected_features"])


def test_roc_lines_and_areas_are_the_tables_own(four: Evaluation, all_four: dict[str, Figure]) -> None:
    figure = all_four["roc"]
    titles = [panel.get_title(loc="left") for panel in figure.axes if panel.axison]
    assert titles == ["Development, out of fold", "Centre 2", "Centre 3", "Centre 4", "External, pooled"]
    for panel, stratum in zip(figure.axes, dict.fromkeys(four.metrics["stratum"]), strict=False):
        curves = four.roc[four.roc["stratum"] == stratum]
        for model in dict.fromkeys(curves["model"]):
            rows = curves.loc[curves["model"] == model, ["false_positive_rate", "sensitivity"]].to_numpy()
            assert any(np.array_equal(line.get_xydata(), rows) for line in panel.lines), (stratum, model)
        areas = four.metrics[(four.metrics["stratum"] == stratum) & (four.metrics["metric"] == "auc")]
        legend = panel.get_legend()
        shown = " ".join(text.get_text() for text in [*panel.texts, *(legend.get_texts() if legend else [])])
        if stratum == "centre:4":
            assert "not estimable" in shown
            assert "0.5" not in shown
        else:
            assert all(number(value) in shown for value in areas["value"])


def test_every_number_of_the_forest_and_of_the_matrix_is_printed(four: Evaluation, all_four: dict[str, Figure]) -> None:
    areas = four.metrics[four.metrics["metric"] == "auc"]
    printed = said(all_four["forest"])
    for _, row in areas.iterrows():
        expected = "not estimable"
        if row["value"] == row["value"]:
            expected = f"{number(row['value'], 3)} ({number(row['low'], 3)} to {number(row['high'], 3)})"
        assert expected in printed
    matrix = said(all_four["comparisons"])
    for _, row in four.comparisons[four.comparisons["stratum"] == "external"].iterrows():
        # The column's model stands first in the table of models, so the sign is the table's or its opposite.
        assert any(number(sign * row["difference"], 3, sign=True) in matrix for sign in (1, -1))


def test_a_model_looks_alike_in_every_figure_and_like_no_other(all_four: dict[str, Figure]) -> None:
    look = looks(FOUR)
    assert len({(v.colour, str(v.dash)) for v in looks(map(str, range(56))).values()}) == 56
    for name in ("roc", "decision"):
        for model, style in look.items():
            lines = [line for panel in all_four[name].axes for line in panel.lines if line.get_color() == style.colour]
            assert lines, (name, model)
    # Told apart without colour: among any study's models no dash and marker pair returns before the ninth.
    eight = list(looks(map(str, range(8))).values())
    assert len({str(v.dash) for v in eight}) == len({v.marker for v in eight}) == 8


def test_a_look_goes_with_the_kind_and_stays_when_models_are_added() -> None:
    kinds = {"r": Radiomics.drawn, "box": Box.drawn, **dict.fromkeys(("a", "b", "own", "later"))}
    few = looks(["a", "b", "box"], kinds)
    for added in (["r"], ["later"], ["own", "r"], ["by hand"], ["later", "own", "r", "by hand", "another"]):
        more = looks(["a", "b", *added, "box"], kinds)
        assert {name: more[name] for name in few} == few
        assert len({(look.colour, str(look.dash)) for look in more.values()}) == len(more)
    assert looks(["a", "by hand"], kinds)["by hand"].named("by hand") == "by hand (added by hand)"
    many = dict.fromkeys(f"n{i}" for i in range(24))
    assert len({(look.colour, str(look.dash)) for look in looks(many, many).values()}) == 24


def test_the_flow_loses_cases_where_its_arrow_leaves() -> None:
    stages = [{"name": name, "cases": n} for name, n in (("in the table", 20), ("a", 20), ("b", 15), ("studied", 14))]
    excluded = [{"reason": "late", "stage": "studied", "cases": 1}, {"reason": "mid", "stage": "b", "cases": 5}]
    gaps = [[], [(5, "mid")], [(1, "late")]]
    assert leaving(stages, excluded) == gaps
    assert leaving(stages, [{k: v for k, v in each.items() if k != "stage"} for each in excluded[::-1]]) == gaps
    assert leaving(stages, excluded[:1]) == [[], [(5, "no reason recorded")], [(1, "late")]]
    figure = figures.flow({"stages": stages, "excluded": excluded, "groups": []})
    heights = {text.get_text(): text.get_position()[1] for text in figure.findobj(Text)}
    assert heights["15 cases"] < heights["5  mid"] < heights["A"]
    assert heights["14 cases"] < heights["1  late"] < heights["15 cases"]
    assert "1 case set aside" in heights


def test_no_legend_lies_over_a_curve(all_four: dict[str, Figure]) -> None:
    for name in ("roc", "calibration", "decision"):
        figure = all_four[name]
        figure.draw_without_rendering()
        for legend in figure.findobj(Legend):
            box = legend.get_window_extent()
            for panel in figure.axes:
                inner = panel.get_window_extent()
                across = min(box.x1, inner.x1) - max(box.x0, inner.x0)
                along = min(box.y1, inner.y1) - max(box.y0, inner.y0)
                assert min(across, along) < 1 or not panel.axison, (name, box.extents, inner.extents)


def test_the_key_of_two_wide_panels_leaves_their_areas_alone(many: Evaluation) -> None:
    two = ["development", "centre:2"]
    parts = (table[table["stratum"].isin(two)] for table in (many.roc, many.metrics))
    figure = figures.roc(*parts)
    figure.draw_without_rendering()
    width, height = figure.canvas.get_width_height()
    boxes = [text.get_window_extent() for text in words(figure)]
    assert all(box.y0 > -2 and box.y1 < height + 2 and box.x1 < width + 2 for box in boxes)
    legends = [legend.get_window_extent() for legend in figure.findobj(Legend)]
    assert len(legends) == 3
    for i, one in enumerate(legends):
        assert not any(one.shrunk(0.98, 0.98).overlaps(other.shrunk(0.98, 0.98)) for other in legends[i + 1 :])


def test_interactions_that_cannot_be_had_are_said_once(four: Evaluation) -> None:
    figure = figures.subgroups(four.subgroups.assign(p_interaction=np.nan))
    assert "interaction: not estimable" in said(figure)
    assert "–" not in said(figure)


def test_the_same_figure_is_the_same_bytes_with_text_as_text(four: Evaluation, tmp_path: Path) -> None:
    for name in ("a", "b"):
        figures.save(figures.decision(four.decision), tmp_path / name)
    svg = (tmp_path / "a.svg").read_bytes()
    assert svg == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    tree = ElementTree.fromstring(svg)
    texts = ["".join(t.itertext()) for t in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert "Threshold probability" in texts
    assert not re.search(rb"\d{4}-\d\d-\d\dT", svg)
    assert b"CreationDate" not in (tmp_path / "a.pdf").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pdf", "a.svg", "b.pdf", "b.svg"]


def test_a_figure_is_written_to_the_files_that_are_asked_for(four: Evaluation, tmp_path: Path) -> None:
    figure = figures.decision(four.decision)
    written = {}
    for name, also in (("a", ("png", "tiff")), ("b", ("tiff", "png"))):
        paths = figures.save(figure, tmp_path / name, also=also, dpi=150)
        assert {path.suffix for path in paths} == {".svg", ".png", ".tiff"}
        written[name] = {path.suffix: path.read_bytes() for path in paths}
    assert written["a"] == written["b"]
    for kind in ("png", "tiff"):
        with Image.open(tmp_path / f"a.{kind}") as picture:
            assert picture.width == round(figure.get_figwidth() * 150)
            assert np.asarray(picture.info["dpi"], dtype=float) == pytest.approx([150, 150], abs=0.1)
    figures.save(figure, tmp_path / "a", also=())
    assert sorted(path.name for path in tmp_path.glob("a.*")) == ["a.svg"]


def test_drawing_leaves_matplotlib_as_it_was(four: Evaluation, tmp_path: Path) -> None:
    with mpl.rc_context({"font.size": 33.0}):
        before = dict(mpl.rcParams)
        figures.save(figures.flow(FLOW), tmp_path / "flow")
        assert dict(mpl.rcParams) == before
    code = "import osteon.results.figures, sys; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_flow_says_what_flow_json_says(all_four: dict[str, Figure]) -> None:
    printed = said(all_four["flow"])
    for text in (
        "1,234 cases, 900 patients",
        "34  image cannot be read",
        "211 non-benign (30%)",
        "Radiopaedia",
        "Centre 6",
    ):
        assert text in printed


def test_an_empty_flow_and_a_study_of_one_centre_can_be_drawn() -> None:
    figures.flow({"stages": [{"name": "studied", "cases": 3}], "groups": FLOW["groups"][:1]}).draw_without_rendering()
    simulated = simulate(8, scale=0.3, models=("inception_v3-imagenet", "box"))
    inside = simulated.predictions[simulated.predictions["split"] == "development"]
    for figure in drawn(evaluate(inside, simulated.cohort, simulated.study)).values():
        figure.draw_without_rendering()


def test_examples_show_the_crops_and_say_where_one_is_missing(four: Evaluation, all_four: dict[str, Figure]) -> None:
    figure = all_four["examples"]
    images = [panel.images[0].get_array() for panel in figure.axes if panel.images]
    expected = thumbnails(list(four.examples["case_id"])[3:], side=24)
    shown = [case for case in four.examples["case_id"] if case in expected]
    assert 0 < len(shown) < len(four.examples)
    for image, case in zip(images, shown, strict=True):
        np.testing.assert_array_equal(np.asarray(image), expected[case])
    assert "no picture" in said(figure)
    assert all(case in said(figure) for case in four.examples["case_id"])


def test_a_run_folder_is_drawn_whole_and_stale_figures_go(tmp_path: Path) -> None:
    simulated = simulate(8, scale=0.2, models=("inception_v3-imagenet", "box"), figures={"also": ["pdf"]})
    write_inputs(tmp_path, simulated)
    evaluate(simulated.predictions, simulated.cohort, simulated.study).write(tmp_path)
    paths = figures.draw_all(tmp_path)
    stems = {path.stem for path in paths}
    every = "flow roc forest comparisons calibration decision selective scores subgroups examples"
    assert stems == set(every.split(" "))
    assert {path.suffix for path in paths} == {".svg", ".pdf"}
    assert all(path.stat().st_size > 1000 for path in paths)
    for path in tmp_path.glob("*.csv"):
        path.unlink()
    assert {path.stem for path in figures.draw_all(tmp_path)} == {"flow"}
    assert figures.draw_all(tmp_path, anew=figures.READERS) == []  # the flow is there, and there are no readers
    (tmp_path / "figures" / "flow.svg").unlink()
    assert {path.stem for path in figures.draw_all(tmp_path, anew=figures.READERS)} == {"flow"}
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == {"flow"}


def test_any_case_identifier_makes_a_safe_file_name(tmp_path: Path) -> None:
    for case_id in ("a/b", "../x", "c:d?", "Fall ä"):
        assert RunFolder(tmp_path).thumbnail(case_id).parent == tmp_path / "thumbnails"
