"""All features of one region: the public entry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from osteon.core.errors import StudyError
from osteon.core.types import Floats
from osteon.radiomics import cooccurrence, filters, intensity, morphology, tone, zones
from osteon.radiomics.preprocess import Levels, Mask, discretise, prepare, resegment
from osteon.radiomics.settings import Settings

# glibc hands freed arrays back to the system, to be faulted in again by the next, until it has once freed one this
# large: 1900 page faults and a quarter of the time of a lesion in a fresh worker process. Nothing is touched here.
np.empty(4_000_000)

#: Levels of the intensity-volume histogram of intensities without a unit (IBSI 3.5.2).
_IVH = Settings(bins=1000)


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
        StudyError: The settings are none.
    """
    settings = settings or Settings()
    if not isinstance(settings, Settings):
        raise StudyError(f"settings is a {type(settings).__name__}", fix="Give osteon.radiomics.Settings(...).")
    margin = max((filters.reach(name, _grid(spacing, settings)) for name in settings.filters), default=0.0)
    region = prepare(image, mask, spacing, settings, margin)
    box = region.box
    inside, pixels = region.mask[box], region.normalised
    counted = resegment(pixels[box], inside, settings)
    found: dict[str, float] = {}
    if "morphology" in settings.families:
        # Normalised intensities have no centre of mass: they add up to nothing.
        shape = morphology.features(inside, region.spacing, region.pixels[box], counted)
        found |= dict(_named("shape", shape))
    found |= _features(pixels[box], inside, counted, settings)
    unitless = replace(settings, bin_width=None)
    for name in settings.filters:
        for prefix, response in filters.responses(name, pixels, region.spacing):
            filtered = _features(response[box], inside, counted, unitless)
            found |= {f"{prefix}_{feature}": value for feature, value in filtered.items() if feature not in _RELATIVE}
    return found


def feature_names(settings: Settings | None = None) -> list[str]:
    """The names that :func:`extract` gives with these settings, in its order; every image has the same."""
    settings = replace(settings or Settings(), spacing=None, limits=None, outliers=None)
    return list(extract(np.eye(2), None, settings=settings))


#: A filtered image has no zero: nothing is divided by its mean.
_RELATIVE = ("intensity_coefficient_of_variation", "intensity_quartile_coefficient_of_dispersion")


def _grid(spacing: tuple[float, float] | None, settings: Settings) -> tuple[float, float]:
    """The spacing that filters will meet."""
    if spacing is None:
        return 1.0, 1.0
    return spacing if settings.spacing is None else (settings.spacing, settings.spacing)


def _features(pixels: Floats, mask: Mask, counted: Mask, settings: Settings) -> dict[str, float]:
    """The intensity and texture features of one (filtered or unfiltered) image."""
    values = pixels[counted]
    level_of, n = discretise(values, settings)
    found: dict[str, float] = {}
    if "statistics" in settings.families:
        found |= dict(_named("intensity", intensity.statistics(values)))
    if "histogram" in settings.families:
        found |= dict(_named("histogram", intensity.histogram(np.bincount(level_of - 1, minlength=n))))
    if "volume_histogram" in settings.families:
        fine = (level_of, n) if settings.bin_width else discretise(values, _IVH)
        found |= dict(_named("ivh", intensity.volume_histogram(np.bincount(fine[0] - 1, minlength=fine[1]))))
    levels = np.zeros(mask.shape, dtype=np.int64)
    levels[counted] = level_of
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
        runs = [zones.tally(*plane.runs(direction), n) for direction in settings.directions]
        if "averaged" in settings.aggregation:
            each = [zones.features("glrlm", tally, size) for tally in runs]
            yield from _named("glrlm", {name: float(np.mean([one[name] for one in each])) for name in each[0]})
        if "merged" in settings.aggregation:
            merged = zones.features("glrlm", zones.merge(runs), size * len(runs))
            yield from _named("glrlm", merged, "_merged")
    if wanted & {"glszm", "gldzm"}:
        level, area, depth = plane.zones(mask)
        for family, sizes in (("glszm", area), ("gldzm", depth)):
            if family in wanted:
                yield from _named(family, zones.features(family, zones.tally(level, sizes, n), size))
    for radius in settings.distances:
        suffix = "" if radius == 1 else f"_d{radius}"
        if "ngtdm" in wanted:
            yield from _named("ngtdm", tone.features(*tone.differences(levels, n, radius)), suffix)
        if "ngldm" in wanted:
            dependences = zones.tally(*zones.dependences(levels, radius, settings.coarseness), n)
            yield from _named("ngldm", zones.features("ngldm", dependences, size), suffix)


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


def _named(prefix: str, features: dict[str, float], suffix: str = "") -> Iterator[tuple[str, float]]:
    return ((f"{prefix}_{name}{suffix}", value) for name, value in features.items())
