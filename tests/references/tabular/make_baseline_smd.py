"""Makes baseline_smd.json: standardised mean differences by the Python package tableone 0.9.6 (pip install tableone).

    python tests/references/tabular/make_baseline_smd.py > tests/references/tabular/baseline_smd.json

The data are drawn here and kept beside the answers, so that the test needs neither tableone nor the generator.
"""

import json
import warnings

import numpy as np
import pandas as pd
from tableone import TableOne

warnings.simplefilter("ignore")
rng = np.random.default_rng(20260101)
split = np.repeat(["development", "external"], [70, 50])
outside = split == "external"
data = pd.DataFrame(
    {
        "split": split,
        "age": np.round(np.where(outside, rng.normal(28, 11, 120), rng.normal(36, 17, 120)).clip(1, 95), 1),
        "sex": np.where(rng.random(120) < np.where(outside, 0.4, 0.55), "F", "M"),
        "site": [
            rng.choice(["femur", "hand", "humerus", "tibia"], p=p)
            for p in np.where(outside[:, None], [0.5, 0.05, 0.15, 0.3], [0.3, 0.2, 0.2, 0.3])
        ],
    }
)
table = TableOne(data, categorical=["sex", "site"], continuous=["age"], groupby="split", smd=True, pval=False)
smd = {name: float(table.smd_table.loc[name].iloc[0]) for name in ("age", "sex", "site")}  # external - development
print(json.dumps({"smd": smd, "data": data.to_dict(orient="list")}))
