"""Live augmentation: changes are drawn as rows of numbers, then applied to a whole batch as tensors.

Drawing uses numpy's Generator and happens once for each picture and epoch; applying is deterministic.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch.nn import functional as F

from osteon.core.types import Floats
from osteon.models.inputs import crops, perturb
from osteon.study import Augment, Crop


def draw(
    n: int, augment: Augment, rng: np.random.Generator, boxes: Floats | None = None, crop: Crop | None = None
) -> dict[str, Floats]:
    """Draw one change a picture.

    Args:
        n: Number of pictures.
        augment: The greatest change of each kind.
        rng: Source of randomness.
        boxes: (n, 4) the boxes as drawn, which jitter moves before the crop; None takes the crops themselves for boxes.
        crop: How boxes become crops.

    Returns:
        For each parameter an (n,) array: angle (radians), dx, dy (fractions of the crop's side), sx, sy (factors),
        flip_x, flip_y (-1 or 1), gamma (exponent), contrast (factor), noise (standard deviation) and noise_seed.
    """

    def uniform(limit: float) -> Floats:
        return rng.uniform(-limit, limit, n)

    zoom = np.exp(uniform(np.log1p(augment.scale)))
    row = {
        "angle": np.radians(uniform(augment.rotate)),
        "dx": uniform(augment.shift),
        "box_dx": uniform(augment.jitter),
        "dy": uniform(augment.shift),
        "box_dy": uniform(augment.jitter),
        "box_sx": np.exp(uniform(np.log1p(augment.jitter))),
        "box_sy": np.exp(uniform(np.log1p(augment.jitter))),
        "flip_x": np.where(rng.random(n) < augment.flip, -1.0, 1.0),
        "flip_y": np.where(rng.random(n) < augment.flip_vertical, -1.0, 1.0),
        "gamma": np.exp2(uniform(augment.gamma)),
        "contrast": 1 + uniform(augment.contrast),
        "noise": rng.uniform(0, augment.noise, n),
        "noise_seed": rng.integers(0, 2**31, n).astype(np.float64),
    }
    jitter = pd.DataFrame({name: row.pop(f"box_{name}") for name in ("dx", "dy", "sx", "sy")})
    shift, growth = _jittered(jitter, boxes, crop)
    row["dx"] += shift[:, 0]
    row["dy"] += shift[:, 1]
    return row | {"sx": zoom * growth[:, 0], "sy": zoom * growth[:, 1]}


def _jittered(rows: pd.DataFrame, boxes: Floats | None, crop: Crop | None) -> tuple[Floats, Floats]:
    """What changed boxes do to their crops: (n, 2) shifts as fractions of the crop's sides and factors of these."""
    if boxes is None:
        boxes, crop = np.tile([0.0, 0.0, 1.0, 1.0], (len(rows), 1)), Crop(margin=0, square=False)
    before, after = (crops.rectangles(each, crop or Crop()) for each in (boxes, perturb.boxes(boxes, rows)))
    sides = before[:, 2:] - before[:, :2]
    shift = (after[:, :2] + after[:, 2:] - before[:, :2] - before[:, 2:]) / (2 * sides)
    return shift, (after[:, 2:] - after[:, :2]) / sides


def apply(pictures: torch.Tensor, rows: dict[str, Floats], size: int) -> torch.Tensor:
    """Apply drawn changes to a batch of padded crops.

    Args:
        pictures: (n, 1, size + 2 pad, size + 2 pad) float32 in [0, 1].
        rows: What :func:`draw` returned for these pictures.
        size: Side of the crops that come out.

    Returns:
        (n, 1, size, size) float32 in [0, 1] on the same device.
    """
    n, outer = len(pictures), pictures.shape[-1]
    row = {name: torch.as_tensor(values, dtype=torch.float32, device=pictures.device) for name, values in rows.items()}
    cos, sin = torch.cos(row["angle"]), torch.sin(row["angle"])
    scale_x, scale_y = row["sx"] * row["flip_x"], row["sy"] * row["flip_y"]
    # From output to input coordinates, in units of half the inner crop; then to the padded crop's own [-1, 1].
    theta = torch.stack(
        [
            torch.stack([cos * scale_x, -sin * scale_y, 2 * row["dx"]], dim=1),
            torch.stack([sin * scale_x, cos * scale_y, 2 * row["dy"]], dim=1),
        ],
        dim=1,
    )
    grid = F.affine_grid(theta * (size / outer), [n, 1, size, size], align_corners=False)
    out = F.grid_sample(pictures, grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    def each(name: str) -> torch.Tensor:
        return row[name].view(n, 1, 1, 1)

    out = out.clamp(0, 1) ** each("gamma")
    out = (out - 0.5) * each("contrast") + 0.5
    noisy = np.flatnonzero(rows["noise"] > 0)
    if len(noisy):
        # A generator a picture: its noise is the same in whatever batch it comes.
        each_noise = [
            torch.randn((1, size, size), generator=torch.Generator().manual_seed(int(rows["noise_seed"][i])))
            for i in noisy
        ]
        out[noisy] += torch.stack(each_noise).to(out.device) * each("noise")[noisy]
    return out.clamp(0, 1)
