# %% [markdown]
# # An external hospital's update
#
# A model that ranks well elsewhere may still say too much or too little. Here a hospital (the **synthetic** external
# centres of the demonstration, taken together) meets the fine-tuned network as one file and asks with its own cases
# whether, and how far, to change it.

# %%
import subprocess
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import osteon
from osteon import stats

room = Path(tempfile.mkdtemp())
run, name = "demo/run", "fine-tuned, radiographs"
_ = subprocess.run(["osteon", "export", run, name, str(room / "model.osteon")], check=True, capture_output=True)
cohort = pd.read_csv("demo/cohort.csv", dtype={"patient_id": str})
development = pd.read_csv("demo/run/folds.csv")["case_id"]
site = cohort[~cohort["case_id"].isin(development)]
site.assign(image=[str(Path("demo", image).absolute()) for image in site["image"]]).drop(columns="mask").to_csv(
    room / "site.csv", index=False
)

# %%
command = ["osteon", "update", str(room / "model.osteon"), str(room / "site.csv"), "--out", str(room / "ours.osteon")]
print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.replace(str(room), "."))

# %% [markdown]
# The closed testing procedure takes the least change that the greatest possible one is not significantly better than.
# The column *after* is of patients who were left out while the procedure chose. What the hospital keeps is a model as
# any other, of a new identity, whose card begins with the update; the file that it was sent is as it was.

# %%
print(osteon.load(room / "ours.osteon").card.partition("## What it is\n")[0].partition("## ")[2][:700], "...")

# %% [markdown]
# ## How far do the cases have to go?
#
# The same on many hospitals that we draw ourselves. In each, the model's probabilities are right but for a level that
# lies one logit off; what is chosen depends on how many patients there are to show it.

# %%
rng = np.random.default_rng(3)
chosen = {}
for patients in (40, 80, 160, 320, 640):
    found = []
    for _ in range(200):
        logit = rng.normal(-0.5, 1.2, patients)
        truth = rng.random(patients) < 1 / (1 + np.exp(-(logit - 1)))
        if 10 <= truth.sum() <= patients - 10:
            found.append(stats.closed_test(truth, 1 / (1 + np.exp(-logit))).chosen.name)
    chosen[patients] = pd.Series(found).value_counts(normalize=True)
shares = pd.DataFrame(chosen).reindex(["none", "intercept", "slope"]).fillna(0)
figure, axes = plt.subplots(figsize=(5.4, 3.2), layout="constrained")
bottom = np.zeros(shares.shape[1])
for update, row in shares.iterrows():
    axes.bar([str(patients) for patients in shares], row, bottom=bottom, label=update)
    bottom += row.to_numpy()
axes.set(xlabel="Patients of the hospital", ylabel="Share of hospitals")
_ = axes.legend(frameon=False, title="Chosen", bbox_to_anchor=(1, 1))

# %% [markdown]
# [Update a model at your hospital](../how-to/update-at-your-hospital.md) has the rest: what each update needs, and
# what none of them mends.
