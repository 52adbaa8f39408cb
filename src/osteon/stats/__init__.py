"""Diagnostic-accuracy statistics a reviewer cannot fault, with numpy and scipy alone.

Arrays in, frozen results out; each has a readable ``str()`` and ``.to_frame()``. `clusters=` wherever cases can share
a patient. Degenerate input gives a named error or a documented result, never a silent number.
"""

from osteon.stats.agreement import fleiss_kappa, kappa
from osteon.stats.bands import RocBand, roc_band
from osteon.stats.bootstrap import bootstrap_ci, bootstrap_test, compare_sensitivity, partial_auc_ci
from osteon.stats.calibration import (
    Brier,
    Calibration,
    CalibrationCurve,
    brier,
    calibration,
    expected_calibration_error,
)
from osteon.stats.chance import gwet_ac1, krippendorff_alpha
from osteon.stats.conformal import Conformal, conformal, selective
from osteon.stats.decision import (
    Avoided,
    DecisionCurve,
    Reclassification,
    interventions_avoided,
    net_benefit,
    net_benefit_difference,
    net_reclassification,
)
from osteon.stats.delong import delong_ci, delong_covariance, delong_pairs, delong_test, delong_test_unpaired
from osteon.stats.gaps import Gaps, subgroup_gaps
from osteon.stats.instability import Instability, instability
from osteon.stats.intervals import (
    OperatingPoint,
    benjamini_hochberg,
    clopper_pearson_ci,
    holm,
    mcnemar_test,
    operating_point,
    proportion_ci,
    wilson_ci,
)
from osteon.stats.lroc import lroc_ci, lroc_scores
from osteon.stats.margins import MarginTest, equivalence, noninferiority
from osteon.stats.measurements import BlandAltman, bland_altman, icc
from osteon.stats.mrmc import MRMCResult, obuchowski_rockette
from osteon.stats.mrmc_plan import DBMResult, dorfman_berbaum_metz, mrmc_power, mrmc_sample_size, reader_covariate
from osteon.stats.multiclass import MulticlassAuc, multiclass_auc
from osteon.stats.multinomial import MulticlassCalibration, multiclass_calibration
from osteon.stats.permutation import permutation_test
from osteon.stats.planning import (
    ValidationSize,
    paired_auc_power,
    paired_auc_sample_size,
    validation_sample_size,
)
from osteon.stats.pooling import Pooled, pool, pool_values
from osteon.stats.precision_recall import average_precision, average_precision_ci
from osteon.stats.ratios import LikelihoodRatios, likelihood_ratios
from osteon.stats.recalibration import Isotonic, Platt, isotonic, platt
from osteon.stats.roc import RocCurve, auc, partial_auc, roc_curve
from osteon.stats.standalone import Standalone, standalone
from osteon.stats.stratified import stratified_auc, stratified_test
from osteon.stats.subgroups import Subgroups, subgroups
from osteon.stats.updating import ClosedTest, LikelihoodRatio, Update, closed_test
from osteon.stats.venkatraman import CurveTest, venkatraman_test

__all__ = [
    "Avoided",
    "BlandAltman",
    "Brier",
    "Calibration",
    "CalibrationCurve",
    "ClosedTest",
    "Conformal",
    "CurveTest",
    "DBMResult",
    "DecisionCurve",
    "Gaps",
    "Instability",
    "Isotonic",
    "LikelihoodRatio",
    "LikelihoodRatios",
    "MRMCResult",
    "MarginTest",
    "MulticlassAuc",
    "MulticlassCalibration",
    "OperatingPoint",
    "Platt",
    "Pooled",
    "Reclassification",
    "RocBand",
    "RocCurve",
    "Standalone",
    "Subgroups",
    "Update",
    "ValidationSize",
    "auc",
    "average_precision",
    "average_precision_ci",
    "benjamini_hochberg",
    "bland_altman",
    "bootstrap_ci",
    "bootstrap_test",
    "brier",
    "calibration",
    "clopper_pearson_ci",
    "closed_test",
    "compare_sensitivity",
    "conformal",
    "delong_ci",
    "delong_covariance",
    "delong_pairs",
    "delong_test",
    "delong_test_unpaired",
    "dorfman_berbaum_metz",
    "equivalence",
    "expected_calibration_error",
    "fleiss_kappa",
    "gwet_ac1",
    "holm",
    "icc",
    "instability",
    "interventions_avoided",
    "isotonic",
    "kappa",
    "krippendorff_alpha",
    "likelihood_ratios",
    "lroc_ci",
    "lroc_scores",
    "mcnemar_test",
    "mrmc_power",
    "mrmc_sample_size",
    "multiclass_auc",
    "multiclass_calibration",
    "net_benefit",
    "net_benefit_difference",
    "net_reclassification",
    "noninferiority",
    "obuchowski_rockette",
    "operating_point",
    "paired_auc_power",
    "paired_auc_sample_size",
    "partial_auc",
    "partial_auc_ci",
    "permutation_test",
    "platt",
    "pool",
    "pool_values",
    "proportion_ci",
    "reader_covariate",
    "roc_band",
    "roc_curve",
    "selective",
    "standalone",
    "stratified_auc",
    "stratified_test",
    "subgroup_gaps",
    "subgroups",
    "validation_sample_size",
    "venkatraman_test",
    "wilson_ci",
]
