"""From rays to a film: exposure, scatter, blur, noise, processing, collimation, markers and burned-in text.

Everything that differs between hospitals and has nothing to do with the patient is a :class:`Detector`; four of them
stand for a modern flat panel, a storage-phosphor reader, a teaching-file export and a digitised film.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from osteon.cohort.synthetic.geometry import Field, low_pass, ramp, texture


@dataclass(frozen=True, slots=True)
class Detector:
    """How a hospital makes its pictures.

    Attributes:
        spacing: Range of pixel spacings, mm.
        photons: Quanta per pixel in the open beam, in thousands: the quantum noise.
        electronic: Electronic noise, as a share of the open beam's signal.
        blur: Standard deviation of the unsharpness, mm.
        scatter: Scattered share of the signal behind the patient.
        heel: Fall of the exposure across the field.
        equalisation: Share of the large-scale contrast that processing removes.
        edge: Strength of the edge enhancement.
        curve: Gamma of the grey curve; above 1 darkens.
        toe: How far the curve is a film's S rather than a straight line.
        window: Percentiles of the exposed field that become black and white.
        shutter: Outside the collimation: ``black``, ``white`` or ``none``.
        collimation: Ranges of the share of the field that is left open.
        marker: ``plain``, ``circled``, ``initials`` or ``film``.
        grain: Film grain and dust.
    """

    spacing: tuple[float, float] = (0.36, 0.42)
    photons: float = 60.0
    electronic: float = 0.0004
    blur: float = 0.12
    scatter: float = 0.25
    heel: float = 0.05
    equalisation: float = 0.5
    edge: float = 0.4
    curve: float = 1.1
    toe: float = 0.2
    window: tuple[float, float] = (4.0, 99.7)
    shutter: str = "black"
    collimation: tuple[float, float] = (0.93, 1.0)
    marker: str = "plain"
    grain: float = 0.0


@dataclass(frozen=True, slots=True)
class Exposure:
    """What was set at one exposure, beside the detector.

    Attributes:
        side: The marker's letter, ``L`` or ``R``; empty for none.
        text: Lines burned into the picture.
        spacing: Pixel spacing, mm.
    """

    side: str
    text: Sequence[str]
    spacing: float


def expose(attenuation: Field, detector: Detector, exposure: Exposure, rng: np.random.Generator) -> Field:
    """Make the picture of some rays.

    Args:
        attenuation: (rows, columns) -log of the primary transmission.
        detector: The hospital's equipment.
        exposure: Marker, text and spacing.
        rng: Source of noise and of the radiographer's habits.

    Returns:
        (rows, columns) grey levels in [0, 1], bone bright.
    """
    rows, columns = attenuation.shape
    opened = _collimation(rows, columns, detector, rng)
    beam = np.exp(-attenuation)
    if exposure.side:
        marker, at = _marker(rows, columns, detector, exposure, opened, rng)
        beam[at] *= np.exp(-2.6 * marker)
    tilt = rng.uniform(-1, 1, 2) * detector.heel
    beam *= 1 + tilt[0] * np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    beam *= 1 + tilt[1] * np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    beam *= opened
    scattered = low_pass(beam, 22.0 / exposure.spacing)
    signal = (1 - detector.scatter) * beam + detector.scatter * (0.8 * scattered + 0.02)
    if detector.blur / exposure.spacing > 0.2:
        signal = ndimage.gaussian_filter(signal, detector.blur / exposure.spacing, truncate=3.0)
    noise = rng.standard_normal((rows, columns), dtype=np.float32)
    quantum = np.sqrt(signal / np.float32(1000 * detector.photons) + np.float32(detector.electronic**2))
    density = -np.log(np.maximum(signal + quantum * noise, 2e-3))
    return _process(density, opened, detector, exposure, rng)


def _process(density: Field, opened: Field, detector: Detector, exposure: Exposure, rng: np.random.Generator) -> Field:
    """Equalise, sharpen, window and bend the greys; close the shutter; burn in the text."""
    field = opened > 0.5
    wide = low_pass(np.where(field, density, np.float32(np.median(density[::8, ::8]))), 24.0 / exposure.spacing)
    shown = density - np.float32(detector.equalisation) * wide
    if detector.edge:
        fine = low_pass(density, 1.6 / exposure.spacing, coarse=2)
        shown += np.float32(detector.edge) * (density - fine)
    low, high = np.percentile(shown[::4, ::4][field[::4, ::4]], detector.window)
    low, high = low - rng.uniform(0, 0.08) * (high - low), high + rng.uniform(-0.03, 0.08) * (high - low)
    grey = np.clip((shown - np.float32(low)) / np.float32(high - low), 0, 1)
    grey = (1 - detector.toe) * grey + detector.toe * grey * grey * (3 - 2 * grey)
    grey **= np.float32(detector.curve * rng.uniform(0.92, 1.08))
    if detector.grain:
        grey = _film_base(grey, detector.grain, rng)
    if detector.shutter == "black":
        grey *= ramp(opened, 0.2, 0.6)
    elif detector.shutter == "white":
        grey = np.where(field, grey, np.float32(0.97))
    _burn(grey, exposure.text, detector)
    return np.asarray(grey, dtype=np.float32)


def _film_base(grey: Field, amount: float, rng: np.random.Generator) -> Field:
    """A digitised film: base fog, grain, dust, and hairs on the scanner's glass."""
    rows, columns = grey.shape
    grain = texture("grain")
    shift = rng.integers(0, grain.shape[0], 2)
    tiled = np.take(np.take(grain, np.arange(rows) * 3 + shift[0], 0, mode="wrap"),
                    np.arange(columns) * 3 + shift[1], 1, mode="wrap")  # fmt: skip
    grey = 0.09 + 0.8 * grey + np.float32(0.012 * amount) * tiled * (0.4 + grey)
    for _ in range(int(rng.poisson(7 * amount))):
        y, x = int(rng.integers(2, rows - 2)), int(rng.integers(2, columns - 2))
        grey[y : y + int(rng.integers(1, 3)), x : x + int(rng.integers(1, 4))] = rng.choice([0.02, 0.95])
    if rng.random() < 0.3 * amount:
        t, phase = np.linspace(0, 1, 80), rng.uniform(0, 6, 2)
        y = rng.uniform(0, rows) + 14 * np.sin(2.5 * t + phase[0]) + 12 * t
        x = rng.uniform(0, columns) + 14 * np.cos(2.5 * t + phase[1]) - 10 * t
        keep = (y > 0) & (y < rows - 1) & (x > 0) & (x < columns - 1)
        grey[y[keep].astype(int), x[keep].astype(int)] *= 0.7
    return np.clip(grey, 0, 1)


def _collimation(rows: int, columns: int, detector: Detector, rng: np.random.Generator) -> Field:
    """The share of the beam that the collimator lets through: a slightly turned rectangle with a penumbra."""
    open_rows, open_columns = rng.uniform(*detector.collimation, 2)
    if min(open_rows, open_columns) > 0.995:
        return np.ones((rows, columns), dtype=np.float32)
    turn = np.float32(rng.normal(0, 0.012))
    y = np.arange(rows, dtype=np.float32)[:, None] - np.float32(rows * rng.uniform(0.48, 0.52))
    x = np.arange(columns, dtype=np.float32)[None, :] - np.float32(columns * rng.uniform(0.48, 0.52))
    inside_y = open_rows * rows / 2 - np.abs(y + turn * x)
    inside_x = open_columns * columns / 2 - np.abs(x - turn * y)
    through = np.clip(0.5 + np.minimum(inside_x, inside_y) / 3.0, 0, 1)
    return np.asarray(0.004 + 0.996 * through, dtype=np.float32)


@lru_cache(maxsize=64)
def _lettering(text: str, size: int, circled: bool) -> Field:
    """Letters as a (h, w) mask in [0, 1]."""
    font = ImageFont.load_default(size=size)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(text))
    margin = size // 2 if circled else 2
    image = Image.new("L", (right - left + 2 * margin, bottom - top + 2 * margin))
    draw = ImageDraw.Draw(image)
    draw.text((margin - left, margin - top), text, fill=255, font=font)
    if circled:
        width, height = image.size
        draw.ellipse((1, 1, width - 2, height - 2), outline=255, width=max(1, size // 9))
    return np.asarray(image, dtype=np.float32) / 255


def _marker(
    rows: int, columns: int, detector: Detector, exposure: Exposure, opened: Field, rng: np.random.Generator
) -> tuple[Field, tuple[slice, slice]]:
    """A lead letter on the cassette, within the open field and off the middle, where the limb is."""
    size = int(np.clip(11.0 / exposure.spacing, 16, 40))
    text = exposure.side if detector.marker != "initials" else f"{exposure.side} {rng.choice(['JK', 'MB', 'TS', 'AW'])}"
    letters = _lettering(text, size if detector.marker != "initials" else int(0.7 * size), detector.marker == "circled")
    if detector.marker == "film" and rng.random() < 0.5:
        letters = letters[:, ::-1] if rng.random() < 0.15 else np.rot90(letters)
    height, width = letters.shape
    open_rows, open_columns = np.flatnonzero(opened.max(axis=1) > 0.9), np.flatnonzero(opened.max(axis=0) > 0.9)
    top, bottom = open_rows[0] + 6, open_rows[-1] - height - 6
    left, right = open_columns[0] + 6, open_columns[-1] - width - 6
    y = int(np.clip(rng.uniform(0.05, 0.9) * rows, top, max(top, bottom)))
    aside = rng.uniform(0.0, 0.05) * columns
    x = int(np.clip(left + aside if rng.random() < 0.5 else right - aside, 0, columns - width))
    return np.ascontiguousarray(letters), (slice(y, y + height), slice(x, x + width))


def _burn(grey: Field, lines: Sequence[str], detector: Detector) -> None:
    """Burn text into a corner, white on a dark ground or black on a bright one."""
    rows, columns = grey.shape
    size = max(11, columns // 34)
    top_corner, left_corner = {"plain": (False, True), "circled": (True, True), "initials": (True, False)}.get(
        detector.marker, (False, False)
    )
    y = 6 if top_corner else rows - 6 - (size + 5) * len(lines)
    for line in lines:
        letters = _lettering(line, size, False)[:, : columns - 12]
        height, width = letters.shape
        x = 6 if left_corner else columns - 6 - width
        patch = grey[y : y + height, x : x + width]
        letters = letters[: patch.shape[0]]
        if patch.mean() > 0.6:
            np.minimum(0.75 + 0.25 * patch, 1 - letters, out=patch)
        else:
            np.maximum(0.25 * patch, 0.95 * letters, out=patch)
        y += size + 5
