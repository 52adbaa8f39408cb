"""Boxes on lesions: the rules, their edges, and what the analysis makes of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from osteon.core.errors import InputError, TableError
from osteon.readers import Criterion, analyse, simulate
from osteon.readers.localisation import localised, overlap
from osteon.stats import lroc_ci, proportion_ci
from osteon.web.export import drawn_and_lesion


def boxes(*rows: tuple[object, ...]) -> pd.DataFrame:
    """truth, the drawn box or None, and the lesion's box or None."""
    nothing = [np.nan] * 4
    return pd.DataFrame(
        [
            {"truth": truth}
            | dict(zip(("box_x0", "box_y0", "box_x1", "box_y1"), drawn or nothing, strict=True))
            | dict(zip(("lesion_x0", "lesion_y0", "lesion_x1", "lesion_y1"), lesion or nothing, strict=True))
            for truth, drawn, lesion in rows
        ]
    )


LESION = (10, 10, 20, 30)  # 10 wide, 20 high


@pytest.mark.parametrize(
    ("drawn", "iou"),
    [
        (LESION, 1.0),
        ((10, 10, 20, 20), 0.5),  # its upper half: exactly half, and that is enough
        ((10, 10, 20, 19), 0.45),
        ((0, 0, 40, 40), 0.125),
        ((15, 10, 25, 30), 1 / 3),
        ((20, 10, 30, 30), 0.0),  # they touch
        ((100, 100, 110, 110), 0.0),
    ],
)
def test_intersection_over_union_by_hand(drawn: tuple[float, ...], iou: float) -> None:
    table = boxes((1, drawn, LESION))
    assert overlap(np.array([drawn], dtype=float), np.array([LESION], dtype=float))[0] == pytest.approx(iou)
    assert localised(table, Criterion("iou", 0.5))[0] == (iou >= 0.5)
    if iou > 0:
        assert localised(table, Criterion("iou", iou))[0] == 1


@pytest.mark.parametrize("least", [0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9])
def test_a_threshold_is_its_decimal(least: float) -> None:
    """A box of exactly that share of the lesion meets it, whatever the binary number is."""
    table = boxes((1, (0, 0, 10, round(100 * least)), (0, 0, 10, 100)))
    assert localised(table, Criterion("iou", least))[0] == 1


@pytest.mark.parametrize(
    ("drawn", "inside"),
    [((14, 19, 16, 21), True), ((0, 0, 30, 40), True), ((0, 0, 20, 20), True), ((0, 0, 19, 20), False)],
)
def test_the_centre_may_lie_on_the_edge(drawn: tuple[float, ...], inside: bool) -> None:
    assert localised(boxes((1, drawn, LESION)), Criterion("centre"))[0] == inside


def test_who_is_found_missed_or_not_asked() -> None:
    table = boxes((1, None, LESION), (0, LESION, LESION), (0, None, None), (1, LESION, None), (1, LESION, LESION))
    assert localised(table, Criterion()).fillna(-1).tolist() == [0, -1, -1, -1, 1]


def test_boxes_on_different_pictures_do_not_meet() -> None:
    table = boxes((1, LESION, LESION), (1, LESION, LESION)).assign(box_view=[1, 2], lesion_view=[1, 1])
    assert localised(table, Criterion()).tolist() == [1, 0]


def test_a_box_is_whole() -> None:
    table = boxes((1, LESION, LESION), (1, LESION, LESION))
    table.loc[1, "box_y0"] = np.nan
    with pytest.raises(TableError, match=r"row 3, column 'box_y0': the box lacks this side"):
        localised(table, Criterion())
    with pytest.raises(TableError, match=r"row 2.*20, 10, 10, 30 has no area"):
        localised(boxes((1, (20, 10, 10, 30), LESION)), Criterion())
    for wrong in (("overlap", 0.5), ("iou", 0.0), ("iou", 1.5)):
        with pytest.raises(InputError):
            Criterion(*wrong)


def with_boxes(readings: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Readers draw near the lesion, and sometimes not at all."""
    drawn = np.array([100.0, 100, 200, 220]) + rng.normal(0, 22, (len(readings), 4))
    drawn[rng.random(len(readings)) < 0.1] = np.nan
    lesion = pd.DataFrame([LESION_AT] * len(readings), columns=[f"lesion_{s}" for s in ("x0", "y0", "x1", "y1")])
    found = pd.DataFrame(drawn, columns=[f"box_{s}" for s in ("x0", "y0", "x1", "y1")])
    return pd.concat([readings.reset_index(drop=True), found, lesion], axis=1)


LESION_AT = (100.0, 100.0, 200.0, 220.0)


def test_the_analysis_counts_lesions_found() -> None:
    rng = np.random.default_rng(2)
    readings = with_boxes(simulate(rng, readers=4, cases=50).readings, rng)
    found = analyse(readings, criterion=Criterion("iou", 0.5))
    metrics = found.reader_metrics.set_index(["reader", "arm", "metric"])
    own = readings[(readings["reader"] == "S02") & (readings["arm"] == "aided")]
    hit = localised(own.reset_index(drop=True), Criterion("iou", 0.5)).to_numpy()
    area = lroc_ci(own["truth"], own["confidence"], hit)
    assert metrics.loc[("S02", "aided", "lroc"), "value"].item() == pytest.approx(area.value)
    assert metrics.loc[("S02", "aided", "lroc"), "low"].item() == pytest.approx(area.low)
    share = proportion_ci(hit[own["truth"].to_numpy() == 1])
    assert metrics.loc[("S02", "aided", "localised"), "value"].item() == pytest.approx(share.value)
    means = found.reader_metrics[found.reader_metrics["metric"] == "lroc"].set_index(["arm", "reader"])["value"]
    assert means["aided", "all"] == pytest.approx(means["aided"].drop("all").mean())
    compared = found.reader_comparisons
    for metric in ("lroc", "localised"):
        rows = compared[(compared["reader"] == "all") & (compared["metric"] == metric)]
        assert set(rows["random"]) == {"readers and cases", "cases", "readers"}
        assert rows["low"].notna().all()
    loose, strict = (
        analyse(readings, criterion=rule).reader_metrics.set_index(["reader", "arm", "metric"])["value"]
        for rule in (Criterion("iou", 0.1), Criterion("iou", 0.9))
    )
    assert strict["all", "aided", "lroc"] < means["aided", "all"] < loose["all", "aided", "lroc"]


def test_a_case_whose_lesion_is_nowhere_is_left_out_of_localisation_only() -> None:
    rng = np.random.default_rng(3)
    readings = with_boxes(simulate(rng, readers=3, cases=40).readings, rng)
    unknown = readings["case_id"] == "case0002"
    readings.loc[unknown, [f"lesion_{s}" for s in ("x0", "y0", "x1", "y1")]] = np.nan
    metrics = analyse(readings).reader_metrics.set_index(["reader", "arm", "metric"])["n"]
    assert metrics["S01", "aided", "auc"] == 40
    assert metrics["S01", "aided", "lroc"] == 39
    without = readings.drop(columns=["box_x0"])
    assert "lroc" not in set(analyse(without).reader_metrics["metric"])


def test_an_export_puts_the_lesion_beside_the_box_that_was_drawn() -> None:
    """Case A has its lesion on both pictures, B on its second only, C on none."""
    lesions = {("A", 1): [0, 0, 5, 5], ("A", 2): [1, 1, 6, 6], ("B", 2): [2, 2, 7, 7]}
    box = {"x0": 0.0, "y0": 0.0, "x1": 4.0, "y1": 4.0}
    given = [("A", {"view": 2, **box}), ("A", None), ("B", {"view": 1, **box}), ("C", {"view": 1, **box})]
    found = drawn_and_lesion(pd.DataFrame(given, columns=["case_code", "box"]), lesions)
    assert found["box_view"].fillna(0).tolist() == [2, 0, 1, 1]
    assert found["lesion_view"].fillna(0).tolist() == [2, 1, 2, 0]
    assert found["lesion_x0"].fillna(-1).tolist() == [1, 0, 2, -1]
    judged = localised(found.assign(truth=1), Criterion("iou", 0.3)).fillna(-1).tolist()
    assert judged == [0, 0, 0, -1]  # drawn on the wrong place, not at all, on the wrong picture; and never known
