"""Who is in a study and who is out: every fault a cohort can have, provoked."""

from __future__ import annotations

import json
from io import BytesIO, StringIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dicom_files import dataset, write
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console
from scipy.ndimage import gaussian_filter

from osteon import study
from osteon.cohort import check as checks
from osteon.cohort.check import baseline, duplicates, pictures, values
from osteon.core import tables
from osteon.core.errors import LeakError, StudyError, TableError

SMALLEST = '[centres]\ndevelopment = ["1"]\n'


def picture(seed: int, side: int = 64) -> np.ndarray:
    """A picture unlike any other."""
    field = gaussian_filter(np.random.default_rng(seed).normal(size=(side, side)), 2)
    return np.rint(255 * (field - field.min()) / np.ptp(field)).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve cases in two centres, each a picture of its own, half of each centre positive."""
    rows = []
    for index in range(12):
        Image.fromarray(picture(index)).save(tmp_path / f"p{index:02d}.png")
        rows.append(
            {
                "case_id": f"c{index:02d}",
                "image": f"p{index:02d}.png",
                "centre": "1" if index < 8 else "2",
                "label": str(index % 2),
                "x0": 10.0,
                "y0": 12.0,
                "x1": 40.0,
                "y1": 50.0,
                "patient_id": f"p{index // 2}",
                "age": 20.0 + index,
                "sex": "FM"[index % 3 == 0],
            }
        )
    pd.DataFrame(rows).to_csv(tmp_path / "cohort.csv", index=False)
    (tmp_path / "study.toml").write_text(SMALLEST)
    return tmp_path


def edit(folder: Path, **cells: object) -> None:
    """Change cells of the cohort: ``c03__label="1"``; a name without a case is a whole column."""
    table = pd.read_csv(folder / "cohort.csv", dtype="object", keep_default_na=False)
    for name, value in cells.items():
        case, _, column = name.rpartition("__")
        if column not in table:
            table[column] = ""
        table.loc[table["case_id"] == case if case else slice(None), column] = value
    table.to_csv(folder / "cohort.csv", index=False)


def run(folder: Path, text: str = SMALLEST, **options: object) -> checks.Checked:
    (folder / "study.toml").write_text(text)
    return checks.check(study.load(folder / "study.toml"), **options)  # type: ignore[arg-type]


def reasons(checked: checks.Checked) -> dict[str, str]:
    return dict(zip(checked.excluded["case_id"], checked.excluded["reason"], strict=True))


# A sound cohort -------------------------------------------------------------------------------------------------------


def test_a_sound_cohort_is_read_whole(folder: Path) -> None:
    checked = run(folder)
    assert not checked.warnings
    assert checked.excluded.empty
    cohort = checked.cohort
    assert list(cohort["split"]) == ["development"] * 8 + ["external"] * 4
    assert list(cohort["target"]) == [index % 2 for index in range(12)]
    assert list(cohort["patient"]) == list(cohort["patient_id"])
    assert list(cohort["cluster"]) == [index // 2 for index in range(12)]
    assert [stage["cases"] for stage in checked.flow["stages"]] == [12] * 4
    assert [stage["patients"] for stage in checked.flow["stages"]] == [6] * 4
    assert checked.flow["groups"] == [
        {"name": "development", "role": "development", "cases": 8, "patients": 4, "positive": 4},
        {"name": "centre:2", "role": "external", "cases": 4, "patients": 2, "positive": 2},
    ]
    assert checked.flow["synthetic"] is False
    assert len(checked.images) == 12
    assert checked.images["sha256"].nunique() == 12
    assert set(checked.images["height"]) == {64}
    json.dumps(checked.flow)
    tables.conform(checked.cohort, tables.COHORT)
    tables.conform(checked.baseline, tables.BASELINE)


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ('"first"', ["c00", "c02", "c04", "c06", "c08", "c10"]),
        ('"largest"', ["c01", "c02", "c04", "c06", "c08", "c10"]),
        ('["AP"]', ["c00", "c03", "c04", "c06", "c08", "c10"]),
        ('["lateral", "AP"]', ["c00", "c02", "c04", "c06", "c08", "c10"]),
    ],
)
def test_one_case_of_each_patient_by_a_rule_that_looks_at_no_label(folder: Path, rule: str, kept: list[str]) -> None:
    edit(folder, view="oblique", c01__x1=41, c03__view="AP", c02__view="lateral", c06__view="")
    edit(folder, c06__label="1", c10__label="1")
    asked = SMALLEST + f"[study]\nper_patient = {rule}\n"
    checked = run(folder, asked)
    assert list(checked.cohort["case_id"]) == kept
    assert set(reasons(checked).values()) == {"another case of the patient was taken"}
    assert checked.flow["stages"][-1] == {"name": "one case of each patient", "cases": 6, "patients": 6}
    edit(folder, c00__label="1", c01__label="0", c02__label="1", c03__label="0", c06__label="0", c10__label="0")
    edit(folder, c08__label="1")
    assert list(run(folder, asked).cohort["case_id"]) == kept


def test_the_case_that_is_taken_is_one_that_can_be_used(folder: Path) -> None:
    edit(folder, c00__image="gone.png", c04__x1="11", c08__label="1")
    edit(folder, c02__patient_id="", c03__patient_id="")  # nobody knows: each a patient of its own
    checked = run(folder, SMALLEST + '[study]\nper_patient = "first"\n')
    assert list(checked.cohort["case_id"]) == ["c01", "c02", "c03", "c05", "c06", "c08", "c10"]


def test_a_view_that_no_case_has_is_refused(folder: Path) -> None:
    asked = SMALLEST + '[study]\nper_patient = ["ap"]\n'
    with pytest.raises(StudyError, match="needs the column 'view'"):
        run(folder, asked)
    edit(folder, view="AP")
    with pytest.raises(StudyError, match="no case has the view 'ap'"):
        run(folder, asked)


def test_the_result_does_not_depend_on_jobs_or_on_the_cache(
    folder: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    edit(folder, mask="m.png")
    Image.fromarray((picture(99) > 150).astype(np.uint8)).save(folder / "m.png")
    plain = run(folder)
    cached = run(folder, cache=folder / "cache", jobs=2 if whole else 1)

    def never(path: Path, *rest: object) -> None:
        raise AssertionError(f"{path} was read again")

    monkeypatch.setattr(pictures, "read_stored", never)
    monkeypatch.setattr(pictures, "read_noted_mask", never)
    again = run(folder, cache=folder / "cache")
    for other in (cached, again):
        pd.testing.assert_frame_equal(plain.cohort, other.cohort)
        pd.testing.assert_frame_equal(plain.images, other.images)
        assert plain.flow == other.flow


def test_a_changed_picture_is_read_again_and_a_damaged_cache_is_only_a_cache(folder: Path) -> None:
    before = run(folder, cache=folder / "cache").images
    Image.fromarray(picture(77, side=80)).save(folder / "p03.png")
    after = run(folder, cache=folder / "cache").images
    changed = before["sha256"] != after["sha256"]
    assert list(before["image"][changed]) == ["p03.png"]
    for store in (folder / "cache").iterdir():
        store.write_bytes(b"PAR1 nonsense")
    pd.testing.assert_frame_equal(run(folder, cache=folder / "cache").images, after)


def test_progress_is_told_of_every_picture(folder: Path) -> None:
    seen: list[tuple[str, int]] = []

    class Bar:
        def __call__(self, total: int, title: str = "") -> Bar:
            seen.append((title, total))
            return self

        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def advance(self, n: int = 1) -> None:
            seen.append(("done", n))

    run(folder, progress=Bar())
    assert seen[0] == ("reading pictures", 12)
    assert sum(n for title, n in seen if title == "done") == 12


def test_without_images_nothing_on_disk_is_needed(folder: Path) -> None:
    for file in folder.glob("*.png"):
        file.unlink()
    checked = run(folder, images=False)
    assert len(checked.cohort) == 12
    assert checked.images.empty


# The table ------------------------------------------------------------------------------------------------------------


def test_labels_that_are_no_numbers_need_naming(folder: Path) -> None:
    edit(folder, label="benign", c01__label="malignant", c09__label="malignant")
    with pytest.raises(TableError, match=r"row 2, column 'label': 'benign' is neither 0 nor 1\. .*positive = \["):
        run(folder)
    with pytest.raises(StudyError, match=r"no case is labelled 'malignat'\. Did you mean 'malignant'\?"):
        run(folder, SMALLEST + '[task]\npositive = ["malignat"]\n')
    checked = run(folder, SMALLEST + '[task]\npositive = ["malignant"]\nname = "malignant"\n')
    assert list(checked.cohort.loc[checked.cohort["target"] == 1, "case_id"]) == ["c01", "c09"]
    assert checked.flow["positive"] == "malignant"


def test_another_label_column_takes_the_name_label_so_that_sealing_finds_it(folder: Path) -> None:
    edit(folder, diagnosis="benign", c01__diagnosis="malignant", c09__diagnosis="malignant")
    checked = run(folder, SMALLEST + '[task]\npositive = ["malignant"]\ncolumn = "diagnosis"\n')
    assert "diagnosis" not in checked.cohort
    assert sorted(checked.cohort["label"].unique()) == ["benign", "malignant"]
    assert any("'label' is not used" in warning for warning in checked.warnings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[centres]\ndevelopment = ["one"]\n', r"centres\.development: .* centre 'one'\. Known names: 1, 2"),
        ('[centres]\ndevelopment = ["1"]\nexternal = ["22"]\n', r"centres\.external: .*Did you mean '2'\?"),
        (SMALLEST + '[[models]]\nkind = "clinical"\nvariables = ["agee"]\n', r"no column 'agee'\. Did you mean 'age'"),
        (SMALLEST + '[[models]]\nkind = "clinical"\nvariables = ["label"]\n', r"'label' tells the diagnosis itself"),
        (SMALLEST + '[evaluation]\nsubgroups = ["sexe"]\n', r"subgroups: .*Did you mean 'sex'\?"),
    ],
)
def test_a_study_that_names_what_is_not_there(folder: Path, text: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        run(folder, text)


def test_the_flow_adds_up_whatever_the_order_of_the_rows(folder: Path) -> None:
    edit(folder, c00__x1="1", c00__x0="0", c01__image="absent.png", c10__centre="3", c10__patient_id="x")
    flow = run(folder, '[centres]\ndevelopment = ["1"]\nexternal = ["2"]\n').flow
    stages = flow["stages"]
    assert [e["stage"] for e in flow["excluded"]] == [stage["name"] for stage in stages[1:4]]
    for before, after in pairwise(stages):
        lost = sum(e["cases"] for e in flow["excluded"] if e["stage"] == after["name"])
        assert before["cases"] - after["cases"] == lost


def test_a_third_centre_is_external_unless_the_study_says_which_are(folder: Path) -> None:
    edit(folder, c10__centre="3", c11__centre="3")
    edit(folder, c10__patient_id="x", c11__patient_id="y")
    assert [group["name"] for group in run(folder).flow["groups"]] == ["development", "centre:2", "centre:3"]
    checked = run(folder, '[centres]\ndevelopment = ["1"]\nexternal = ["2"]\n')
    assert reasons(checked) == {"c10": "centre not in the study", "c11": "centre not in the study"}
    assert checked.flow["excluded"] == [
        {
            "reason": "centre not in the study",
            "stage": "in a centre of the study",
            "cases": 2,
            "case_ids": ["c10", "c11"],
        },
    ]


def test_a_box_inside_out_names_its_row(folder: Path) -> None:
    edit(folder, c04__x1="5")
    with pytest.raises(TableError, match=r"row 6, column 'x1': the box of case 'c04' is inside out: x1 5 .* x0 10"):
        run(folder)


def test_own_columns_of_computed_names_are_not_used(folder: Path) -> None:
    edit(folder, target="1", split="train")
    checked = run(folder)
    assert set(checked.cohort["target"]) == {0, 1}
    assert any("target, split is not used" in w or "split, target is not used" in w for w in checked.warnings)


def test_a_synthetic_cohort_says_so(folder: Path) -> None:
    edit(folder, synthetic="1")
    assert run(folder).flow["synthetic"] is True


def test_paths_are_relative_to_the_table_and_tell_no_disk(folder: Path) -> None:
    edit(folder, c00__image=str(folder / "p00.png"), c01__image=".\\p01.png")
    checked = run(folder)
    assert list(checked.cohort["image"][:2]) == ["p00.png", "p01.png"]


# Patients -------------------------------------------------------------------------------------------------------------


def test_a_patient_on_both_sides_is_a_leak(folder: Path) -> None:
    edit(folder, c08__patient_id="p0")
    with pytest.raises(LeakError, match=r"row 10, column 'patient_id': 1 patient in development and .*: p0\. Drop"):
        run(folder)


def test_a_patient_in_two_centres_of_one_split_is_said(folder: Path) -> None:
    edit(folder, c10__centre="3")
    assert any("1 patient in two centres of one split" in warning for warning in run(folder).warnings)


def test_an_unknown_patient_is_one_of_its_own_but_two_lesions_of_a_picture_are_one(folder: Path) -> None:
    edit(folder, patient_id="", c01__image="p00.png")
    edit(folder, c01__x0="20")
    checked = run(folder)
    assert list(checked.cohort["patient"][:3]) == ["unknown:c00", "unknown:c00", "unknown:c02"]
    assert checked.cohort["patient"].nunique() == 11
    assert (checked.cohort["patient_id"] == "").all()
    assert [w for w in checked.warnings if w.startswith("12 cases of 12 without a patient_id")]
    assert checked.duplicates.empty  # two lesions on one picture are no copies


# Pictures, masks and boxes -------------------------------------------------------------------------------------------


def test_bad_files_are_set_aside_with_the_reason(folder: Path) -> None:
    (folder / "p00.png").unlink()
    data = (folder / "p01.png").read_bytes()
    (folder / "p01.png").write_bytes(data[: len(data) // 2])
    (folder / "p02.png").write_text("not a picture")
    Image.fromarray(np.ones((64, 64), np.uint8)).save(folder / "whole.png")
    Image.fromarray(np.ones((32, 64), np.uint8)).save(folder / "other.png")
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(folder / "empty.png")
    edit(folder, c03__mask="nowhere.png", c04__mask="other.png", c05__mask="empty.png", c06__mask="whole.png")
    checked = run(folder)
    assert reasons(checked) == {
        "c00": "picture missing",
        "c01": "picture unreadable",
        "c02": "picture unreadable",
        "c03": "mask missing",
        "c04": "mask unusable",
        "c05": "mask unusable",
    }
    detail = checked.excluded.set_index("case_id")["detail"]
    assert "truncated" in detail["c01"]
    assert "64 x 32 pixels" in detail["c04"]
    assert detail["c05"] == "the mask is empty"
    assert [stage["cases"] for stage in checked.flow["stages"]] == [12, 12, 6, 6]


def test_boxes(folder: Path) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[20:30, 5:50] = 255
    Image.fromarray(mask).save(folder / "m.png")
    edit(folder, c00__x0="", c00__mask="m.png")  # from the mask
    edit(folder, c01__x0="")  # none
    edit(folder, c02__x0="-5", c02__y1="70.5")  # partly outside
    edit(folder, c03__x0="64", c03__x1="90")  # wholly outside
    edit(folder, c04__x1="13")  # 3 pixels wide
    checked = run(folder)
    boxes = checked.cohort.set_index("case_id")[["x0", "y0", "x1", "y1"]]
    assert list(boxes.loc["c00"]) == [5, 20, 50, 30]
    assert list(boxes.loc["c02"]) == [0, 12, 40, 64]
    assert reasons(checked) == {"c01": "no box", "c03": "box outside the picture", "c04": "box under 4 px"}
    assert "1 box reached outside the picture, now clipped: c02." in checked.warnings


def test_a_centre_without_a_usable_case_stops(folder: Path) -> None:
    for index in range(8, 12):
        (folder / f"p{index:02d}.png").unlink()
    with pytest.raises(StudyError, match=r"centre '2' has no usable case: picture missing \(4\)"):
        run(folder)


def test_one_class(folder: Path) -> None:
    edit(folder, **{f"c{index:02d}__label": "0" for index in range(8, 12)})
    assert "Centre 2: none of 4 cases counts as positive; its AUC is not estimable." in run(folder).warnings
    edit(folder, label="1")
    with pytest.raises(StudyError, match="all of 8 development cases count as positive"):
        run(folder)


def test_a_mask_column_may_be_empty(folder: Path) -> None:
    edit(folder, mask="")
    checked = run(folder, cache=folder / "cache")
    assert not checked.warnings
    assert len(checked.cohort) == 12


def test_what_fell_back_while_files_were_read_is_told(folder: Path) -> None:
    for name, width in (("a.dcm", 0), ("b.dcm", -5), ("c.dcm", 300)):
        new = dataset(picture(ord(name[0])), WindowCenter=100, WindowWidth=width, PixelSpacing=[0, 0])
        write(folder / name, new)
    labels = np.zeros((64, 64), np.uint8)
    labels[12:50, 10:25], labels[12:50, 25:40] = 1, 2
    Image.fromarray(labels).save(folder / "mask.png")
    edit(folder, c00__image="a.dcm", c01__image="b.dcm", c02__image="c.dcm", c03__mask="mask.png")
    expected = (
        "The window cannot be used; the picture's own percentiles were taken (2 pictures: a.dcm, b.dcm).",
        "PixelSpacing is empty or not two numbers above 0; the size of a pixel is unknown "
        "(3 pictures: a.dcm, b.dcm, c.dcm).",
        "The mask holds several values besides black; all of them count as lesion (1 mask: mask.png).",
    )
    for _ in range(2):  # read, and remembered
        checked = run(folder, cache=folder / "cache")
        assert set(checked.warnings) == set(expected)
        assert len(checked.cohort) == 12
        assert "notes" not in checked.images


def test_a_study_without_a_single_picture_stops(folder: Path) -> None:
    for file in folder.glob("*.png"):
        file.unlink()
    with pytest.raises(StudyError, match=r"centre .1. has no usable case: picture missing \(8\)"):
        run(folder)


# Copies ---------------------------------------------------------------------------------------------------------------


def copy(folder: Path, source: int, target: int, quality: int | None = None) -> None:
    """Put one picture in another's place, recompressed if asked."""
    image = Image.open(folder / f"p{source:02d}.png")
    if quality is None:
        image.save(folder / f"p{target:02d}.png", compress_level=1)  # other bytes, same content
    else:
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        Image.open(buffer).resize((48, 48)).save(folder / f"p{target:02d}.png")


@pytest.mark.parametrize(("quality", "kind"), [(None, "exact"), (60, "near")])
def test_a_copy_across_the_line_is_a_leak_with_a_way_out(folder: Path, quality: int | None, kind: str) -> None:
    copy(folder, 0, 8, quality)
    copy(folder, 0, 9, None if quality else 50)  # a second copy outside
    with pytest.raises(LeakError, match=rf"2 pictures .*c00 = c08 \({kind}\).* duplicates = \"exclude\""):
        run(folder)
    checked = run(folder, SMALLEST + '[study]\nduplicates = "exclude"\n')
    assert reasons(checked) == dict.fromkeys(["c08", "c09"], "picture is in development too")
    assert checked.flow["stages"][-1] == {"name": "picture not in development", "cases": 10, "patients": 5}


def test_a_copy_of_an_external_copy_is_set_aside_too(folder: Path) -> None:
    copy(folder, 0, 8, 60)
    Image.open(folder / "p08.png").save(folder / "p10.png", compress_level=1)  # exact copy of the near copy
    checked = run(folder, SMALLEST + '[study]\nduplicates = "exclude"\n')
    assert set(reasons(checked)) == {"c08", "c10"}


def test_one_file_on_both_sides_is_a_leak(folder: Path) -> None:
    edit(folder, c09__image="p02.png")
    with pytest.raises(LeakError, match=r"c02 = c09 \(exact\)"):
        run(folder)


def test_copies_within_development_share_a_cluster_and_conflicts_are_said(folder: Path) -> None:
    copy(folder, 0, 3)  # labels 0 and 1
    checked = run(folder)
    assert checked.cohort["cluster"].nunique() == 5
    assert "1 pair of pictures are exact copies and stay in one fold: c00 ~ c03." in checked.warnings
    assert "1 pair of copies with conflicting labels: c00 ~ c03." in checked.warnings
    dealt = checks.folds(checked.cohort[:8], 2, np.random.default_rng(0)).set_index("case_id")["fold"]
    assert len(set(dealt[["c00", "c01", "c02", "c03"]])) == 1  # two patients joined by the copy


def test_folds_of_the_cohorts_own(folder: Path) -> None:
    edit(folder, cv="10")
    edit(folder, **{f"c0{index}__cv": "9" for index in range(4)}, c09__cv="")  # an external case needs none
    development = run(folder).cohort[:8]
    given = checks.given_folds(development, "cv", 2)
    assert list(given["fold"]) == [0] * 4 + [1] * 4  # numbers in their own order
    assert list(given["case_id"]) == list(development["case_id"])
    for change, complaint in (
        ({"c03__cv": ""}, "'c03' has no fold"),
        ({"c00__cv": "10"}, "two folds of 'cv': c00, c01"),
        ({"cv": "9"}, r"folds is 2, and the column 'cv' has 1 \(9\)"),
        ({"c00__label": "1", "c02__label": "1"}, "'9' of 'cv' has cases of one class"),
    ):
        edit(folder, **change)
        with pytest.raises(StudyError, match=complaint):
            checks.given_folds(run(folder).cohort[:8], "cv", 2)
        edit(folder, cv="10", **{f"c0{index}__cv": "9" for index in range(4)})
    with pytest.raises(StudyError, match=r"no column 'cvs'\. Did you mean 'cv'"):
        checks.given_folds(development, "cvs", 2)


def test_a_row_written_twice_is_said(folder: Path) -> None:
    edit(folder, c01__image="p00.png")
    assert any("picture and box of an earlier one: c01" in warning for warning in run(folder).warnings)


def test_no_pair_is_missed_and_the_slow_definition_agrees() -> None:
    rng = np.random.default_rng(5)
    base = np.stack([gaussian_filter(rng.uniform(0, 255, (32, 32)), rng.uniform(0.3, 3)) for _ in range(250)])
    noisy = base[:60] + rng.normal(0, rng.uniform(0, 12, 60)[:, None, None], (60, 32, 32))
    thumbnails = np.concatenate([base, noisy, np.full((2, 32, 32), 90.0)]).clip(0, 255).astype(np.uint8)
    prints = duplicates.fingerprints(thumbnails)
    assert not prints[-2:].any()  # flat pictures are like nothing
    i, j, correlation = duplicates.alike(prints, 0.9)
    slow = np.corrcoef(prints[:-2])
    expected = np.argwhere(np.triu(slow >= 0.9, 1))
    assert 5 < len(expected) < 60
    assert sorted(zip(i, j, strict=True)) == [tuple(pair) for pair in expected]
    np.testing.assert_allclose(correlation, slow[i, j], atol=1e-5)


def test_copies_of_the_real_radiographs(shared: Path) -> None:
    """What a person sees on them: three exact copies, one hand in two renderings and another exposure of it."""
    root = shared / "data" / "btxrd256"
    images = [f"images/{path.name}" for path in sorted((root / "images").iterdir())[:800]]
    pairs = duplicates.find(pictures.read_pictures(root, images))
    number = {kind: {(a[10:16], b[10:16]) for a, b in rows[["image_a", "image_b"]].to_numpy()}
              for kind, rows in pairs.groupby("kind")}  # fmt: skip
    assert number["exact"] == {("000245", "000683"), ("000415", "000497"), ("000430", "000765")}
    assert number["near"] == {("000609", "000611"), ("000610", "000611")}
    assert number["alike"] == {("000234", "000235"), ("000609", "000610")}


# The baseline table ---------------------------------------------------------------------------------------------------


def test_standardised_differences_are_tableones(references: Path) -> None:
    reference = json.loads((references / "tabular" / "baseline_smd.json").read_text())
    data = pd.DataFrame(reference["data"]).assign(centre=lambda frame: frame["split"], target=0)
    data["patient"] = np.arange(len(data))
    table = baseline.table(data, ["age", "sex", "site"], "positive")
    whole = table[(table["level"] == "") & (table["group"] == "centre:external")].set_index("variable")["smd"]
    assert whole["age"] == pytest.approx(reference["smd"]["age"], abs=1e-12)
    assert whole["sex"] == pytest.approx(reference["smd"]["sex"], abs=1e-12)
    assert whole["site"] == pytest.approx(reference["smd"]["site"], abs=1e-12)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_two_levels_are_the_binary_difference(p: float, q: float) -> None:
    many = baseline.multinomial_difference(np.array([p, 1 - p]), np.array([q, 1 - q]))
    binary = (p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / 2)
    assert many == pytest.approx(abs(binary), rel=1e-6, abs=1e-12)


def test_summaries_are_those_of_the_rows(folder: Path) -> None:
    edit(folder, c11__age="", c10__sex="")
    table = run(folder).baseline.set_index(["variable", "level", "group"])
    assert table.loc[("age", "", "development"), "summary"] == "23.5 (21.8 to 25.2)"
    assert table.loc[("age", "", "centre:2"), "n"] == 3
    assert table.loc[("positive", "", "centre:2"), "summary"] == "2 (50.0 %)"
    assert table.loc[("sex", "missing", "centre:2"), "summary"] == "1 of 4"
    assert table.loc[("sex", "F", "centre:2"), "n"] == 3


# The terminal ---------------------------------------------------------------------------------------------------------


def test_the_terminal_shows_flow_centres_baseline_and_warnings_in_80_columns(folder: Path) -> None:
    edit(folder, synthetic="true", c04__x1="13", c10__centre="3", c11__centre="3")
    edit(folder, c10__patient_id="x")
    console = Console(width=80, record=True, file=StringIO())
    console.print(checks.render(run(folder)))
    shown = console.export_text()
    for expected in ("Synthetic cohort", "- box under 4 px", "centre 3", "age", "Flow", "Baseline", "set aside"):
        assert expected in shown
    assert max(map(len, shown.splitlines())) <= 80


# Folds ----------------------------------------------------------------------------------------------------------------


@st.composite
def developments(draw: st.DrawFn) -> tuple[pd.DataFrame, int]:
    n = draw(st.integers(4, 80))
    k = draw(st.integers(2, 6))
    patients = draw(st.lists(st.integers(0, max(1, n // 2)), min_size=n, max_size=n))
    targets = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    sites = draw(st.lists(st.sampled_from(["femur", "tibia", "hand"]), min_size=n, max_size=n))
    frame = pd.DataFrame({"patient": [f"p{p}" for p in patients], "target": targets, "site": sites})
    frame["case_id"] = [f"c{i}" for i in range(n)]
    frame["patient_id"] = frame["patient"]
    frame["cluster"] = pd.factorize(frame["patient"])[0] // draw(st.integers(1, 2))
    return frame, k


@given(developments(), st.integers(0, 3))
def test_folds_keep_groups_whole_and_hold_both_classes(given_: tuple[pd.DataFrame, int], seed: int) -> None:
    development, k = given_
    fewest = min(development.loc[development["target"] == value, "cluster"].nunique() for value in (0, 1))
    if fewest < k:
        with pytest.raises(StudyError, match=rf"{k} folds need at least {k} .* there (is|are) {fewest}\b"):
            checks.folds(development, k, np.random.default_rng(seed))
        return
    dealt = checks.folds(development, k, np.random.default_rng(seed))
    again = checks.folds(development, k, np.random.default_rng(seed))
    pd.testing.assert_frame_equal(dealt, again)
    assert list(dealt["case_id"]) == list(development["case_id"])
    fold = dealt["fold"].to_numpy()
    for name in ("patient", "cluster"):
        assert pd.Series(fold).groupby(development[name].to_numpy()).agg(np.ptp).eq(0).all()
    for value in (0, 1):
        assert len(set(fold[development["target"] == value])) == k


def test_folds_of_single_cases_are_balanced_in_target_and_site() -> None:
    rng = np.random.default_rng(3)
    n, k = 403, 5
    development = pd.DataFrame({
        "case_id": [f"c{i}" for i in range(n)], "patient": np.arange(n).astype(str), "patient_id": "",
        "target": (rng.random(n) < 0.2).astype(int), "site": rng.choice(["a", "b", "c"], n, p=[0.7, 0.2, 0.1]),
    })  # fmt: skip
    dealt = checks.folds(development, k, rng)
    for column, most in (("target", 1), ("site", 6)):
        counts = pd.crosstab(dealt["fold"], development[column]).to_numpy()
        assert (np.ptp(counts, axis=0) <= most).all()


def test_folds_that_greed_alone_would_leave_without_a_class() -> None:
    """A large mixed patient draws every other positive away from its fold; each fold still gets one of each."""
    groups = [("big", 30, 2), ("a", 0, 1), ("b", 1, 0), ("c", 29, 0)]
    rows = [
        {"patient": name, "target": value}
        for name, negatives, positives in groups
        for value in [0] * negatives + [1] * positives
    ]
    development = pd.DataFrame(rows).assign(patient_id="", case_id=lambda f: [f"c{i}" for i in range(len(f))])
    for seed in range(5):
        dealt = checks.folds(development, 2, np.random.default_rng(seed))
        assert (development.groupby(dealt["fold"])["target"].nunique() == 2).all()


# What cells, paths and boxes only seem to say ------------------------------------------------------------------------

MALIGNANT = SMALLEST + '[task]\npositive = ["malignant"]\n'
CLINICAL = SMALLEST + '[[models]]\nkind = "clinical"\nvariables = ["age", "size"]\n'


def labelled(folder: Path) -> None:
    edit(folder, label="benign", **{f"c{index:02d}__label": "malignant" for index in range(1, 12, 2)})


def test_every_label_is_listed_with_the_class_it_counts_as(folder: Path) -> None:
    labelled(folder)
    edit(folder, c03__label="giant [cell] tumour", c05__x0="60", c05__x1="61")
    checked = run(folder, MALIGNANT)
    assert checked.flow["labels"] == [
        {"label": "malignant", "class": "positive", "in_table": 5, "cases": 4},
        {"label": "benign", "class": "negative", "in_table": 6, "cases": 6},
        {"label": "giant [cell] tumour", "class": "negative", "in_table": 1, "cases": 1},
    ]
    console = Console(width=80, record=True, file=StringIO())
    console.print(checks.render(checked))
    shown = console.export_text()
    assert "giant [cell] tumour   negative" in shown
    assert "box under 4 px, row 7: 60, 12, 61, 50 on a picture of 64 x 64 pixels" in shown


def test_every_row_is_in_or_out_with_its_reason(folder: Path) -> None:
    text = (folder / "cohort.csv").read_text().splitlines()
    (folder / "cohort.csv").write_text("\n".join(["sep=,", text[0], "", *text[1:]]))
    (folder / "p01.png").unlink()
    checked = run(folder)
    assert sorted([*checked.cohort["case_id"], *checked.excluded["case_id"]]) == [f"c{i:02d}" for i in range(12)]
    assert checked.excluded.to_numpy().tolist() == [[5, "c01", "1", "picture missing", "p01.png: no such file"]]
    tables.conform(checked.excluded, tables.EXCLUDED)


@pytest.mark.parametrize(("word", "counted"), [("NA", "'NA' counts as none"), ("", "missing"), ("none", "'none'")])
def test_a_missing_label_is_refused(folder: Path, word: str, counted: str) -> None:
    labelled(folder)
    edit(folder, c04__label=word)
    with pytest.raises(TableError, match=rf"row 6, column 'label': the value is missing.*{counted}|{counted}"):
        run(folder, MALIGNANT)


def test_a_missing_patient_or_mask_is_none_whatever_the_word(folder: Path) -> None:
    edit(folder, patient_id="NA", mask="None", c00__sex="None", c03__sex="n/a")
    checked = run(folder)
    assert checked.cohort["patient"].nunique() == 12
    assert list(checked.cohort["sex"][:4]) == ["", "F", "F", ""]
    assert set(checked.cohort["mask"]) == {""}
    said = next(warning for warning in checked.warnings if warning.startswith("Words that count as missing"))
    for words in ("'NA' in patient_id (12)", "'None' in mask (12)", "'None' in sex (1)", "'n/a' in sex (1)"):
        assert words in said


@pytest.mark.parametrize("other", ["Malignant", "MALIGNANT", "mal\u200bignant", "malig nant", "ｍalignant"])
def test_a_label_spelled_in_two_ways_is_refused_with_the_counts(folder: Path, other: str) -> None:
    labelled(folder)
    edit(folder, c09__label=other, c11__label=other)
    with pytest.raises(
        TableError, match=r"row 11, column 'label': spelled in several ways.*'malignant' \(4\), .*\(2\)"
    ):
        run(folder, MALIGNANT)
    both = MALIGNANT.replace('"malignant"', f'"malignant", "{other}"')
    assert any("in label: 'malignant' (4)" in warning for warning in run(folder, both).warnings)


@pytest.mark.parametrize(("other", "told"), [("maligant", True), ("malign\u0430nt", True), ("non-malignant", False)])
def test_a_label_a_letter_away_from_a_positive_one_is_told(folder: Path, other: str, told: bool) -> None:
    """Also where the letter is another alphabet's, which no eye can tell apart."""
    labelled(folder)
    edit(folder, c09__label=other)
    said = f"'{other}' (1) counts as negative; is 'malignant' meant?"
    assert (said in run(folder, MALIGNANT).warnings) is told


def test_variables_that_are_another_text_in_every_case_are_told() -> None:
    frame = pd.DataFrame({"note": [f"seen by {chr(65 + i)}" for i in range(24)], "site": ["femur", "tibia"] * 12})
    warnings: list[str] = []
    values.warn_of_texts_of_their_own(frame, ["note", "site"], warnings)
    assert len(warnings) == 1
    assert warnings[0].startswith("'note' holds 24 different texts in 24 cases")


def test_a_label_that_the_study_spells_otherwise_is_told(folder: Path) -> None:
    labelled(folder)
    with pytest.raises(
        StudyError, match=r"no case is labelled 'Malignant': it has 'malignant' \(6\), which differs in"
    ):
        run(folder, MALIGNANT.replace("malignant", "Malignant"))
    edit(folder, centre="Zu\u0308rich", c10__centre="2", c11__centre="2")
    assert len(run(folder, MALIGNANT.replace('"1"', '"Z\u00fcrich"')).cohort) == 12


def test_a_centre_spelled_in_two_ways_is_refused(folder: Path) -> None:
    edit(folder, c10__centre="02", c11__centre="2.0")
    with pytest.raises(
        TableError, match=r"column 'centre': spelled in several ways: '2' \(2\), '02' \(1\), '2.0' \(1\)"
    ):
        run(folder)


def test_other_names_spelled_in_two_ways_are_told(folder: Path) -> None:
    edit(folder, c01__sex="f", c02__patient_id="P1", c01__image="P00.png")
    (folder / "P00.png").write_bytes((folder / "p01.png").read_bytes())
    edit(folder, site="femur", c04__site="Femur ", c05__site="Zu\u0308g", c06__site="Z\u00fcg")
    said = "\n".join(run(folder).warnings)
    for words in (
        "in sex: 'F' (7), 'f' (1)",
        "in patient_id: 'P1' (1), 'p1' (1)",
        "in image: 'P00.png' (1), 'p00.png' (1)",
        "in site: 'femur' (9), 'Femur' (1)",
        "Written in two Unicode forms, and counted as one, in site: 'Zu<U+0308>g' (1), 'Züg' (1)",
    ):
        assert words in said
    edit(folder, c08__patient_id="P0")
    with pytest.raises(LeakError, match=r"row 10, .*differ in spelling only: 'p0' \(2\), 'P0' \(1\)"):
        run(folder)


def test_numbers_do_not_become_words_unsaid(folder: Path) -> None:
    edit(folder, size=[f"{index}.5" for index in range(12)])
    edit(folder, c07__size="8 mm")
    said = "\n".join(run(folder, CLINICAL).warnings)
    assert "Column size holds words among numbers ('8 mm' in row 9), so that each of its values counts as" in said
    edit(folder, c07__size="7,5")
    with pytest.raises(TableError, match=r"row 9, column 'size': '7,5' is not a number"):
        run(folder, CLINICAL)


@pytest.mark.parametrize(
    ("path", "look"),
    [
        ("P00.PNG", "there is 'p00.png', which differs in case, spaces or Unicode form only"),
        ("p00.jpg", "there is 'p00.png', with another ending"),
        ("p00", "there is 'p00.png', with another ending"),
        ("pictures/p00.png", "there is no folder 'pictures' beside the table"),
        ("C:\\x\\p00.png", "a path of another machine; write it relative to the table"),
        ("sub", "this is a folder"),
        ("http://x/p00.png", "an address, and no file on this machine"),
        ("q.png", "no such file, but there is 'sub/q.png'"),
        ("r.png", "no such file"),
    ],
)
def test_a_path_that_leads_nowhere_says_what_it_looks_like(folder: Path, path: str, look: str) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "q.png").write_bytes((folder / "p00.png").read_bytes())
    edit(folder, c00__image=path, c01__mask=path)
    detail = run(folder).excluded["detail"].tolist()
    shown = path.replace("\\", "/").replace("//", "/")
    assert detail == [f"{shown}: {look}", f"{shown}: {look}"]


def test_when_all_paths_are_wrong_the_first_is_named(folder: Path) -> None:
    edit(folder, image=[f"nowhere/p{index:02d}.png" for index in range(12)])
    with pytest.raises(StudyError, match=r"picture missing \(8\); the first: nowhere/p00.png: there is no folder 'now"):
        run(folder)


def test_a_picture_is_found_in_either_unicode_form(folder: Path) -> None:
    (folder / "p00.png").rename(folder / "u\u0308.png")
    (folder / "p01.png").rename(folder / "\u00f6.png")
    edit(folder, c00__image="\u00fc.png", c01__image="o\u0308.png")
    assert run(folder).cohort["image"].tolist()[:2] == ["u\u0308.png", "\u00f6.png"]  # as they are on the disk


def test_boxes_in_fractions_are_recognised(folder: Path) -> None:
    edit(folder, c03__x0="0.1", c03__y0="0.1", c03__x1="0.5", c03__y1="0.9")
    detail = run(folder, images=False).excluded["detail"].tolist()
    assert detail == ["0.1, 0.1, 0.5, 0.9; it looks like fractions of the picture's sides, and boxes are in pixels"]
    edit(folder, x0="0.1", y0="0.1", x1="0.5", y1="1")
    with pytest.raises(TableError, match=r"row 2, column 'x0': all 12 boxes lie between 0 and 1.*Multiply x by"):
        run(folder, images=False)


def test_widths_and_heights_in_the_place_of_corners_are_recognised(folder: Path) -> None:
    edit(folder, x1="9", y1="30")
    with pytest.raises(TableError, match=r"row 2, column 'x1': .* inside out.* look like widths and heights"):
        run(folder)


def test_boxes_of_pictures_of_another_size_are_recognised(folder: Path) -> None:
    larger = {f"c{index:02d}__{side}": value for index in range(4) for side, value in (("x0", "30"), ("x1", "128"))}
    edit(folder, **larger)
    edit(folder, c04__x0="300", c04__x1="400")
    checked = run(folder)
    assert any(
        "5 of 8 boxes of centre 1 reach beyond their pictures, up to 6.2 times a side" in warning
        for warning in checked.warnings
    )
    assert checked.excluded["detail"].tolist() == [
        "300, 12, 400, 50 on a picture of 64 x 64 pixels; as if drawn on a larger picture"
    ]
    edit(folder, x0="2", y0="3", x1="20", y1="30", c08__centre="1", c09__centre="1")
    smaller = "No box of centre 1 reaches beyond 31% of its picture's width or 47% of its height"
    assert any(smaller in warning for warning in run(folder).warnings)
    Image.fromarray(picture(0, 100)[:64]).save(folder / "p00.png")
    edit(folder, c00__y0="70", c00__y1="90")
    assert "it would fit the picture turned by 90 degrees" in run(folder).excluded["detail"].iloc[0]


def test_centres_of_unlike_pictures_are_told_with_their_figures(folder: Path) -> None:
    assert not any("between centres" in warning for warning in run(folder).warnings)
    for index in range(8, 12):
        Image.fromarray(picture(index, 160)[:, :60]).save(folder / f"p{index:02d}.png")
    checked = run(folder)
    said = "\n".join(checked.warnings)
    assert "longer side differs 2.5-fold between centres (medians 64, 160 in 1, 2)" in said
    assert "width over height differs 2.7-fold between centres (medians 0.375, 1 in 2, 1)" in said
    figures = checked.baseline.set_index(["variable", "group"])["summary"]
    assert figures["longer side (px)", "development"] == "64 (64 to 64)"
    assert figures["longer side (px)", "centre:2"] == "160 (160 to 160)"
    assert figures["width / height", "centre:2"] == "0.375 (0.375 to 0.375)"
    assert "pixel spacing (mm)" not in figures
