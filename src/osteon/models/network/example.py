"""Prints what osteon's model says (research use only): python example.py picture.png x0 y0 x1 y1 (upright pixels)."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

folder = Path(__file__).parent
told = json.loads((folder / "model.json").read_text(encoding="utf-8"))
image = Image.open(sys.argv[1])
image.draft("L", image.size)  # of a JPEG, the luminance that it stores
picture = ImageOps.exif_transpose(image)
if (mode := picture.mode) not in ("L", "RGB", "I", "I;16") or picture.has_transparency_data:
    sys.exit("Save the picture as grey PNG of 8 or 16 bits.")
deep = np.array(mode.startswith("I"))
values = np.asarray(picture if deep else picture.convert("L"), dtype=np.float64)
crops, *networks = (onnxruntime.InferenceSession(folder / file) for file in told["files"])
crop = crops.run(None, {"values": values, "deep": deep, "box": np.array(sys.argv[2:], dtype=np.float64)})[0]
print(float(np.concatenate([one.run(None, {"crop": crop})[0] for one in networks], axis=1).mean()))
