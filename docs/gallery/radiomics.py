# %% [markdown]
# # Radiomics, beside pyradiomics
#
# A small picture with a lesion, its mask, and what pyradiomics 3.1 says of them (`tests/references/pyradiomics`).

# %%
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from osteon.radiomics import Settings, extract

case = json.loads(Path("tests/references/pyradiomics/pyradiomics.json").read_text())["cases"]["lesion"]
image, mask = np.array(case["image"]), np.array(case["mask"])
figure, axes = plt.subplots(figsize=(3, 3), layout="constrained")
axes.imshow(image, cmap="grey")
axes.contour(mask, levels=[0.5], colors="tab:orange")
_ = axes.set_axis_off()

# %%
settings = Settings(bin_width=1) if "binWidth" in case["settings"] else Settings(bins=32)
ours = extract(image, mask, tuple(case["spacing"]), settings)
names = {
    "firstorder_Mean": "intensity_mean",
    "firstorder_Entropy": "histogram_entropy",
    "shape2D_Sphericity": "shape_sphericity",
    "glcm_Contrast": "glcm_contrast",
    "glcm_Correlation": "glcm_correlation",
    "glrlm_RunEntropy": "glrlm_run_entropy",
    "glszm_ZoneEntropy": "glszm_zone_size_entropy",
}
pd.DataFrame(
    [(name, ours[name], case["features"][theirs]) for theirs, name in names.items()],
    columns=["feature", "osteon", "pyradiomics"],
).assign(difference=lambda frame: (frame["osteon"] - frame["pyradiomics"]).abs())

# %% [markdown]
# The tests hold every feature that both define alike to nine digits, and name the five that they define differently.
# [Radiomics](../reference/radiomics.md) lists all with their IBSI identifiers.
