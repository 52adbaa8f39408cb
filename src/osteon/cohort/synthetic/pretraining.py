"""Two sets of pictures to pretrain on: radiographs of other synthetic patients, and textures that are none."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from osteon.cohort.synthetic.anatomy import VIEWS, Patient, scene
from osteon.cohort.synthetic.centres import CENTRES
from osteon.cohort.synthetic.film import Exposure, expose
from osteon.cohort.synthetic.geometry import Field, Grid, enlarge
from osteon.cohort.synthetic.kinds import KINDS, sample_host, sample_lesion
from osteon.cohort.synthetic.lesions import placed
from osteon.cohort.synthetic.render import trace

#: The classes of the radiographs: how the bone in the picture looks, by sign and not by diagnosis.
RADIOGRAPH_CLASSES = ("end of a bone", "shaft", "beside the bone", "exostosis", "sharp", "ill-defined", "mineralised")
TEXTURE_CLASSES = ("dead leaves", "grating", "plaid", "blobs", "pink noise", "cells", "scratches", "checks")
_PATCHES = 8  # pictures cut from one simulated exposure
_SIDE = 208  # pixels of the exposure


class Pictures(NamedTuple):
    """A labelled set of pictures.

    Attributes:
        images: (N, 1, S, S) float32 in [0, 1].
        labels: (N,) int64.
    """

    images: Field
    labels: NDArray[np.int64]


def pretraining_radiographs(n: int, size: int, seed: int) -> Pictures:
    """Patches of synthetic radiographs, labelled by what they show (:data:`RADIOGRAPH_CLASSES`).

    Neighbouring pictures are of one patient: a held-out share has to be the last ones, not a random one.

    Args:
        n: How many.
        size: Side in pixels.
        seed: Of all randomness; other patients than a cohort's whatever the seed.
    """
    rng = np.random.default_rng([seed, 0x0B0E])
    images = np.empty((n, 1, size, size), dtype=np.float32)
    labels = np.empty(n, dtype=np.int64)
    names = list(KINDS)
    for first in range(0, n, _PATCHES):
        kind = KINDS[names[int(rng.integers(len(names)))]]
        exposed, spots, spot_labels = _exposure(rng, kind.subtype)
        for place in range(first, min(n, first + _PATCHES)):
            at = 0 if place - first < _PATCHES // 2 else int(rng.integers(1, len(spots)))
            images[place, 0] = _cut(rng, exposed, spots[at], size)
            labels[place] = spot_labels[at]
    return Pictures(images, labels)


def _exposure(rng: np.random.Generator, subtype: str) -> tuple[Field, np.ndarray, list[int]]:
    """Simulate the neighbourhood of a lesion, and name some places in it as (row, column, half-width)."""
    kind = KINDS[subtype]
    centre = CENTRES[int(rng.integers(len(CENTRES)))]
    patient = Patient.sample(rng, int(rng.triangular(*kind.ages)), str(rng.choice(["F", "M"])))
    host = sample_host(rng, kind)
    lesion = sample_lesion(rng, kind, host, patient)
    view = int(rng.integers(2))
    laid = scene(patient, host[0], VIEWS[host[0]][view], rng)
    bone = laid.bone(lesion.bone)
    s, u, along, across, _ = placed(lesion, bone, view == 0)
    half = 1.3 * max(along, across, 0.7 * lesion.stalk) + 6.0
    extent = 2.6 * half
    spacing = extent / (_SIDE / 2)
    middle = bone.film(np.array([[s, u]]))[0]
    grid = Grid(_SIDE, _SIDE, spacing, float(middle[0] - extent), float(middle[1] - extent))
    rays = trace(patient, laid, (lesion,), grid, frontal=view == 0)
    detector = replace(centre.detector, collimation=(1.0, 1.0))
    picture = expose(rays.attenuation, detector, Exposure("", (), spacing), rng)
    if lesion.stalk:
        label = 3
    elif lesion.mineralisation > 0.25:
        label = 6
    else:
        label = 5 if lesion.margin > 2.5 or lesion.permeation > 0.2 else 4
    shaft = 60.0 * patient.size if bone.name in ("femur", "tibia", "humerus") else 25.0 * patient.size
    spots, names = [(_SIDE / 2, _SIDE / 2, half / spacing)], [label]
    for level, aside in ((s - 1.7 * half, False), (s + 1.7 * half, True)):
        low, high = bone.width_at(level)
        point = bone.film(np.array([[level, (low + high) / 2]]))[0]
        places = [(point, 1 if level > shaft else (0 if level > 0 else 2))]
        if aside:
            places.append((bone.film(np.array([[level, high + 0.7 * half]]))[0], 2))
        for at, name in places:
            row, column = (at[1] - grid.top) / spacing, (at[0] - grid.left) / spacing
            if 0.12 < row / _SIDE < 0.88 and 0.12 < column / _SIDE < 0.88:
                spots.append((row, column, 0.65 * half / spacing))
                names.append(name)
    if len(spots) == 1:
        spots, names = spots * 2, names * 2
    return picture, np.asarray(spots), names


def _cut(rng: np.random.Generator, picture: Field, spot: NDArray[np.float64], size: int) -> Field:
    """A patch around a place, shifted, scaled and turned by quarters at random, at `size` pixels."""
    row, column, half = spot
    half = float(half * rng.uniform(0.85, 1.25))
    row, column = row + rng.normal(0, 0.1) * half, column + rng.normal(0, 0.1) * half
    height, width = picture.shape
    y0, y1 = int(np.clip(row - half, 0, height - 16)), int(np.clip(row + half, 16, height))
    x0, x1 = int(np.clip(column - half, 0, width - 16)), int(np.clip(column + half, 16, width))
    patch = picture[y0 : max(y1, y0 + 16), x0 : max(x1, x0 + 16)]
    turned = np.rot90(patch, int(rng.integers(4)))
    return enlarge(turned[:, ::-1] if rng.random() < 0.5 else turned, (size, size))


def pretraining_textures(n: int, size: int, seed: int) -> Pictures:
    """Grey pictures such as photographs of surfaces give, and nothing of a radiograph in them.

    Labelled by how they were made (:data:`TEXTURE_CLASSES`).

    Args:
        n: How many.
        size: Side in pixels.
        seed: Of all randomness.
    """
    rng = np.random.default_rng([seed, 0x7E87])
    images = np.empty((n, 1, size, size), dtype=np.float32)
    labels = np.empty(n, dtype=np.int64)
    makers = (_leaves, _grating, _plaid, _blobs, _pink, _cells, _scratches, _checks)
    for index in range(n):
        label = int(rng.integers(len(makers)))
        labels[index] = label
        field = np.asarray(makers[label](rng, size), dtype=np.float32)
        field = (
            field + np.float32(rng.uniform(0, 0.15)) * rng.standard_normal(field.shape, dtype=np.float32) * field.std()
        )
        low, high = np.percentile(field[::2, ::2], [1, 99])
        grey = np.clip((field - low) / max(float(high - low), 1e-6), 0, 1) ** rng.uniform(0.6, 1.6)
        contrast = rng.uniform(0.5, 1.0)
        images[index, 0] = contrast * grey + rng.uniform(0, 1 - contrast)
    return Pictures(images, labels)


def _plane(rng: np.random.Generator, size: int) -> tuple[Field, Field]:
    """Turned coordinates of the pixels."""
    angle = rng.uniform(0, np.pi)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return c * x + s * y, c * y - s * x


def _leaves(rng: np.random.Generator, size: int) -> Field:
    """Occluding discs of power-law sizes, each of one grey: the dead-leaves model of natural scenes."""
    field = np.zeros((size, size), dtype=np.float32)
    y, x = np.ogrid[:size, :size]
    for radius in (3.0 / rng.uniform(3.0 / (0.4 * size), 1.0, 70)).tolist():
        row, column = rng.uniform(0, size, 2)
        top, bottom = max(0, int(row - radius)), min(size, int(row + radius) + 2)
        left, right = max(0, int(column - radius)), min(size, int(column + radius) + 2)
        inside = (y[top:bottom] - row) ** 2 + (x[:, left:right] - column) ** 2 < radius * radius
        field[top:bottom, left:right][inside] = rng.random()
    return field


def _grating(rng: np.random.Generator, size: int) -> Field:
    u, v = _plane(rng, size)
    bend = rng.uniform(0, 6) * np.sin(v / rng.uniform(8, 30))
    return np.asarray(np.sin(2 * np.pi * (u + bend) / rng.uniform(4, 24)))


def _plaid(rng: np.random.Generator, size: int) -> Field:
    u, v = _plane(rng, size)
    return np.asarray(np.sin(2 * np.pi * u / rng.uniform(5, 24)) + np.sin(2 * np.pi * v / rng.uniform(5, 24)))


def _blobs(rng: np.random.Generator, size: int) -> Field:
    noise = ndimage.gaussian_filter(
        rng.standard_normal((size, size), dtype=np.float32), rng.uniform(1.5, 6), mode="wrap"
    )
    return np.asarray(np.tanh(noise / noise.std() * 3))


def _pink(rng: np.random.Generator, size: int) -> Field:
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) * frequency ** -rng.uniform(0.7, 1.7)
    return np.asarray(np.fft.irfft2(spectrum, s=(size, size)), dtype=np.float32)


def _cells(rng: np.random.Generator, size: int) -> Field:
    seeds = np.ones((size, size), dtype=bool)
    seeds[tuple(rng.integers(0, size, (2, int(rng.integers(12, 70)))))] = False
    distance = ndimage.distance_transform_edt(seeds)
    return np.asarray(distance, dtype=np.float32)


def _scratches(rng: np.random.Generator, size: int) -> Field:
    noise = rng.standard_normal((size, size)).astype(np.float32)
    ridges = ndimage.gaussian_filter(noise, (rng.uniform(6, 14), rng.uniform(0.6, 1.4)), mode="wrap")
    turned = ndimage.rotate(np.abs(ridges), rng.uniform(0, 180), reshape=False, order=1, mode="reflect")
    return np.asarray(turned, dtype=np.float32)


def _checks(rng: np.random.Generator, size: int) -> Field:
    u, v = _plane(rng, size)
    side = rng.uniform(4, 20)
    return np.asarray((np.floor(u / side) + np.floor(v / side)) % 2, dtype=np.float32)
