# %% [markdown]
# # Robustness, read rightly
#
# Nobody draws a box twice alike. The demonstration moves, scales and stretches each box of 60 **synthetic** external
# cases and asks every model again. An area alone hides what happens: half of the cases may rise and the other half
# fall.

# %%
import pandas as pd
from IPython.display import SVG, display

table = pd.read_csv("demo/run/robustness.csv")
names = ["fine-tuned, radiographs", "frozen, radiographs", "frozen, mended", "fine-tuned, textures", "box"]
moved = table.query("stratum == 'external' and kind == 'shift' and grade == 0.3 and model in @names")
moved.pivot_table(index="model", columns="metric", values="value")[["auc", "sd", "flip_rate"]].loc[names].round(3)

# %% [markdown]
# `sd` is how far a case's probability moves, `flip_rate` the share of calls that turn over. *Mended* is the frozen
# network that learned from boxes drawn a little differently and averages over such.

# %%
display(SVG("demo/run/figures/robustness.svg"))

# %% [markdown]
# [What is exchanged, and why](../explanation/robustness.md). With two annotators a study need not assume how far
# boxes lie apart: [draw the lesions](../how-to/annotate.md), then `[robustness] grades = "annotators"`.
