"""The time from the advice to the answer, and the analysis without answers that came too quickly."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from osteon.core.errors import TableError
from osteon.readers import analyse, simulate
from osteon.readers.hurry import seconds_after_advice, unhurried
from osteon.readers.words import sentences


def timed(seconds: float = 8.0) -> pd.DataFrame:
    """Two arms; the advice comes at ten, the answer some seconds later."""
    readings = simulate(np.random.default_rng(1), readers=3, cases=40).readings
    advice = pd.Timestamp("2026-03-01T10:00:00+00:00")
    aided = readings["arm"] == "aided"
    return readings.assign(
        advice_at=np.where(aided, advice.isoformat(), ""),
        answered_at=(advice + pd.Timedelta(seconds=seconds)).isoformat(),
    )


def test_seconds_are_counted_across_zones_and_forms() -> None:
    table = pd.DataFrame(
        [
            ("2026-03-01T10:00:00+00:00", "2026-03-01T11:00:02.500000+01:00"),
            ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00.200000Z"),
            ("", "2026-03-01T10:00:00Z"),
            ("2026-03-01 10:00:01", "2026-03-01 10:00:00"),
        ],
        columns=["advice_at", "answered_at"],
    )
    found = seconds_after_advice(table)
    assert found[[0, 1, 3]].tolist() == pytest.approx([2.5, 0.2, -1.0])
    assert np.isnan(found[2])
    assert seconds_after_advice(table.drop(columns="advice_at")).isna().all()


def test_a_time_that_is_none_is_named() -> None:
    table = timed().astype({"answered_at": object})
    table.loc[4, "answered_at"] = "ten o'clock"
    with pytest.raises(TableError, match=r"row 6, column 'answered_at': 'ten o'clock' is not a time"):
        analyse(table)


def test_quick_answers_are_counted_and_left_out_in_every_arm() -> None:
    table = timed()
    quick = (table["arm"] == "aided") & (table["reader"] == "S02") & table["case_id"].isin(["case0001", "case0030"])
    table.loc[quick, "answered_at"] = "2026-03-01T10:00:00.400000+00:00"
    slow = (table["arm"] == "aided") & (table["reader"] == "S03") & (table["case_id"] == "case0007")
    table.loc[slow, "answered_at"] = "2026-03-01T10:00:01+00:00"  # a second is not less than a second
    table.loc[(table["reader"] == "S01") & (table["case_id"] == "case0003"), "advice_at"] = ""
    found = analyse(table)
    rows = found.reader_advice.set_index("reader")
    assert rows["arm"].eq("aided").all()
    assert rows["quick"].to_dict() == {"all": 2, "S01": 0, "S02": 2, "S03": 0}
    assert rows["unseen"].to_dict() == {"all": 1, "S01": 1, "S02": 0, "S03": 0}
    assert rows.loc["all", "answers"] == 119
    assert rows.loc["S02", ["median", "low", "high"]].tolist() == [8, 8, 8]
    keys = set(zip(table.loc[quick, "reader"], table.loc[quick, "case_id"], strict=True))
    kept = [key not in keys for key in zip(table["reader"], table["case_id"], strict=True)]
    again = analyse(table[kept].drop(columns=["advice_at"])).reader_comparisons
    pd.testing.assert_frame_equal(found.reader_unhurried.drop(columns="primary"), again.drop(columns="primary"))
    said = " ".join(
        sentences(
            found.reader_metrics, found.reader_comparisons, found.reliance, found.reader_advice, found.reader_unhurried
        )
    )
    assert "came 8.0 s after it appeared (median; quartiles 8.0 to 8.0 s); 2 of 119 within a second" in said
    assert "1 answer had no advice on the screen" in said
    assert "Without the cases that were answered within a second: AUC difference" in said


def test_without_quick_answers_or_times_nothing_is_said() -> None:
    found = analyse(timed())
    assert found.reader_unhurried.empty
    assert found.reader_advice["quick"].eq(0).all()
    assert analyse(timed().drop(columns="advice_at")).reader_advice.empty
    assert unhurried(timed().assign(after_advice=np.nan)) is None
