# %% [markdown]
# # A reader study, planned and analysed
#
# Van Dyke's five readers of 114 cases, with two kinds of magnetic resonance imaging: the data that every program for
# reader studies is tried on. A reader study of osteon gives a table of this shape.

# %%
import matplotlib.pyplot as plt
import pandas as pd

from osteon import stats

table = pd.read_csv("tests/references/stats/VanDyke.csv").rename(columns={"treatment": "arm", "rating": "score"})
readings = table[["reader", "arm", "case", "truth", "score"]].astype({"reader": str, "arm": str})
result = stats.obuchowski_rockette(readings)
for arm, estimate in result.estimates.items():
    print("arm", arm, estimate)
print(result.differences["1", "2"])

# %%
frame = result.readers_frame()
frame.round(3)

# %% [markdown]
# Whether a study with so many readers and cases would see a difference of 0.05, if it is there:

# %%
cases = [50, 75, 114, 150, 200, 300, 400]
figure, axes = plt.subplots(figsize=(5, 3.2), layout="constrained")
for readers in (5, 8, 12):
    power = [stats.mrmc_power(result, n_readers=readers, n_cases=n, effect=0.05) for n in cases]
    axes.plot(cases, power, marker="o", label=f"{readers} readers")
axes.axhline(0.8, color="grey", linewidth=0.8)
axes.set(xlabel="Cases", ylabel="Power", ylim=(0, 1))
_ = axes.legend(frameon=False)

# %% [markdown]
# [Conduct a reader study](../how-to/reader-study.md) in the browser; [analyse and
# plan](../how-to/statistics/readers.md) one.
