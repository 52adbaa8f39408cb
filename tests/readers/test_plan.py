"""Cases, order and arms of a reader study."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osteon.core.errors import InputError
from osteon.readers import plan
from osteon.study.protocol import Readers


def cohort(rng: np.random.Generator, size: int = 300) -> pd.DataFrame:
    label = (rng.random(size) < 0.25).astype(int)
    return pd.DataFrame(
        {
            "case_id": [f"x{i}" for i in range(size)],
            "patient_id": [f"p{i // 2}" if i % 5 else "" for i in range(size)],
            "centre": rng.choice(["2", "3", "4"], size, p=[0.6, 0.3, 0.1]),
            "site": rng.choice(["femur", "tibia"], size),
            "label": label,
            "probability": np.clip(rng.normal(0.3 + 0.3 * label, 0.2), 0.01, 0.99),
        }
    )


def test_views_of_a_lesion_are_put_together() -> None:
    rows = pd.DataFrame(
        [
            ("a", "P", "2", "femur", 1, 0.2), ("b", "P", "2", "femur", 1, 0.6), ("c", "P", "2", "tibia", 1, 0.6),
            ("d", "", "2", "femur", 1, 0.6), ("e", "", "2", "femur", 1, 0.6), ("f", "P", "2", "femur", 0, 0.6),
            ("g", "P", "3", "femur", 1, 0.6),
        ],
        columns=["case_id", "patient_id", "centre", "site", "label", "probability"],
    )  # fmt: skip
    lesion = plan.reading_cases(rows, views=True)["lesion"]
    assert lesion[0] == lesion[1]
    assert len(set(lesion)) == 6
    assert len(set(plan.reading_cases(rows, views=False)["lesion"])) == 7


@given(seed=st.integers(0, 1000), number=st.integers(6, 80), share=st.sampled_from([0.0, 0.3, 0.5]))
@settings(max_examples=30)
def test_a_sample_is_balanced(seed: int, number: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    described = plan.describe(plan.reading_cases(cohort(rng), views=False))
    chosen = described.loc[plan.sample(described, number, share, rng)]
    assert len(chosen) == number
    assert chosen.index.is_unique
    wanted = share or described["label"].mean()
    assert chosen["label"].sum() == round(number * wanted)
    for label, own in chosen.groupby("label"):
        there = described[described["label"] == label].groupby(["centre", "difficulty"]).size()
        taken = own.groupby(["centre", "difficulty"]).size().reindex(there.index, fill_value=0)
        # a stratum has fewer than the fullest by more than one only where it has no more to give
        assert ((taken >= taken.max() - 1) | (taken == there)).all()


def test_difficulty_is_cut_within_each_class() -> None:
    described = plan.describe(plan.reading_cases(cohort(np.random.default_rng(0)), views=False))
    for _, own in described.groupby("label"):
        counts = own["difficulty"].value_counts()
        assert counts.max() - counts.min() <= 1
    hard = described[(described["difficulty"] == "hard") & (described["label"] == 1)]["probability"]
    easy = described[(described["difficulty"] == "easy") & (described["label"] == 1)]["probability"]
    assert hard.max() <= easy.min()


def test_what_is_not_there_cannot_be_drawn() -> None:
    rng = np.random.default_rng(0)
    described = plan.describe(plan.reading_cases(cohort(rng, 40), views=False))
    with pytest.raises(InputError, match="41 cases are asked for and 40"):
        plan.sample(described, 41, 0.5, rng)
    with pytest.raises(InputError, match="of class 1"):
        plan.sample(described, 38, 0.9, rng)
    assert len(plan.sample(described, 0, 0.5, rng)) == 40


LABELS = pd.Series({f"C{i:03d}": i % 3 == 0 for i in range(31)}).astype(int)


@given(
    seed=st.integers(0, 10_000), arms=st.sampled_from(["counterbalanced", "unaided-first"]), readers=st.integers(1, 7)
)
def test_a_crossed_plan_is_fully_crossed(seed: int, arms: str, readers: int) -> None:
    people = [f"R{i}" for i in range(readers)]
    tasks = plan.tasks(LABELS, Readers(arms=arms), people, seed)
    assert len(tasks) == readers * 2 * len(LABELS)
    assert not tasks.duplicated(["reader", "code", "arm"]).any()
    assert not tasks.duplicated(["reader", "session", "position"]).any()
    # no case is read twice by one reader within a session
    assert not tasks.duplicated(["reader", "session", "code"]).any()
    pd.testing.assert_frame_equal(tasks, plan.tasks(LABELS, Readers(arms=arms), people, seed))
    first = tasks[tasks["session"] == 1]
    if arms == "unaided-first":
        assert set(first["arm"]) == {"unaided"}
    else:
        shares = first.assign(aided=first["arm"] == "aided", truth=first["code"].map(LABELS))
        counts = shares.groupby(["reader", "truth"])["aided"].agg(["sum", "size"])
        assert (abs(2 * counts["sum"] - counts["size"]) <= 1).all()  # half of each class, to within one case
        assert (abs(2 * shares.groupby("reader")["aided"].sum() - len(LABELS)) <= 1).all()


def test_orders_differ_between_readers_and_sessions() -> None:
    tasks = plan.tasks(LABELS, Readers(), ["R1", "R2"], 5)
    orders = [tuple(own["code"]) for _, own in tasks.groupby(["reader", "session"])]
    assert len(set(orders)) == 4


def test_every_case_is_aided_first_for_half_of_the_readers() -> None:
    tasks = plan.tasks(LABELS, Readers(), [f"R{i}" for i in range(6)], 5)
    first = tasks[tasks["session"] == 1]
    assert (first.groupby("code")["arm"].apply(lambda arms: (arms == "aided").sum()) == 3).all()


def test_a_sequential_plan_asks_twice_in_a_row() -> None:
    tasks = plan.tasks(LABELS, Readers(design="sequential"), ["R1"], 5)
    assert tasks["arm"].tolist() == ["unaided", "aided"] * len(LABELS)
    assert tasks["step"].tolist() == [1, 2] * len(LABELS)


def test_codes_say_nothing() -> None:
    codes = plan.codes(500, np.random.default_rng(0))
    assert len(set(codes)) == 500
    numbers = np.array([int(code[1:]) for code in codes])
    assert abs(np.corrcoef(numbers, np.arange(500))[0, 1]) < 0.15
