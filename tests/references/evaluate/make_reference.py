"""Write predictions.csv, drawn by tests/simulated_run.py, for make_reference.R to evaluate in R.

PYTHONPATH=tests python tests/references/evaluate/make_reference.py
Rscript tests/references/evaluate/make_reference.R tests/references/evaluate
"""

from pathlib import Path

from simulated_run import simulate

predictions = simulate(7, scale=0.35, models=("resnet50-radimagenet", "inception_v3-imagenet", "box")).predictions
alone = predictions[predictions["seed"] == 0].assign(patient_id="")  # R's pROC knows no clusters
alone.round(4).to_csv(Path(__file__).with_name("predictions.csv"), index=False)
