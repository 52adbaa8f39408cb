"""The two sets of pictures to pretrain on."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from osteon import stats
from osteon.cohort.synthetic import pretraining_radiographs, pretraining_textures
from osteon.cohort.synthetic.pretraining import RADIOGRAPH_SIGNS, TEXTURE_CLASSES

#: A set of pictures, drawn once for all tests that look at it.
radiographs = cache(lambda: pretraining_radiographs(300, 48, 5))
textures = cache(lambda: pretraining_textures(400, 48, 5))


def grey_statistics(images: np.ndarray) -> np.ndarray:
    step = np.abs(np.diff(images[:, 0], axis=2))
    flat = images.reshape(len(images), -1)
    return np.column_stack(
        [flat.mean(1), flat.std(1), *np.quantile(flat, [0.05, 0.5, 0.95], axis=1), step.mean((1, 2)), step.std((1, 2))]
    )


@pytest.mark.parametrize(
    ("draw", "drawn", "n"), [(pretraining_radiographs, radiographs, 300), (pretraining_textures, textures, 400)]
)
def test_pictures_are_deterministic_and_not_blank(draw, drawn, n: int) -> None:
    images, labels = drawn()
    assert images.shape == (n, 1, 48, 48)
    assert images.dtype == np.float32
    assert labels.dtype == np.int64
    assert 0 <= images.min() < images.max() <= 1
    again, same = draw(40, 48, 5)
    np.testing.assert_array_equal(images[:40], again)
    np.testing.assert_array_equal(labels[:40], same)
    assert (draw(40, 48, 6)[0] != again).any()
    assert images.reshape(n, -1).std(axis=1).min() > 0.005


def test_textures_are_of_every_class_and_learnable() -> None:
    images, labels = textures()
    assert set(labels.tolist()) == set(range(len(TEXTURE_CLASSES)))
    features, train = grey_statistics(images), np.arange(400) < 280
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(features[train], labels[train])
    commonest = np.bincount(labels[~train]).max() / (~train).sum()
    assert model.score(features[~train], labels[~train]) > commonest


def test_radiographs_show_every_sign_and_some_show_none() -> None:
    images, labels = radiographs()
    assert labels.shape == (300, len(RADIOGRAPH_SIGNS))
    assert set(np.unique(labels)) == {0, 1}
    share = dict(zip(RADIOGRAPH_SIGNS, labels.mean(axis=0), strict=True))
    assert all(0 < value < 0.7 for value in share.values()), share
    assert 0.05 < (labels.sum(axis=1) == 0).mean() < 0.4  # healthy bone, and lesions without any of the signs
    both = labels[:, RADIOGRAPH_SIGNS.index("interrupted periosteal reaction")] == 1
    assert labels[both, RADIOGRAPH_SIGNS.index("periosteal reaction")].all()
    # A bone that sticks out shows as an edge against soft tissue, even to a few grey statistics.
    sign = labels[:, RADIOGRAPH_SIGNS.index("exostosis")]
    features, train = grey_statistics(images), np.arange(300) < 200
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(features[train], sign[train])
    assert float(stats.auc(sign[~train] == 1, model.predict_proba(features[~train])[:, 1])) > 0.6
