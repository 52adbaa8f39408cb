"""A centre that is added to a finished study costs its own cases: what was made of the others is found again."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd

from osteon import study
from osteon.models.inputs.case import in_chunks
from osteon.pipeline import Workers, walk
from osteon.pipeline.context import Context, chosen
from osteon.pipeline.line import EXPLAIN, FIT, PERTURB
from small_study import add_centre, bytes_of, make

TEXT = """\
[task]
positive = ["malignant"]
[centres]
development = ["A"]
[crop]
size = 48
[[models]]
kind = "network"
name = "frozen"
backbone = "test_resnet"
weights = "random"
[[models]]
kind = "radiomics"
[[models]]
kind = "combined"
of = "frozen"
variables = ["age"]
[evaluation]
folds = 2
bootstrap = 100
[robustness]
repeats = 1
shift = [0.3]
scale = []
aspect = []
combined = []
image = false
"""


def run(path: Path) -> Path:
    return walk((*FIT, *PERTURB, *EXPLAIN), study.load(path), Workers()).path


def test_changes_maps_and_features_of_the_cases_that_were_there_are_kept(tmp_path: Path) -> None:
    path = make(tmp_path / "study", patients=12, study=TEXT)
    cache = run(path) / ".cache"
    kinds = ("perturbed-*/*", "explained-*/*", "radiomics/*")
    before = {chunk: chunk.stat().st_mtime_ns for kind in kinds for chunk in cache.glob(kind)}
    assert {chunk.parent.name for chunk in before} == {
        "perturbed-frozen", "perturbed-radiomics", "perturbed-combined", "perturbed-box", "perturbed-features",
        "explained-frozen", "radiomics",
    }  # fmt: skip
    added = add_centre(path.parent, cases=5)
    grown = bytes_of(run(path))
    after = {chunk: chunk.stat().st_mtime_ns for kind in kinds for chunk in cache.glob(kind)}
    assert {chunk: time for chunk, time in after.items() if chunk in before} == before
    new = [chunk for chunk in after if chunk not in before and chunk.suffix == ".csv"]
    assert sorted(case for chunk in new for case in pd.read_csv(chunk)["case_id"]) == sorted(added)
    shutil.rmtree(path.parent / "run")
    assert bytes_of(run(path)) == grown


def test_a_sample_of_which_another_centre_takes_its_share_begins_as_before() -> None:
    def of(centres: str) -> pd.DataFrame:
        told = pd.concat(
            pd.DataFrame({"case_id": [f"{c}{i:03}" for i in range(90)], "centre": c, "label": np.arange(90) % 3 == 0})
            for c in centres
        )
        table = told.assign(image=told["case_id"]).drop(columns="label")
        run = SimpleNamespace(read=lambda _: told.assign(split="external"))
        place = SimpleNamespace(
            run=run, cases=SimpleNamespace(table=table), study=SimpleNamespace(study=SimpleNamespace(seed=3))
        )
        return chosen(cast("Context", place), 72)

    two, three = of("BC"), of("BCA")
    for centre in "BC":
        before, left = (list(each.loc[each["centre"] == centre, "case_id"]) for each in (two, three))
        assert (len(before), len(left)) == (36, 24)
        assert left[:16] == before[:16] == sorted(before[:16])
        assert set(left) < set(before)


def test_a_chunk_holds_one_centre_and_whole_radiographs() -> None:
    rng = np.random.default_rng(1)
    cases = pd.DataFrame({"centre": rng.choice(list("ABC"), 60), "image": rng.integers(0, 12, 60).astype(str)})
    cases["image"] = cases["centre"] + cases["image"]
    chunks = in_chunks(cases, 4)
    assert sorted(np.concatenate(chunks)) == list(range(60))
    images = [set(cases["image"].iloc[rows]) for rows in chunks]
    assert all(len(set(cases["centre"].iloc[rows])) == 1 for rows in chunks)
    assert sum(map(len, images)) == cases["image"].nunique()
    assert max(map(len, images)) == 4
    fewer = cases[cases["centre"] != "B"]
    known = [tuple(fewer.iloc[rows].index) for rows in in_chunks(fewer, 4)]
    assert set(known) <= {tuple(rows) for rows in chunks}
    assert in_chunks(cases.head(0), 4) == []
