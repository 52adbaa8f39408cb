"""Class-conditional prediction sets by crepes, on the aSAH patients: odd ones calibrate, even ones are asked about.

In an environment with crepes 0.9.1, scikit-learn and pandas:  python make_conformal.py > conformal.csv
"""

import numpy as np
import pandas as pd
from crepes import ConformalClassifier

table = pd.read_csv("aSAH.csv")
truth = (table["outcome"] == "Poor").astype(int).to_numpy()
p = 1 / (1 + np.exp(-(table["wfns"] - 3 + np.log(table["s100b"] + 0.1)))).to_numpy()
strange = np.column_stack([p, 1 - p])  # to the negative and to the positive class
odd = np.arange(len(truth)) % 2 == 1
print("quantity,value")
for error in (0.05, 0.1, 0.3):
    found = ConformalClassifier()
    found.fit(strange[odd, truth[odd]], bins=truth[odd])
    each = [
        found.predict_set(strange[~odd], bins=np.full((~odd).sum(), k), confidence=1 - error, smoothing=False)[:, k]
        for k in (0, 1)
    ]
    for k, (negative, positive) in enumerate(zip(*each, strict=True)):
        print(f"{error} case {2 * k},{int(negative) + 2 * int(positive)}")
