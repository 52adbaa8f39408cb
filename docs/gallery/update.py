# %% [markdown]
# # An external hospital's update
#
# A model that ranks well elsewhere is often too sure, or too bold. Here a hospital (the **synthetic** external
# centres of the demonstration, taken together) gets the fine-tuned network with all its probabilities two logits too
# high, as after a change of referral, and mends them with its own first cases: by their level alone, or by level and
# slope.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from osteon import stats

table = pd.read_csv("demo/run/predictions.csv")
table = table[(table["model"] == "fine-tuned, radiographs") & (table["split"] == "external")]
truth, patients = table["label"].to_numpy(), table["patient_id"].to_numpy()
logit = np.log(table["probability"] / (1 - table["probability"])).to_numpy()
received = 1 / (1 + np.exp(-(logit + 2)))

# %% [markdown]
# Half of the patients, drawn once, mend; the other half judge.

# %%
everybody = np.random.default_rng(3).permutation(np.unique(patients))
mends = np.isin(patients, everybody[: len(everybody) // 2])
level = stats.calibration(truth[mends], received[mends]).intercept.value
line = stats.platt(truth[mends], received[mends])
updated = {
    "as received": received,
    "level": 1 / (1 + np.exp(-(logit + 2 + level))),
    "level and slope": line.apply(received),
}
rows, curves = {}, {}
for name, probability in updated.items():
    found = stats.calibration(truth[~mends], probability[~mends], clusters=patients[~mends])
    rows[name] = {
        "area": f"{stats.auc(truth[~mends], probability[~mends]):.3f}",
        "Brier": f"{found.brier.score.value:.3f}",
        "observed / expected": f"{found.observed_expected.value:.2f}",
        "slope": f"{found.slope.value:.2f} ({found.slope.low:.2f} to {found.slope.high:.2f})",
    }
    curves[name] = found.curve
pd.DataFrame(rows).T

# %%
figure, axes = plt.subplots(figsize=(4.2, 4), layout="constrained")
for name, curve in curves.items():
    axes.plot(curve.predicted, curve.observed, label=name)
    axes.fill_between(curve.predicted, curve.low, curve.high, alpha=0.15)
axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
axes.set(xlabel="Predicted probability", ylabel="Observed share", aspect="equal")
_ = axes.legend(frameon=False)

# %% [markdown]
# Ranks, and with them the area, are what they were. The level is mended by few cases; the slope needs more, and its
# interval says how far to trust it. [Calibration](../how-to/statistics/calibration.md) has more.
