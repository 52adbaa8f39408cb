"""All features of one region: the public entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from osteon.radiomics import cooccurrence, intensity, morphology, tone, zones
from osteon.radiomics.names import PREFIXES, REGISTRY
from osteon.radiomics.preprocess import Mask, discretise, prepare, resegment
from osteon.radiomics.settings import Settings
from osteon.types import Floats

Levels = NDArray[np.int64]

#: Levels of the intensity-volume histogram of intensities without a unit (IBSI 3.5.2).
IVH_BINS = 1000


def extract(
    image: ArrayLike,
    mask: ArrayLike | Sequence[float] | None,
    spacing: tuple[float, float] | None = None,
    settings: Settings | None = None,
) -> dict[str, float]:
    """Compute the IBSI features of one region of a radiograph.

    Args:
        image: (H, W) radiograph: float in [0, 1] with bone bright as :func:`osteon.io.read_image` gives it, or
            integers of any depth.
        mask: (H, W) mask, non-zero in the lesion; or a box x0, y0, x1, y1 in pixels, half-open; None takes the
            whole image.
        spacing: Row and column spacing in mm; None measures shapes in pixels.
        settings: What to compute and how; None takes the defaults.

    Returns:
        Feature name to value, all finite, in a fixed order; :data:`osteon.radiomics.REGISTRY` gives each name its
        IBSI tag.

    Raises:
        ImageError: The image is no grey image, the mask does not fit it, or the region is empty.
    """
    settings = settings or Settings()
    region = prepare(image, mask, spacing, settings)
    pixels, inside = region.tight(region.pixels)
    return _features(pixels, inside, region.spacing, settings)


def _features(pixels: Floats, mask: Mask, spacing: tuple[float, float], settings: Settings) -> dict[str, float]:
    """The features of one (filtered or unfiltered) image."""
    counted = resegment(pixels, mask, settings)
    levels, n = discretise(pixels, counted, settings)
    values = pixels[counted]

    def volume_histogram() -> dict[str, float]:
        if settings.bin_width is not None:
            return intensity.volume_histogram(np.bincount(levels[counted] - 1, minlength=n))
        fine, _ = discretise(pixels, counted, Settings(bins=IVH_BINS))
        return intensity.volume_histogram(np.bincount(fine[counted] - 1, minlength=IVH_BINS))

    compute: dict[str, Callable[[], dict[str, float]]] = {
        "morphology": lambda: morphology.features(mask, spacing, pixels, counted),
        "statistics": lambda: intensity.statistics(values),
        "histogram": lambda: intensity.histogram(np.bincount(levels[counted] - 1, minlength=n)),
        "volume_histogram": volume_histogram,
    }
    found = {
        f"{PREFIXES[family]}_{name}": value
        for family, features in compute.items()
        if family in settings.families
        for name, value in features().items()
    }
    return found | dict(_texture(levels, n, mask, settings))


def _texture(levels: Levels, n: int, mask: Mask, settings: Settings) -> Iterator[tuple[str, float]]:
    """The features of all texture families that the settings name."""
    wanted = set(settings.families)
    size = int(np.count_nonzero(levels))
    if "glcm" in wanted:
        for distance in settings.distances:
            yield from _cooccurrence(levels, n, distance, settings)
    plane = zones.Plane(levels)
    if "glrlm" in wanted:
        runs = [plane.runs(direction) for direction in settings.directions]
        if "averaged" in settings.aggregation:
            each = [zones.features("glrlm", groups, n, size) for groups in runs]
            yield from (("glrlm_" + name, float(np.mean([one[name] for one in each]))) for name in each[0])
        if "merged" in settings.aggregation:
            merged = np.concatenate([level for level, _ in runs]), np.concatenate([length for _, length in runs])
            for name, value in zones.features("glrlm", merged, n, size * len(runs)).items():
                yield f"glrlm_{name}_merged", value
    if wanted & {"glszm", "gldzm"}:
        level, area, zone_of_run = plane.zones()
        if "glszm" in wanted:
            yield from _prefixed("glszm_", zones.features("glszm", (level, area), n, size))
        if "gldzm" in wanted:
            distances = zones.zone_distances(plane, zone_of_run, level.size, mask)
            yield from _prefixed("gldzm_", zones.features("gldzm", (level, distances), n, size))
    for distance in settings.distances:
        suffix = "" if distance == 1 else f"_d{distance}"
        if "ngtdm" in wanted:
            yield from _prefixed("ngtdm_", tone.features(*tone.differences(levels, n, distance)), suffix)
        if "ngldm" in wanted:
            groups = zones.dependences(levels, distance, settings.coarseness)
            yield from _prefixed("ngldm_", zones.features("ngldm", groups, n, size), suffix)


def _cooccurrence(levels: Levels, n: int, distance: int, settings: Settings) -> Iterator[tuple[str, float]]:
    """GLCM features, averaged over the directions that have pairs, and merged.

    A region too thin for any pair at this distance counts as a texture of its most frequent level alone.
    """
    suffix = "" if distance == 1 else f"_d{distance}"
    counts = cooccurrence.matrices(levels, n, settings.directions, distance)
    filled = counts[counts.any(axis=(1, 2))]
    if not filled.size:
        filled = np.zeros((1, n, n))
        common = int(np.bincount(levels[levels > 0]).argmax()) - 1
        filled[0, common, common] = 1
    stack = np.concatenate([filled, filled.sum(axis=0, keepdims=True)])
    for name, values in cooccurrence.features(stack).items():
        if "averaged" in settings.aggregation:
            yield f"glcm_{name}{suffix}", float(values[:-1].mean())
        if "merged" in settings.aggregation:
            yield f"glcm_{name}_merged{suffix}", float(values[-1])


def _prefixed(prefix: str, features: dict[str, float], suffix: str = "") -> Iterator[tuple[str, float]]:
    return ((f"{prefix}{name}{suffix}", value) for name, value in features.items())
