"""Single radiographs: their lesions, their masks, their views and the centres' pictures."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from scipy import ndimage

from osteon.cohort.synthetic import radiograph
from osteon.cohort.synthetic.anatomy import SITES, VIEWS, Patient, scene
from osteon.cohort.synthetic.dicom import write_dicom
from osteon.cohort.synthetic.geometry import Grid
from osteon.cohort.synthetic.kinds import DIAGNOSES, sample_host, sample_lesion
from osteon.cohort.synthetic.lesions import Lesion
from osteon.cohort.synthetic.render import Rays, trace
from osteon.io import read_image


def rays(lesions: tuple[Lesion, ...], patient: Patient, site: str, view: int) -> Rays:
    laid = scene(patient, site, VIEWS[site][view], np.random.default_rng(9))
    height, width = laid.field
    grid = Grid(int(height / 0.7), int(width / 0.7), 0.7, laid.centre[0] - width / 2, laid.centre[1] - height / 2)
    return trace(patient, laid, lesions, grid, frontal=view == 0)


@pytest.fixture(scope="module")
def adult() -> Patient:
    return replace(Patient.sample(np.random.default_rng(3), 32, "M"), size=1.0, quality=1.0)


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("age", [4, 12, 70])
def test_every_site_has_both_views_at_every_age(site: str, age: int) -> None:
    for view in VIEWS[site]:
        picture, mask, facts, masks = radiograph(np.random.default_rng(age), site=site, view=view, age=age)
        assert picture.dtype == np.float32
        assert 0 <= picture.min() < 0.1
        assert 0.9 < picture.max() <= 1
        assert 250 < max(picture.shape) <= 930
        assert not mask.any()
        assert masks == ()
        assert (facts.site, facts.view) == (site, view)


@pytest.mark.parametrize("subtype", sorted(DIAGNOSES))
@pytest.mark.parametrize("view", ["frontal", "lateral"])
def test_a_lesion_changes_its_mask_and_nothing_far_from_it(subtype: str, view: str) -> None:
    rng = np.random.default_rng(21)
    kind = DIAGNOSES[subtype]
    patient = Patient.sample(rng, kind.ages[1], "F")
    for _ in range(3):
        host = sample_host(rng, kind)
        lesion = replace(sample_lesion(rng, kind, host, patient), mass=0.0)  # a mass lifts the skin far and wide
        laid = int(view == "lateral")
        ill = rays((lesion,), patient, host[0], laid)
        change = np.abs(ill.attenuation - rays((), patient, host[0], laid).attenuation)
        mask = ill.masks[0]
        assert mask.any()
        near = ndimage.binary_dilation(mask, iterations=round((4 + 2 * lesion.margin) / 0.7))
        # So does an exostosis, and its root reaches into the bone; a swollen bone is thicker beyond its lesion, too.
        assert change[near].sum() > (0.6 if lesion.stalk else 0.75) * change.sum()
        assert change[mask].mean() > 8 * change[~near].mean()


@pytest.mark.parametrize(
    ("subtype", "site", "sign"),
    [("simple bone cyst", "humerus", -1), ("giant cell tumor", "knee", -1), ("non-ossifying fibroma", "tibia", -1),
     ("osteochondroma", "tibia", +1)],
)  # fmt: skip
def test_what_is_lucent_is_darker_than_its_surroundings_and_what_is_bone_brighter(
    subtype: str, site: str, sign: int
) -> None:
    contrasts = []
    for seed in range(6):
        picture, mask, _, _ = radiograph(np.random.default_rng(seed), lesion=subtype, site=site)
        core = ndimage.binary_erosion(mask, iterations=3)
        wide, close = (ndimage.binary_dilation(mask, iterations=count) for count in (14, 5))
        around = picture[wide & ~close]
        # A lucency is compared with bone, an exostosis with soft tissue.
        beside = np.quantile(around, 0.75 if sign < 0 else 0.25)
        contrasts.append(sign * (picture[core].mean() - beside))
    assert np.median(contrasts) > 0.02
    assert sum(contrast > 0 for contrast in contrasts) >= 5  # a patella may lie over one


def test_a_breached_cortex_is_thinner_than_a_whole_one(adult: Patient) -> None:
    whole = Lesion(subtype="s", label="malignant", bone="femur", level=140.0, length=18.0, width=0.8, offset=0.6,
                   scalloping=0.2, phases=(1.0,) * 8)  # fmt: skip
    broken = replace(whole, breach=0.95)
    kept, lost = (rays((lesion,), adult, "femur", 0) for lesion in (whole, broken))
    difference = kept.attenuation - lost.attenuation
    assert difference.min() > -1e-4
    assert difference.max() > 0.3  # about 8 mm of cortex along the ray
    assert (difference[~kept.masks[0]] < 0.35).all()


@pytest.mark.parametrize("reaction", ["solid", "lamellated", "spiculated", "codman"])
def test_periosteal_reaction_is_new_bone_outside_the_old(adult: Patient, reaction: str) -> None:
    bare = Lesion(subtype="s", label="malignant", bone="femur", level=150.0, length=25.0, width=0.8, lysis=0.0,
                  scalloping=0.0, phases=(0.5,) * 8)  # fmt: skip
    calm = rays((bare,), adult, "femur", 0)
    reacting = rays((replace(bare, reaction=(reaction,), reaction_height=7.0),), adult, "femur", 0)
    added = reacting.attenuation - calm.attenuation
    grown = reacting.masks[0] & ~calm.masks[0]
    assert grown.any()
    assert added[grown].mean() > 0.02
    assert np.abs(added[calm.masks[0]]).mean() < 0.1 * added[grown].mean()


def test_a_growth_plate_is_lucent_and_closes_with_age() -> None:
    depths = []
    for age in (9, 13, 40):
        patient = replace(Patient.sample(np.random.default_rng(8), age, "F"), size=1.0, quality=1.0, habit=(0.0,) * 8)
        laid = scene(patient, "knee", "frontal", np.random.default_rng(1))
        bone = laid.bone("tibia")
        points = bone.film(np.column_stack([np.linspace(8, 24, 160), np.full(160, 20.0)]))
        s, u = bone.local(points[:, 0].astype(np.float32), points[:, 1].astype(np.float32))
        along = bone.mineral(s, u, np.full(160, 15.0, dtype=np.float32), grain=0.0)
        depths.append(1 - along.min() / np.median(along))
    assert depths[0] > depths[1] > depths[2] + 0.1
    assert depths[0] > 0.6


def test_old_bone_attenuates_less(adult: Patient) -> None:
    bone = scene(adult, "knee", "frontal", np.random.default_rng(1)).bone("femur")
    s, u = np.float32([30.0, 120.0]), np.float32([3.0, 3.0])
    young, old = (bone.mineral(s, u, np.float32([25.0, 11.0]), grain=0.0, quality=quality) for quality in (1.0, 0.6))
    assert (old < 0.9 * young).all()
    assert (old > 0.5 * young).all()


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.filterwarnings("error")
def test_dicom_is_valid_says_synthetic_and_reads_back_to_the_picture(tmp_path, monkeypatch, inverted: bool) -> None:
    film = radiograph(np.random.default_rng(5), site="hand", age=8, centre="B")
    path = tmp_path / "film.dcm"
    monkeypatch.setattr(pydicom.config.settings, "reading_validation_mode", pydicom.config.RAISE)
    monkeypatch.setattr(pydicom.config.settings, "writing_validation_mode", pydicom.config.RAISE)
    write_dicom(path, film, "B001", 1, inverted=inverted)
    header = pydicom.dcmread(path)
    assert header.PhotometricInterpretation == ("MONOCHROME1" if inverted else "MONOCHROME2")
    assert str(header.PatientName) == "SYNTHETIC^B001"
    assert "SYNTHETIC" in header.ImageComments
    assert header.BurnedInAnnotation == "YES"
    assert header.BitsStored == 12
    assert header.pixel_array.max() < 4096
    for element in header.iterall():
        assert element.value is not None
    read = read_image(path)
    np.testing.assert_allclose(read.pixels, film.picture, atol=0.6 / 3400 + 1e-4)
    assert read.spacing == pytest.approx((film.facts.spacing, film.facts.spacing))


def test_the_same_generator_draws_the_same_film() -> None:
    first, second = (radiograph(np.random.default_rng(77), lesion="osteosarcoma", centre="C") for _ in range(2))
    np.testing.assert_array_equal(first.picture, second.picture)
    assert first.facts == second.facts
    other = radiograph(np.random.default_rng(78), lesion="osteosarcoma", centre="C")
    assert other.facts.lesions != first.facts.lesions


def test_drawing_needs_no_network_library() -> None:
    heavy = "{'torch', 'matplotlib', 'pydicom', 'sklearn'}"
    check = f"import osteon.cohort.synthetic, sys; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)
