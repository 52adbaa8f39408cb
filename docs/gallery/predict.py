# %% [markdown]
# # A model meets new films
#
# A fitted model leaves its study as one file, and answers radiographs that it has never seen: here **synthetic** ones
# of patients who are in no cohort.

# %%
import subprocess
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

import osteon
from osteon.cohort.synthetic import radiograph

file = Path(tempfile.mkdtemp()) / "model.osteon"
_ = subprocess.run(["osteon", "export", "demo/run", str(file)], check=True, capture_output=True)
model = osteon.load(file)
print(f"{file.stat().st_size / 1e6:.1f} MB")

# %%
rng = np.random.default_rng(11)
kinds = ["osteosarcoma", "chondrosarcoma", "giant cell tumor", "osteochondroma", "enchondroma", "simple bone cyst"]
figure, many = plt.subplots(2, 3, figsize=(8, 6), layout="constrained")
for axes, diagnosis in zip(many.flat, kinds, strict=True):
    picture, mask, *_ = radiograph(rng, lesion=diagnosis, centre="B")
    ys, xs = np.nonzero(mask)
    box = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    said = model.predict(picture, box=box)
    axes.imshow(picture, cmap="grey")
    axes.add_patch(Rectangle(box[:2], box[2] - box[0], box[3] - box[1], fill=False, edgecolor="tab:orange"))
    axes.set_title(f"{diagnosis}\n{said.positive}: {said.probability:.2f}", fontsize=9)
    axes.set_axis_off()

# %% [markdown]
# What it says of the last one in full, with the spread of its folds and how far the case lies from those it was made
# from:

# %%
print(said)

# %% [markdown]
# The same from a shell, with folders, tables, DICOM and maps: [predict and share](../how-to/share.md).
