# %% [markdown]
# # Maps, and whether to believe them
#
# A heat map always looks like something. osteon scores it against the lesion, and against what a map must not
# resemble: the map of a network with random weights, and a blob in mid-crop.

# %%
import pandas as pd
from IPython.display import SVG, display

display(SVG("demo/run/figures/gallery_correct.svg"))

# %% [markdown]
# Share of a map's energy inside the lesion's outline, over what an even map would have there (**synthetic** cases of
# centres that the network has not seen):

# %%
scores = pd.read_csv("demo/run/explanation.csv").query("metric == 'energy_mask_ratio' and outcome == 'all'")
outside = scores.query("stratum == 'external'")[["model", "map", "value", "low", "high"]]
outside.round(2)

# %% [markdown]
# And the checks: the same score for the network's own map, and for what it is held against.

# %%
checks = pd.read_csv("demo/run/explanation_sanity.csv").query("metric == 'energy_mask_ratio'")
checks[checks["model"] == "fine-tuned, radiographs"][
    ["check", "value", "difference", "difference_low", "difference_high"]
].round(2)

# %%
display(SVG("demo/run/figures/explanation_sanity.svg"))

# %% [markdown]
# [What maps can say](../explanation/maps.md).
