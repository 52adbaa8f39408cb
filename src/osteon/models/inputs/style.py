"""How a radiograph was taken, not what it shows: grey levels at its borders, noise, sharpness, size.

Beam, film, digitiser, cropping and compression leave these traces; a model that goes by them does well in folds of the
centre that it was made from and nowhere else.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import convolve, gaussian_filter
from scipy.stats import norm
from sklearn.cluster import KMeans

from osteon.core.types import Floats, Pixels

#: Width of the border, as a share of the shorter side.
_BORDER = 0.04
_DARK, _BRIGHT = 0.03, 0.97
#: Scales in pixels between which detail counts as fine, and as coarse.
_FINE, _COARSE = 1.0, 4.0
_MASK = np.outer([1.0, -2.0, 1.0], [1.0, -2.0, 1.0])
#: The median absolute response to noise with a standard deviation of 1.
_RESPONSE = 6 * float(norm.ppf(0.75))


def style(pixels: Pixels) -> dict[str, float]:
    """What is told of one radiograph, from its pixels alone.

    Args:
        pixels: (H, W) in [0, 1].

    Returns:
        Of the border: mean, standard deviation, and the shares that are black and white; noise (log2 of its standard
        deviation, by the median response to a mask that sees neither slopes nor edges, Immerkaer 1996, doi
        10.1006/cviu.1996.0060); sharpness (log2 of fine against coarse detail); log2 of the longer side and of width
        against height.
    """
    x = np.asarray(pixels, dtype=np.float64)
    height, width = x.shape
    side = max(1, round(_BORDER * min(height, width)))
    border = np.concatenate([x[:side].ravel(), x[-side:].ravel(), x[:, :side].ravel(), x[:, -side:].ravel()])
    smooth, smoother = gaussian_filter(x, _FINE), gaussian_filter(x, _COARSE)
    fine, coarse = float((x - smooth).std()), float((smooth - smoother).std())
    noise = float(np.median(np.abs(_masked(x)))) / _RESPONSE if min(x.shape) > 2 else 0.0
    return {
        "border mean": float(border.mean()),
        "border sd": float(border.std()),
        "border black": float((border < _DARK).mean()),
        "border white": float((border > _BRIGHT).mean()),
        "noise": float(np.log2(noise + 1e-4)),
        "sharpness": float(np.log2((fine + 1e-6) / (coarse + 1e-6))),
        "size": float(np.log2(max(height, width))),
        "aspect": float(np.log2(width / height)),
    }


def _masked(x: Floats) -> Floats:
    """The response to Immerkaer's mask, the difference of two Laplacians, where it lies inside."""
    return np.asarray(convolve(x, _MASK)[1:-1, 1:-1])


def clusters(told: pd.DataFrame, groups: ArrayLike, count: int, seed: int) -> NDArray[np.intp]:
    """Deal cases to clusters of style, the largest first.

    Numbers are cut off at their 2nd and 98th percentile and standardised, so that no tail decides; what does not vary
    is left out. A group goes whole to the cluster that most of its cases are in.

    Args:
        told: What :func:`style` tells, one row a case.
        groups: (n,) cases that share a patient or a picture.
        count: How many clusters.
        seed: Of the starts of k-means.

    Returns:
        (n,) cluster of each case, from 0; fewer than `count` where styles do not differ that much.
    """
    values = told.to_numpy(dtype=np.float64)
    values = np.clip(values, *np.percentile(values, [2, 98], axis=0))
    values = values[:, np.ptp(values, axis=0) > 0]
    if values.shape[1] == 0:
        return np.zeros(len(told), dtype=np.intp)
    standard = ((values - values.mean(axis=0)) / values.std(axis=0)).round(9)
    most = min(count, len(np.unique(standard, axis=0)))
    found = KMeans(most, n_init=20, random_state=seed).fit_predict(standard)
    group = pd.factorize(np.asarray(groups))[0]
    votes = np.zeros((group.max() + 1, most), dtype=np.intp)
    np.add.at(votes, (group, found), 1)
    whole = votes.argmax(axis=1)[group]
    place = np.empty(most, dtype=np.intp)
    place[np.argsort(-np.bincount(whole, minlength=most), kind="stable")] = np.arange(most)
    return np.asarray(place[whole])
