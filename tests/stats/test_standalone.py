"""A model alone against readers: RJafroc, definitions, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from osteon.core.errors import InputError, NotEstimableError
from osteon.stats import delong_test, obuchowski_rockette, standalone


@pytest.fixture(scope="module")
def table(van_dyke):
    """Readers of one arm; reader 1 stands in for the model."""
    return van_dyke[van_dyke["arm"] == 2].drop(columns="arm")


@pytest.mark.parametrize("arm", [1, 2])
def test_as_rjafroc(van_dyke, reference, arm):
    expected = reference("standalone")
    own = van_dyke[van_dyke["arm"] == arm]
    both, fixed = (standalone(own, "1", cases=cases) for cases in ("random", "fixed"))
    for found, key in ((both, str(arm)), (fixed, f"{arm} cases fixed")):
        c = found.difference  # ours is model - readers, theirs readers - model
        for value, name in ((-c.high, "low"), (-c.low, "high"), (-c.z, "t"), (c.df, "df"), (c.p, "p")):
            assert value == pytest.approx(expected[f"{key} {name}"], rel=1e-9), (key, name)
    assert both.model.value == pytest.approx(expected[f"{arm} model"], rel=1e-12)
    assert both.readers.value == pytest.approx(expected[f"{arm} readers"], rel=1e-12)
    assert both.difference.difference == pytest.approx(-expected[f"{arm} difference"], rel=1e-9)


def test_one_reader_is_delong(table):
    found = standalone(table, "1", readers="fixed", covariance="delong")
    scores = table.pivot_table(index=["truth", "case"], columns="reader", values="score").reset_index()
    for reader, ours in found.by_reader.items():
        theirs = delong_test(scores["truth"], scores[1], scores[int(reader)])
        assert (ours.difference, ours.se, ours.p) == pytest.approx((theirs.difference, theirs.se, theirs.p), rel=1e-9)
    only = standalone(table[table["reader"].isin([1, 4])], "1", readers="fixed", covariance="delong")
    assert only.difference.p == pytest.approx(found.by_reader["4"].p, rel=1e-9)


def test_readers_are_those_of_the_study_without_the_model(table):
    found = standalone(table, "1")
    alone = obuchowski_rockette(table[table["reader"] != 1]).estimates["all"]
    assert (found.readers.value, found.readers.low, found.readers.high) == (alone.value, alone.low, alone.high)
    frame = found.to_frame()
    assert list(frame["what"][:3]) == ["model", "readers", "model - readers"]
    assert len(frame) == 3 + found.n_readers == 7
    assert "model - readers: AUC difference 0.009" in str(found)


def test_another_scale_and_patients_of_one_case_change_nothing(table):
    found = standalone(table, "1").difference
    scaled = table.assign(score=np.where(table["reader"] == 1, np.exp(table["score"]) / 1000, table["score"]))
    assert standalone(scaled, "1").difference == found
    again = standalone(table.assign(patient=table["case"]), "1", clusters="patient").difference
    assert (again.se, again.p) == pytest.approx((found.se, found.p), rel=1e-9)


def test_cases_that_no_reader_has_read_are_left_out(table):
    rows = table[(table["reader"] == 1) & (table["case"] <= 5)]
    more = pd.concat([table, rows.assign(case=rows["case"] + 1000)])
    assert standalone(more, "1").difference == standalone(table, "1").difference


def test_what_is_refused(table, van_dyke):
    with pytest.raises(InputError, match="2 arms"):
        standalone(van_dyke, "1")
    with pytest.raises(InputError, match="no reader is called 'model'"):
        standalone(table)
    with pytest.raises(InputError, match="no readers beside"):
        standalone(table[table["reader"] == 1], "1")
    with pytest.raises(InputError, match="no score for 1 of the 114 cases"):
        standalone(table[(table["reader"] != 1) | (table["case"] != 7)], "1")
    with pytest.raises(NotEstimableError, match="two readers beside the model"):
        standalone(table[table["reader"] <= 2], "1")
    alike = pd.concat([table[table["reader"] == 1].assign(reader=who) for who in ("model", "a", "b")])
    with pytest.raises(NotEstimableError, match="no variance"):
        standalone(alike)
