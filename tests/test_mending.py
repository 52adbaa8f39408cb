"""Two remedies against boxes that are drawn a little differently: jitter in training and averaging in prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from osteon import study
from osteon.core import tables
from osteon.core.ledger import stream
from osteon.io import read_image
from osteon.models.inputs import augment, crops, perturb
from osteon.pipeline import FIT, walk
from osteon.study import Augment, Crop
from small_study import fitted_network, make

BOX = np.array([100.0, 60.0, 140.0, 140.0])
STILL = {"rotate": 0, "shift": 0, "scale": 0, "flip": 0, "gamma": 0, "contrast": 0, "noise": 0}
NETWORK = '[[models]]\nkind = "network"\nbackbone = "test_resnet"\nweights = "random"\n'
STUDY = f"""\
[task]
positive = ["malignant"]

[centres]
development = ["A"]

[crop]
size = 48

{NETWORK}name = "frozen"

{NETWORK}name = "averaged"
average_boxes = 4

{NETWORK}name = "jittered"
augment = {{ jitter = 0.1 }}

{NETWORK}name = "tuned"
recipe = "last-stage"
epochs = 1

{NETWORK}name = "tuned averaged"
recipe = "last-stage"
epochs = 1
average_boxes = 3

[evaluation]
folds = 2
bootstrap = 100
"""


@settings(max_examples=25)
@given(count=st.integers(1, 9), seed=st.integers(0, 1000), reach=st.floats(0.01, 0.5))
def test_nearby_boxes_balance_around_the_drawn_one(count: int, seed: int, reach: float) -> None:
    rows = perturb.jittered(["a", "b"], count, [seed], reach)
    boxes = perturb.boxes(BOX, rows)
    np.testing.assert_array_equal(boxes[0], BOX)
    np.testing.assert_array_equal(
        rows.iloc[count:].to_numpy(), perturb.jittered(["b"], count, [seed], reach).to_numpy()
    )
    assert rows[["dx", "dy"]].abs().to_numpy().max() <= reach
    assert np.abs(np.log(rows[["sx", "sy"]].to_numpy())).max() <= np.log1p(reach) + 1e-12
    if count % 2:
        middle = (boxes[:count, :2] + boxes[:count, 2:]).mean(axis=0) / 2
        np.testing.assert_allclose(middle, (BOX[:2] + BOX[2:]) / 2)
        np.testing.assert_allclose(np.log(rows[["sx", "sy"]].to_numpy()[:count]).sum(axis=0), 0, atol=1e-12)


@pytest.mark.parametrize("crop", [Crop(margin=0.15), Crop(margin=0.3, square=False)])
def test_jitter_moves_the_box_before_the_crop(crop: Crop) -> None:
    """An augmented crop is the crop of a box that was drawn elsewhere: never stretched where crops are square."""
    noise = np.random.default_rng(0).random((200, 240)).astype(np.float32)
    pixels = ndimage.gaussian_filter(noise, 6)
    pixels = (pixels - pixels.min()) / np.ptp(pixels)
    jitter, size, n = Augment(**STILL, jitter=0.2), 64, 6
    drawn = np.tile(BOX, (n, 1))
    rows = augment.draw(n, jitter, np.random.default_rng(3), drawn, crop)
    pad = crops.pad_for(jitter, size)
    wide = crops.extract(pixels, crops.padded(crops.rectangles(drawn, crop), size, pad), size + 2 * pad)
    seen = augment.apply(torch.from_numpy(wide)[:, None], rows, size)[:, 0].numpy()
    # The same draws by hand: zoom, angle, dx, box dx, dy, box dy, box sx, box sy.
    rng = np.random.default_rng(3)
    draws = [rng.uniform(-limit, limit, n) for limit in (0, 0, 0, 0.2, 0, 0.2, np.log(1.2), np.log(1.2))]
    centres, sides = (BOX[:2] + BOX[2:]) / 2, BOX[2:] - BOX[:2]
    centres = centres + np.stack([draws[3], draws[5]], axis=1) * sides
    halves = sides * np.exp(np.stack([draws[6], draws[7]], axis=1)) / 2
    expected = crops.extract(pixels, crops.rectangles(np.hstack([centres - halves, centres + halves]), crop), size)
    np.testing.assert_allclose(seen, expected, atol=0.02)
    assert np.abs(seen - wide[:, pad:-pad, pad:-pad]).max() > 0.2
    if crop.square:
        np.testing.assert_allclose(rows["sx"], rows["sy"])


def test_no_jitter_leaves_the_draws_as_they_are() -> None:
    plain = augment.draw(5, Augment(), np.random.default_rng(1))
    boxed = augment.draw(5, Augment(), np.random.default_rng(1), np.tile(BOX, (5, 1)), Crop())
    for name, values in plain.items():
        np.testing.assert_array_equal(values, boxed[name])


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a study with each remedy; no report is needed."""
    path = make(tmp_path_factory.mktemp("mending"), study=STUDY)
    return walk(FIT, study.load(path)).path


@pytest.mark.parametrize(("name", "twin"), [("averaged", "frozen"), ("tuned averaged", "tuned")])
def test_networks_that_differ_in_averaging_alone_are_the_same_network(fitted: Path, name: str, twin: str) -> None:
    files = [(fitted / "models" / one / "fold-1" / "model.safetensors").read_bytes() for one in (name, twin)]
    assert files[0] == files[1]
    told = tables.read(fitted / "predictions.csv", tables.PREDICTIONS).set_index(["model", "case_id"])["probability"]
    assert (told[name] - told[twin]).abs().max() > 1e-5


def test_jitter_teaches_a_frozen_network_something_else(fitted: Path) -> None:
    files = [(fitted / "models" / one / "fold-1" / "model.safetensors").read_bytes() for one in ("jittered", "frozen")]
    assert files[0] != files[1]


@pytest.mark.parametrize(("name", "count"), [("averaged", 4), ("tuned averaged", 3)])
def test_an_averaged_probability_is_the_mean_over_its_boxes(fitted: Path, name: str, count: int) -> None:
    settings = study.load(fitted)
    cohort = tables.read(fitted / "cohort.csv", tables.COHORT).set_index("case_id", drop=False)
    told = tables.read(fitted / "predictions.csv", tables.PREDICTIONS)
    told = told[told["model"] == name].set_index("case_id")
    folds = tables.read(fitted / "folds.csv", tables.FOLDS).set_index("case_id")["fold"]
    for case in ("A05-frontal", "B05-frontal"):
        row = cohort.loc[case]
        box = row[["x0", "y0", "x1", "y1"]].to_numpy(dtype=float)
        boxes = perturb.boxes(box, perturb.jittered([""], count, [settings.study.seed, stream("boxes nearby")]))
        pixels = read_image(settings.cohort_path.parent / row["image"]).pixels
        cut = torch.from_numpy(crops.extract(pixels, crops.rectangles(boxes, settings.crop), 48))[:, None]
        of_folds = []
        for fold in [folds[case]] if case in folds else range(2):
            network = fitted_network(fitted.parent / "study.toml", name, 0, fold)
            with torch.inference_mode():
                of_folds.append(torch.sigmoid(network(cut).double()).mean())
        assert told.loc[case, "probability"] == pytest.approx(float(np.mean(of_folds)), abs=1e-5)
