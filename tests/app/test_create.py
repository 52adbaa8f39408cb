"""A reader study from a run: what the server is given, and what it is not."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reading_study import ADVICE, TWO_READERS, write_run

from osteon.core import tables
from osteon.core.errors import InputError
from osteon.web import picture
from osteon.web.create import create


def everything_stored(database: Path) -> str:
    """All text in a database."""
    with sqlite3.connect(database) as connection:
        text = "\n".join(connection.iterdump())
    connection.close()
    return text


def test_the_server_is_given_no_truth_and_no_name(tmp_path: Path) -> None:
    created = create(write_run(tmp_path, TWO_READERS, cases=8))
    stored = everything_stored(created.folder / "site" / "study.db").lower()
    for secret in ("osteosarcoma", "cyst", "secret", "p-x", "truth", "label", "clinical", *created.key["case_id"]):
        assert secret not in stored, secret
    names = sorted(path.name for path in (created.folder / "site").rglob("*"))
    assert all(name.startswith("C") for name in names if name.endswith(".gz"))
    assert {name for name in names if not name.endswith(".gz")} == {"pictures", "study.db"}


def test_tokens_are_stored_as_hashes_and_links_are_private(tmp_path: Path) -> None:
    created = create(write_run(tmp_path, TWO_READERS))
    stored = everything_stored(created.folder / "site" / "study.db")
    file = created.folder / "invitations.csv"
    links = pd.read_csv(file)["link"]
    assert len(set(links)) == 3
    assert all(link.rpartition("#")[2] not in stored for link in links)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_views_of_one_lesion_are_one_case_with_the_mean_advice(tmp_path: Path) -> None:
    created = create(write_run(tmp_path, TWO_READERS))
    pair = created.key[created.key["case_id"].isin(["hidden-00", "hidden-02"])]
    assert len(set(pair["code"])) == 1
    assert pair["view"].tolist() == [1, 2]
    assert pair["probability"].to_numpy() == pytest.approx([(ADVICE["hidden-00"] + ADVICE["hidden-02"]) / 2] * 2)
    assert (created.key["advice"] == (created.key["probability"] >= created.key["threshold"])).all()


def test_advice_is_recalibrated_and_so_is_its_threshold(tmp_path: Path) -> None:
    study = write_run(tmp_path, TWO_READERS.replace("[readers]", "[readers]\nviews = false"))
    path = study.run_path / "recalibration.csv"
    tables.write(tables.read(path, tables.RECALIBRATION).assign(intercept=-0.5, slope=0.8), path, tables.RECALIBRATION)
    key = create(study).key
    raw = key["case_id"].map(ADVICE)
    assert key["probability"].to_numpy() == pytest.approx(1 / (1 + np.exp(0.5 - 0.8 * np.log(raw / (1 - raw)))))
    assert (key["advice"] == (raw >= 0.4137)).all()


def test_large_pictures_have_a_half_beside_them(tmp_path: Path) -> None:
    created = create(write_run(tmp_path, TWO_READERS, cases=3, shape=(1100, 33)))
    for row in created.key.itertuples():
        whole, half = (
            created.folder / "site" / "pictures" / picture.name(row.code, row.view, part) for part in ("whole", "half")
        )
        values = picture.decode(whole.read_bytes(), 1100, 33)
        assert np.array_equal(picture.decode(half.read_bytes(), 550, 17), picture.half(values))


def test_pictures_are_kept_to_the_last_bit(tmp_path: Path) -> None:
    from osteon.io import read_stored

    study = write_run(tmp_path, TWO_READERS)
    created = create(study)
    for row in created.key.itertuples():
        original = read_stored(study.folder / "images" / f"secret-malignant-{row.case_id}.png").values
        file = created.folder / "site" / "pictures" / picture.name(row.code, row.view)
        assert np.array_equal(picture.decode(file.read_bytes(), *original.shape), original - original.min())
        heat = picture.decode(file.with_name(picture.name(row.code, row.view, "heat")).read_bytes(), 120, 90)
        assert heat.max() > 64000
        assert heat.argmax(axis=1) == pytest.approx(45, abs=1)


def test_the_same_seed_gives_the_same_study(tmp_path: Path) -> None:
    first = create(write_run(tmp_path / "a", TWO_READERS))
    again = create(write_run(tmp_path / "b", TWO_READERS))
    pd.testing.assert_frame_equal(first.key, again.key)
    pd.testing.assert_frame_equal(first.tasks, again.tasks)
    assert not set(first.invitations["link"]) & set(again.invitations["link"])


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("", "names no readers"),
        ('[readers]\nmodel = "clinica"\n[[readers.people]]\ncode = "R1"', "Did you mean 'clinical'"),
        ('[readers]\nrule = "youdens"\n[[readers.people]]\ncode = "R1"', "Did you mean 'youden'"),
        ('[readers]\ncases = 7\n[[readers.people]]\ncode = "R1"', "7 cases are asked for and 5 are there"),
        ('[readers]\ncases = 4\npositives = 0.9\n[[readers.people]]\ncode = "R1"', "4 cases of class 1"),
        ('[readers]\ncontext = ["subtype"]\n[[readers.people]]\ncode = "R1"', "must not see"),
        ('[readers]\ncontext = ["heigth"]\n[[readers.people]]\ncode = "R1"', "no such column"),
        ('[readers]\n[[readers.people]]\ncode = "admin"', "admin"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(tmp_path: Path, section: str, message: str) -> None:
    study = write_run(tmp_path, section)
    with pytest.raises(InputError, match=message):
        create(study)
    assert sorted(path.name for path in study.run_path.iterdir()) == [
        "cams", "cohort.csv", "operating_points.csv", "recalibration.csv", "scores.csv",
    ]  # fmt: skip


def test_a_reader_study_is_never_overwritten(tmp_path: Path) -> None:
    study = write_run(tmp_path, TWO_READERS)
    create(study)
    with pytest.raises(InputError, match="there already"):
        create(study)


def test_missing_heat_maps_are_no_obstacle(tmp_path: Path) -> None:
    study = write_run(tmp_path, TWO_READERS)
    for file in (study.run_path / "cams").iterdir():
        file.unlink()
    created = create(study)
    assert not list((created.folder / "site" / "pictures").glob("*heat*"))


def test_a_heat_map_of_colours_is_refused(tmp_path: Path) -> None:
    study = write_run(tmp_path, TWO_READERS)
    np.save(study.run_path / "cams" / "hidden-00.npy", np.zeros((4, 4, 3)))
    with pytest.raises(InputError, match="not a heat map"):
        create(study)
