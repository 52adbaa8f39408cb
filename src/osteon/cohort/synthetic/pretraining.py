"""Two sets of pictures to pretrain on: lesions of other synthetic patients by their signs, and textures."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from osteon.cohort.synthetic.anatomy import VIEWS, Patient, scene
from osteon.cohort.synthetic.centres import CENTRES
from osteon.cohort.synthetic.film import Exposure, expose
from osteon.cohort.synthetic.geometry import Field, Grid
from osteon.cohort.synthetic.kinds import DIAGNOSES, sample_host, sample_lesion
from osteon.cohort.synthetic.lesions import Lesion, placed
from osteon.cohort.synthetic.render import trace

#: What a radiograph's labels say, each yes or no: signs that a report names, and no diagnosis.
RADIOGRAPH_SIGNS = (
    "ill-defined margin", "sclerotic rim", "moth-eaten or permeative", "breached cortex", "periosteal reaction",
    "interrupted periosteal reaction", "soft-tissue mass", "expanded bone", "septa", "exostosis", "chondroid matrix",
    "osteoid matrix", "ground glass",
)  # fmt: skip
TEXTURE_CLASSES = ("dead leaves", "grating", "plaid", "blobs", "pink noise", "cells", "scratches", "checks")
PICTURES_A_PATIENT = 2  # cut from one simulated exposure
_BARE = 4  # of so many exposures, one gives a picture of healthy bone
_SIDE = 208  # pixels of the exposure


class Pictures(NamedTuple):
    """A labelled set of pictures.

    Attributes:
        images: (N, 1, S, S) float32 in [0, 1].
        labels: (N,) int64 classes, or (N, K) int64 signs, 1 where a picture shows one.
    """

    images: Field
    labels: NDArray[np.int64]


def pretraining_radiographs(n: int, size: int, seed: int) -> Pictures:
    """Patches of synthetic radiographs, most of a lesion, labelled by the signs they show (:data:`RADIOGRAPH_SIGNS`).

    Neighbouring pictures are of one patient: a held-out share has to be the last ones, not a random one.

    Args:
        n: How many.
        size: Side in pixels.
        seed: Of all randomness; other patients than a cohort's whatever the seed.
    """
    rng = np.random.default_rng([seed, 0x0B0E])
    images = np.empty((n, 1, size, size), dtype=np.float32)
    labels = np.zeros((n, len(RADIOGRAPH_SIGNS)), dtype=np.int64)
    names = list(DIAGNOSES)
    for first in range(0, n, PICTURES_A_PATIENT):
        picture, lesion, spot, bare = _exposure(rng, names[int(rng.integers(len(names)))])
        healthy = bare is not None and first // PICTURES_A_PATIENT % _BARE == 0
        for place in range(first, min(n, first + PICTURES_A_PATIENT)):
            if healthy and place > first and bare is not None:
                images[place, 0] = _cut(rng, picture, bare, size)
            else:
                images[place, 0] = _cut(rng, picture, spot, size)
                labels[place] = _signs(lesion)
    return Pictures(images, labels)


def _signs(lesion: Lesion) -> list[bool]:
    """Which of :data:`RADIOGRAPH_SIGNS` a lesion has so strongly that it can be seen."""
    torn = {"lamellated", "spiculated", "codman"}
    matrix = lesion.matrix if lesion.mineralisation > 0.25 else "none"
    return [
        lesion.margin > 3.0,
        lesion.rim > 0.4,
        lesion.permeation > 0.15,
        lesion.breach > 0.2,
        bool(lesion.reaction),
        bool(torn.intersection(lesion.reaction)),
        lesion.mass > 2.0,
        lesion.swelling > 2.0,
        lesion.septa > 0.3,
        lesion.stalk > 0.0,
        matrix == "chondroid",
        matrix == "osteoid",
        matrix == "ground glass",
    ]


def _exposure(
    rng: np.random.Generator, subtype: str
) -> tuple[Field, Lesion, tuple[float, float, float], tuple[float, float, float] | None]:
    """Simulate the neighbourhood of a lesion.

    Returns:
        The picture, the lesion, the square around it as (row, column, half-width), and one of healthy bone beside it
        if there is room.
    """
    kind = DIAGNOSES[subtype]
    centre = CENTRES[int(rng.integers(len(CENTRES)))]
    patient = Patient.sample(rng, int(rng.triangular(*kind.ages)), str(rng.choice(["F", "M"])))
    host = sample_host(rng, kind)
    lesion = sample_lesion(rng, kind, host, patient)
    view = int(rng.integers(2))
    laid = scene(patient, host[0], VIEWS[host[0]][view], rng)
    bone = laid.bone(lesion.bone)
    s, u, along, across, _ = placed(lesion, bone, view == 0)
    half = 1.3 * max(along, across, 0.7 * lesion.stalk) + 6.0
    extent = 2.2 * half
    spacing = extent / (_SIDE / 2)
    middle = bone.film(np.array([[s, u]]))[0]
    grid = Grid(_SIDE, _SIDE, spacing, float(middle[0] - extent), float(middle[1] - extent))
    rays = trace(patient, laid, (lesion,), grid, frontal=view == 0)
    detector = replace(centre.detector, collimation=(1.0, 1.0))
    picture = expose(rays.attenuation, detector, Exposure("", (), spacing), rng)
    rows, columns = (np.flatnonzero(rays.masks[0].any(axis=axis)) for axis in (1, 0))
    spot = (_SIDE / 2, _SIDE / 2, half / spacing)
    if len(rows):
        spot = (float(rows.mean()), float(columns.mean()), max(float(np.ptp(rows)), float(np.ptp(columns))) / 2 + 1)
    low, high = bone.width_at(s + 1.5 * half)
    beside = bone.film(np.array([[s + 1.5 * half, (low + high) / 2]]))[0]
    row, column = float((beside[1] - grid.top) / spacing), float((beside[0] - grid.left) / spacing)
    on_film = 0.15 < row / _SIDE < 0.85 and 0.15 < column / _SIDE < 0.85
    return picture, lesion, spot, (row, column, 0.35 * half / spacing) if on_film else None


def _cut(rng: np.random.Generator, picture: Field, spot: tuple[float, float, float], size: int) -> Field:
    """A square that holds a place somewhere within it, mirrored at random, at `size` pixels.

    The place is not always in the middle: what a network says of it has to come from there.
    """
    row, column, half = spot
    wide = float(min(max(half * rng.uniform(1.15, 2.0), 12.0), _SIDE / 2 - 1))
    aside = rng.uniform(-0.8, 0.8, 2) * max(wide - half, 0.0)
    row, column = np.clip(np.array([row, column]) + aside, wide, _SIDE - wide).tolist()
    square = (column - wide, row - wide, column + wide, row + wide)
    patch = Image.fromarray(picture).resize((size, size), Image.Resampling.BILINEAR, box=square)
    if rng.random() < 0.5:
        patch = patch.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(patch, dtype=np.float32)


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
