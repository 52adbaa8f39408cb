# %% [markdown]
# # The paper's study, on phantoms
#
# Networks of one architecture, pretrained on radiographs or on textures, fine-tuned or frozen; radiomics; clinical
# data; both combined; the box alone. Developed at one centre, tested at three that nobody has seen. Everything here
# is **synthetic**: it shows what a study says, and nothing about patients. `osteon demo demo` makes it.

# %%
from IPython.display import SVG, display

import osteon

run = osteon.run("demo/study.toml")  # finished already: nothing is done twice
areas = run.metrics.query("metric == 'auc' and stratum in ('development', 'external')")
areas.pivot_table(index="model", columns="stratum", values="value", sort=False).round(3)

# %% [markdown]
# Every area with its interval, at every centre:

# %%
display(SVG(run.path / "figures" / "forest.svg"))

# %% [markdown]
# The one contrast that the study file names beforehand, on all external cases pooled. Every other pair is secondary
# and carries Holm's p value.

# %%
outside = run.comparisons.query("stratum == 'external'")
outside.query("primary")[["model_a", "model_b", "difference", "low", "high", "p"]].round(4)

# %% [markdown]
# Where the box alone comes close to a network, the picture adds little. Here it does not:

# %%
outside.query("model_b == 'box'")[["model_a", "difference", "low", "high", "p_holm"]].round(4)
