# %% [markdown]
# # A spreadsheet's statistics, beside pROC's
#
# Three scores of 113 patients with a subarachnoid haemorrhage (Turck 2010, distributed with pROC). What R's pROC says
# of them lies in `tests/references/stats`, with the script that asked it.

# %%
import matplotlib.pyplot as plt
import pandas as pd

from osteon import stats

table = pd.read_csv("tests/references/stats/aSAH.csv")
r = pd.read_csv("tests/references/stats/roc.csv").set_index("quantity")["value"]
poor = (table["outcome"] == "Poor").astype(int)
rows = [
    (f"{score} {what}", getattr(stats.delong_ci(poor, table[score], method="wald"), {"auc": "value"}.get(what, what)))
    for score in ("wfns", "s100b", "ndka")
    for what in ("auc", "low", "high")
]
rows.append(("wfns s100b p", stats.delong_test(poor, table["wfns"], table["s100b"]).p))
beside = pd.DataFrame(rows, columns=["quantity", "osteon"]).assign(pROC=lambda frame: frame["quantity"].map(r))
beside.assign(difference=(beside["osteon"] - beside["pROC"]).abs())

# %%
figure, axes = plt.subplots(figsize=(4.2, 4), layout="constrained")
for score in ("wfns", "s100b", "ndka"):
    curve = stats.roc_curve(poor, table[score])
    axes.step(
        1 - curve.specificity, curve.sensitivity, where="post", label=f"{score}: {stats.auc(poor, table[score]):.2f}"
    )
axes.set(xlabel="1 − specificity", ylabel="Sensitivity", aspect="equal")
_ = axes.legend(frameon=False)

# %% [markdown]
# [From a spreadsheet](../how-to/statistics/spreadsheet.md) does the same with your own table.
