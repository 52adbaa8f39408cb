"""The two sets of pictures to pretrain on."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from osteon.cohort.synthetic import pretraining_radiographs, pretraining_textures
from osteon.cohort.synthetic.pretraining import RADIOGRAPH_CLASSES, TEXTURE_CLASSES


@pytest.mark.parametrize(
    ("draw", "classes", "n"),
    [(pretraining_radiographs, RADIOGRAPH_CLASSES, 260), (pretraining_textures, TEXTURE_CLASSES, 400)],
)
def test_pictures_are_labelled_deterministic_and_learnable(draw, classes, n: int) -> None:
    images, labels = draw(n, 48, 5)
    assert images.shape == (n, 1, 48, 48)
    assert images.dtype == np.float32
    assert labels.dtype == np.int64
    assert 0 <= images.min() < images.max() <= 1
    assert set(labels.tolist()) == set(range(len(classes)))
    again, same = draw(40, 48, 5)
    np.testing.assert_array_equal(images[:40], again)
    np.testing.assert_array_equal(labels[:40], same)
    assert (draw(40, 48, 6)[0] != again).any()
    assert images.reshape(n, -1).std(axis=1).min() > 0.005

    # Even a few grey statistics tell the classes apart better than the commonest class does.
    step = np.abs(np.diff(images[:, 0], axis=2))
    flat = images.reshape(n, -1)
    features = np.column_stack(
        [flat.mean(1), flat.std(1), *np.quantile(flat, [0.05, 0.5, 0.95], axis=1), step.mean((1, 2)), step.std((1, 2))]
    )
    train = np.arange(n) < 0.7 * n
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(features[train], labels[train])
    commonest = np.bincount(labels[~train]).max() / (~train).sum()
    assert model.score(features[~train], labels[~train]) > commonest
