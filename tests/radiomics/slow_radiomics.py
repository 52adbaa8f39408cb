"""The texture matrices written out pixel by pixel, as the IBSI reference manual defines them. For tests only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

Pixel = tuple[int, int]
STEPS = {0: (0, 1), 45: (-1, 1), 90: (-1, 0), 135: (-1, -1)}


def pixels(levels: np.ndarray) -> dict[Pixel, int]:
    """The region's pixels and their levels."""
    return {(int(r), int(c)): int(levels[r, c]) for r, c in np.argwhere(levels > 0)}


def glcm(levels: np.ndarray, n: int, direction: int, distance: int) -> np.ndarray:
    region, counts = pixels(levels), np.zeros((n, n))
    down, right = STEPS[direction]
    for (r, c), level in region.items():
        for sign in (1, -1):
            other = region.get((r + sign * distance * down, c + sign * distance * right))
            if other is not None:
                counts[level - 1, other - 1] += 1
    return counts


def glrlm(levels: np.ndarray, direction: int) -> Counter[tuple[int, int]]:
    region, runs = pixels(levels), Counter()
    down, right = STEPS[direction]
    for (r, c), level in region.items():
        if region.get((r - down, c - right)) == level:
            continue
        length = 1
        while region.get((r + length * down, c + length * right)) == level:
            length += 1
        runs[level, length] += 1
    return runs


def around(pixel: Pixel, distance: int = 1) -> Iterator[Pixel]:
    r, c = pixel
    for down in range(-distance, distance + 1):
        for right in range(-distance, distance + 1):
            if (down, right) != (0, 0):
                yield r + down, c + right


def zones(levels: np.ndarray) -> list[tuple[int, list[Pixel]]]:
    region, seen, found = pixels(levels), set(), []
    for start, level in region.items():
        if start in seen:
            continue
        zone, todo = [], [start]
        seen.add(start)
        while todo:
            pixel = todo.pop()
            zone.append(pixel)
            for other in around(pixel):
                if other not in seen and region.get(other) == level:
                    seen.add(other)
                    todo.append(other)
        found.append((level, zone))
    return found


def glszm(levels: np.ndarray) -> Counter[tuple[int, int]]:
    return Counter((level, len(zone)) for level, zone in zones(levels))


def gldzm(levels: np.ndarray, mask: np.ndarray) -> Counter[tuple[int, int]]:
    height, width = mask.shape
    outside = [
        (r, c)
        for r in range(-1, height + 1)
        for c in range(-1, width + 1)
        if not (0 <= r < height and 0 <= c < width and mask[r, c])
    ]
    # City-block distance to the nearest pixel outside the region; pixels beyond the image are outside.
    border = {
        (r, c): min(abs(r - a) + abs(c - b) for a, b in outside) for r, c in (tuple(p) for p in np.argwhere(mask))
    }
    return Counter((level, min(border[pixel] for pixel in zone)) for level, zone in zones(levels))


def ngtdm(levels: np.ndarray, n: int, distance: int) -> tuple[np.ndarray, np.ndarray]:
    region, count, apart = pixels(levels), np.zeros(n), np.zeros(n)
    for pixel, level in region.items():
        others = [region[other] for other in around(pixel, distance) if other in region]
        if others:
            count[level - 1] += 1
            apart[level - 1] += abs(level - sum(others) / len(others))
    return count, apart


def ngldm(levels: np.ndarray, distance: int, coarseness: int) -> Counter[tuple[int, int]]:
    region, counts = pixels(levels), Counter()
    for pixel, level in region.items():
        like = sum(abs(region[o] - level) <= coarseness for o in around(pixel, distance) if o in region)
        counts[level, like + 1] += 1
    return counts


def moran_and_geary(image: np.ndarray, mask: np.ndarray, spacing: tuple[float, ...]) -> tuple[float, float]:
    positions, values = np.argwhere(mask) * spacing, image[mask].astype(float)
    n, mean = values.size, values.mean()
    weights = products = differences = 0.0
    for i in range(n):
        for j in range(n):
            if i != j:
                weight = 1 / float(np.linalg.norm(positions[i] - positions[j]))
                weights += weight
                products += weight * (values[i] - mean) * (values[j] - mean)
                differences += weight * (values[i] - values[j]) ** 2
    squares = float(((values - mean) ** 2).sum())
    return n * products / (weights * squares), (n - 1) * differences / (2 * weights * squares)
