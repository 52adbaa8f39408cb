"""One picture twice: exact copies by content, near copies by a perceptual fingerprint.

The fingerprint is the picture's 32 x 32 thumbnail without its coarse shading, and two pictures are as alike as their
fingerprints correlate. A 64-bit perceptual hash does not do for radiographs: a knee is a dark picture with a bright
bar, and on the 1635 tumour radiographs of centres 1 and 2 of BTXRD 177 pairs of different pictures share all 64 bits of
a difference hash. There, by correlation, the copies and one hand in two renderings reach 0.95 to 1.00, two views in one
collimator frame 0.91, and different patients at most 0.88. Recompression (JPEG, quality 30) and halving the resolution
keep a copy above 0.95; a strong change of window, or a crop by more than a few percent, hides it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from osteon.cohort.check.pictures import THUMBNAIL

#: Correlation from which two pictures are taken for one.
NEAR = 0.95
#: Correlation from which two pictures are worth a look.
ALIKE = 0.90
_SHADING = 2.0  # pixels of the thumbnail
_COEFFICIENTS = 128
_BLOCK = 1024
#: More look-alikes than this are not listed (thousands of renderings of one template).
MOST_PAIRS = 1_000_000

Pixels = NDArray[np.float32]


def fingerprints(thumbnails: NDArray[np.uint8]) -> Pixels:
    """Thumbnails -> unit vectors whose inner product is their correlation.

    Args:
        thumbnails: (n, 32, 32).

    Returns:
        (n, 1024); a flat picture, which is like nothing, is all zero.
    """
    small = thumbnails.astype(np.float32)
    small -= gaussian_filter(small, (0, _SHADING, _SHADING), mode="nearest")
    out = small.reshape(len(small), -1)
    out -= out.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(out, axis=1, keepdims=True)
    unit: Pixels = np.divide(out, norm, out=np.zeros_like(out), where=norm > 1.0)
    return unit


def alike(prints: Pixels, least: float = ALIKE) -> tuple[NDArray[np.intp], NDArray[np.intp], Pixels]:
    """All pairs that correlate at least so much; none is missed.

    Half the fingerprint's cosine coefficients would be enough to tell most pairs apart, and the Cauchy-Schwarz
    inequality bounds what the others can add: u.v <= Pu.Pv + |Qu||Qv|, where P keeps the first 128 coefficients and Q
    the rest. One product of short vectors finds the candidates, block by block; only these are compared in full.

    Args:
        prints: (n, 1024) of :func:`fingerprints`.
        least: Least correlation.

    Returns:
        First and second index of each pair (first < second) and its correlation.
    """
    n = len(prints)
    coefficients = dctn(prints.reshape(n, THUMBNAIL, THUMBNAIL), axes=(1, 2), norm="ortho").reshape(n, -1)
    frequency = np.add.outer(np.arange(THUMBNAIL) ** 2, np.arange(THUMBNAIL) ** 2).ravel()
    first = coefficients[:, np.argsort(frequency, kind="stable")[:_COEFFICIENTS]]
    rest = np.sqrt(np.clip((prints**2).sum(axis=1) - (first**2).sum(axis=1), 0, None))
    short = np.column_stack([first, rest]).astype(np.float32)
    pairs: list[tuple[NDArray[np.intp], NDArray[np.intp], Pixels]] = []
    listed = 0
    for i in range(0, n, _BLOCK):
        for j in range(i, n, 8 * _BLOCK):
            a, b = np.nonzero(short[i : i + _BLOCK] @ short[j : j + 8 * _BLOCK].T >= least - 1e-4)
            a, b = a + i, b + j
            a, b = a[a < b], b[a < b]
            correlation = np.einsum("ij,ij->i", prints[a], prints[b])
            keep = correlation >= least
            pairs.append((a[keep], b[keep], correlation[keep]))
            listed += int(keep.sum())
        if listed > MOST_PAIRS:
            break
    first_of, second_of, correlation = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return first_of, second_of, correlation


def find(pictures: pd.DataFrame) -> pd.DataFrame:
    """Pairs of files that hold one picture, or nearly.

    Args:
        pictures: image, content, thumbnail; in the order in which a pair is named.

    Returns:
        One row a pair: image_a, image_b, kind (``exact``, ``near`` or ``alike``), correlation. A picture that is there
        many times is paired with its first copy only.
    """
    first = pictures.groupby("content", sort=False)["image"].transform("first")
    copies = pictures[pictures["image"] != first]
    exact = pd.DataFrame(
        {
            "image_a": first[copies.index].to_numpy(),
            "image_b": copies["image"].to_numpy(),
            "kind": "exact",
            "correlation": 1.0,
        }
    )
    unique = pictures[pictures["image"] == first]
    if len(unique) < 2:
        return exact
    joined = np.frombuffer(b"".join(unique["thumbnail"]), dtype=np.uint8)
    i, j, correlation = alike(fingerprints(joined.reshape(-1, THUMBNAIL, THUMBNAIL)))
    near = pd.DataFrame(
        {
            "image_a": unique["image"].to_numpy()[i],
            "image_b": unique["image"].to_numpy()[j],
            "kind": np.where(correlation >= NEAR, "near", "alike"),
            "correlation": correlation.astype(np.float64).clip(max=1.0),
        }
    )
    return pd.concat([part for part in (exact, near) if len(part)] or [exact], ignore_index=True)


def clusters(cases: pd.DataFrame, pairs: pd.DataFrame) -> NDArray[np.intp]:
    """Number the groups of cases that share a patient or a picture, directly or through others.

    Args:
        cases: patient, image.
        pairs: image_a, image_b: files that hold one picture.

    Returns:
        (n,) the group of each case, in order of first appearance. Folds must not cut through a group.
    """
    patient, patients = pd.factorize(cases["patient"])
    images = pd.factorize(pd.concat([cases["image"], pairs["image_a"], pairs["image_b"]]))[0] + len(patients)
    n, m = len(cases), len(pairs)
    start = np.concatenate([patient, images[n : n + m]])
    end = np.concatenate([images[:n], images[n + m :]])
    size = int(images.max()) + 1
    graph = coo_array((np.ones(n + m, dtype=np.int8), (start, end)), shape=(size, size))
    return pd.factorize(connected_components(graph, directed=False)[1][patient])[0]
