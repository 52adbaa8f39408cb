"""A study whose boxes are changed by what annotators really differed by."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from osteon import study
from osteon.core import tables
from osteon.core.errors import InputError
from osteon.pipeline import FIT, PERTURB, Workers, walk
from osteon.results.report.folder import Finished
from osteon.results.report.methods import methods
from osteon.results.report.page import Page
from osteon.results.report.sections import cohort
from small_study import STUDY, make

MEASURED = """\
[robustness]
repeats = 3
image = false
grades = "annotators"
differences = "drawn/differences.csv"
"""
TEXT = re.sub(r"\[\[models\]\].*?(?=\[evaluation\])", '[[models]]\nkind = "box"\n\n', STUDY, flags=re.DOTALL)
TEXT = TEXT.replace('name = "small"', 'name = "small"\nagreement = "drawn/agreement.csv"')
TEXT = TEXT.replace("[robustness]\nrepeats = 0\n", MEASURED)


def differences(folder: Path, dx: float) -> None:
    """Two annotators' boxes of two lesions: one always `dx` sides to the right of the other's."""
    rows = [
        {"case": case, "from": a, "to": b, "iou": 0.8, "dx": way * dx, "dy": 0.0, "sx": 1.0, "sy": 1.0}
        for case in ("C1", "C2")
        for a, b, way in (("A1", "A2", 1), ("A2", "A1", -1))
    ]
    tables.write(pd.DataFrame(rows), folder / "drawn" / "differences.csv", tables.BOX_DIFFERENCES)
    row = {"annotator_a": "A1", "annotator_b": "A2", "measure": "IoU, mean", "value": 0.8125, "low": 0.7, "high": 0.9}
    agreement = pd.DataFrame([{**row, "n": 2, "method": ""}])
    tables.write(agreement, folder / "drawn" / "agreement.csv", tables.ANNOTATOR_AGREEMENT)


def test_boxes_are_exchanged_and_the_report_says_so(tmp_path: Path) -> None:
    path = make(tmp_path / "study", patients=9, study=TEXT)
    with pytest.raises(InputError, match="no such file"):
        walk((*FIT, *PERTURB), study.load(path), Workers(1))
    differences(path.parent, 0.0)
    run = walk((*FIT, *PERTURB), study.load(path), Workers(1)).path
    changed = tables.read(run / "perturbed.parquet", tables.PERTURBED)
    assert set(changed["kind"]) == {"annotators"}
    drawn = tables.read(run / "predictions.csv", tables.PREDICTIONS).set_index("case_id")["probability"]
    still = changed.set_index("case_id")["probability"]
    np.testing.assert_allclose(still, drawn[still.index], atol=1e-9)  # annotators who never differ change nothing
    differences(path.parent, 0.5)
    walk((*FIT, *PERTURB), study.load(path), Workers(1))
    moved = tables.read(run / "perturbed.parquet", tables.PERTURBED).set_index("case_id")["probability"]
    assert not np.allclose(moved, still)  # the table's contents, not its name, decide whether cases are predicted again
    robust = tables.read(run / "robustness.csv", tables.ROBUSTNESS)
    assert {"drawn", "annotators", "all box changes"} == set(robust["kind"])
    page = " ".join(str(part) for part in cohort(Page(Finished(run))))
    assert "Who drew the boxes" in page
    assert "0.81" in page
    told = " ".join(" ".join(map(str, methods(Page(Finished(run))))).split())
    assert "2 pairs of boxes that 2 annotators drew independently of each other in 2 cases" in told
    assert study.load(run / "study.toml").robustness.differences == "../drawn/differences.csv"
