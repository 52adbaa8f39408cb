"""The probability that osteon's model gives a lesion in a picture. Research use only; not a medical device.

    python example.py picture.png x0 y0 x1 y1

It needs onnxruntime, which brings numpy, and Pillow. The picture is a JPEG or PNG of 8 bits, or a grey PNG of 16; the
box is in pixels of the upright picture.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image, ImageOps


def sampling(start: float, stop: float, size: int, length: int) -> NDArray[np.float64]:
    """(size, length) weight of each pixel along one axis in each pixel of the crop."""
    steps = max(1, math.ceil((stop - start) / size - 1e-6))
    at = start + (stop - start) / (size * steps) * (np.arange(size * steps) + 0.5) - 0.5
    weights = np.maximum(1 - np.abs(np.clip(at, 0, length - 1)[:, None] - np.arange(length)), 0)
    weights[(at < -1) | (at > length)] = 0
    return np.asarray(weights.reshape(size, steps, length).mean(axis=1))


def main(path: str, *box: str) -> None:
    """Print the probability."""
    folder = Path(__file__).parent
    told = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    image = Image.open(path)
    image.draft("L", image.size)  # of a JPEG, the luminance that it stores
    picture = ImageOps.exif_transpose(image)
    if picture.mode not in ("L", "RGB", "I", "I;16") or picture.has_transparency_data:
        sys.exit("Save the picture as grey PNG of 8 or 16 bits.")
    deep = picture.mode.startswith("I")
    grey = np.asarray(picture if deep else picture.convert("L"), dtype=np.float64)
    step = max(1, min(grey.shape) // 512)
    black, white = np.percentile(grey[::step, ::step], told["grey"]["percentiles"]) if deep else (0, 255)
    if not black < white:
        black, white = grey.min(), max(grey.max(), grey.min() + 1)
    grey = np.clip((grey - black) / (white - black), 0, 1)
    low, high = np.array(box, dtype=np.float64).reshape(2, 2)
    crops = []
    for *shift, wide, tall in told["boxes"]["changes"]:
        move, grow = np.array(shift) * (high - low), (np.array([wide, tall]) - 1) * (high - low) / 2
        first, last = low + move - grow, high + move + grow
        sides = (last - first) * (1 + 2 * told["crop"]["margin"])
        sides = np.full(2, sides.max()) if told["crop"]["square"] else sides
        start, stop, size = (first + last) / 2 - sides / 2, (first + last) / 2 + sides / 2, told["crop"]["size"]
        across, down = (sampling(start[axis], stop[axis], size, grey.shape[1 - axis]) for axis in (0, 1))
        crops.append(np.rint(np.clip(down @ grey @ across.T, 0, 1) * 65535)[None] / 65535)
    given = {"crop": np.array(crops, dtype=np.float32)}
    networks = [onnxruntime.InferenceSession(str(folder / one["file"])) for one in told["networks"]]
    print(float(np.concatenate([network.run(None, given)[0] for network in networks], axis=1).mean()))


if __name__ == "__main__":
    main(*sys.argv[1:])
