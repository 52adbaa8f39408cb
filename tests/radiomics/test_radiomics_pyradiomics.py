"""Equal to pyradiomics where the definitions agree (tests/references/pyradiomics/README.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from osteon.radiomics import Settings, extract

#: pyradiomics' name to ours.
_NAMES = """
    shape2D_MeshSurface shape_area                          shape2D_PixelSurface shape_area_pixels
    shape2D_Perimeter shape_perimeter                       shape2D_PerimeterSurfaceRatio shape_perimeter_to_area_ratio
    shape2D_Sphericity shape_sphericity                     shape2D_MaximumDiameter shape_maximum_diameter
    shape2D_Elongation shape_elongation
    firstorder_10Percentile intensity_percentile_10         firstorder_90Percentile intensity_percentile_90
    firstorder_Energy intensity_energy                      firstorder_Entropy histogram_entropy
    firstorder_InterquartileRange intensity_interquartile_range         firstorder_Maximum intensity_maximum
    firstorder_MeanAbsoluteDeviation intensity_mean_absolute_deviation  firstorder_Mean intensity_mean
    firstorder_Median intensity_median                      firstorder_Minimum intensity_minimum
    firstorder_Range intensity_range                        firstorder_Skewness intensity_skewness
    firstorder_RobustMeanAbsoluteDeviation intensity_robust_mean_absolute_deviation
    firstorder_RootMeanSquared intensity_root_mean_square   firstorder_Uniformity histogram_uniformity
    firstorder_Variance intensity_variance
    glcm_Autocorrelation glcm_autocorrelation               glcm_ClusterProminence glcm_cluster_prominence
    glcm_ClusterShade glcm_cluster_shade                    glcm_ClusterTendency glcm_cluster_tendency
    glcm_Contrast glcm_contrast                             glcm_Correlation glcm_correlation
    glcm_DifferenceAverage glcm_difference_average          glcm_DifferenceEntropy glcm_difference_entropy
    glcm_DifferenceVariance glcm_difference_variance        glcm_Id glcm_inverse_difference
    glcm_Idm glcm_inverse_difference_moment                 glcm_Idmn glcm_inverse_difference_moment_normalised
    glcm_Idn glcm_inverse_difference_normalised             glcm_Imc1 glcm_information_correlation_1
    glcm_Imc2 glcm_information_correlation_2                glcm_InverseVariance glcm_inverse_variance
    glcm_JointAverage glcm_joint_average                    glcm_JointEnergy glcm_angular_second_moment
    glcm_JointEntropy glcm_joint_entropy                    glcm_MaximumProbability glcm_joint_maximum
    glcm_SumAverage glcm_sum_average                        glcm_SumEntropy glcm_sum_entropy
    glcm_SumSquares glcm_joint_variance
    glrlm_GrayLevelNonUniformity glrlm_level_non_uniformity
    glrlm_GrayLevelNonUniformityNormalized glrlm_level_non_uniformity_normalised
    glrlm_GrayLevelVariance glrlm_level_variance            glrlm_HighGrayLevelRunEmphasis glrlm_high_level_emphasis
    glrlm_LongRunEmphasis glrlm_long_run_emphasis           glrlm_LowGrayLevelRunEmphasis glrlm_low_level_emphasis
    glrlm_LongRunHighGrayLevelEmphasis glrlm_long_run_high_level_emphasis
    glrlm_LongRunLowGrayLevelEmphasis glrlm_long_run_low_level_emphasis
    glrlm_RunEntropy glrlm_run_entropy                      glrlm_RunLengthNonUniformity glrlm_run_length_non_uniformity
    glrlm_RunLengthNonUniformityNormalized glrlm_run_length_non_uniformity_normalised
    glrlm_RunPercentage glrlm_run_percentage                glrlm_RunVariance glrlm_run_length_variance
    glrlm_ShortRunEmphasis glrlm_short_run_emphasis
    glrlm_ShortRunHighGrayLevelEmphasis glrlm_short_run_high_level_emphasis
    glrlm_ShortRunLowGrayLevelEmphasis glrlm_short_run_low_level_emphasis
    glszm_GrayLevelNonUniformity glszm_level_non_uniformity
    glszm_GrayLevelNonUniformityNormalized glszm_level_non_uniformity_normalised
    glszm_GrayLevelVariance glszm_level_variance            glszm_HighGrayLevelZoneEmphasis glszm_high_level_emphasis
    glszm_LargeAreaEmphasis glszm_large_zone_emphasis       glszm_LowGrayLevelZoneEmphasis glszm_low_level_emphasis
    glszm_LargeAreaHighGrayLevelEmphasis glszm_large_zone_high_level_emphasis
    glszm_LargeAreaLowGrayLevelEmphasis glszm_large_zone_low_level_emphasis
    glszm_SizeZoneNonUniformity glszm_zone_size_non_uniformity
    glszm_SizeZoneNonUniformityNormalized glszm_zone_size_non_uniformity_normalised
    glszm_SmallAreaEmphasis glszm_small_zone_emphasis       glszm_ZoneEntropy glszm_zone_size_entropy
    glszm_SmallAreaHighGrayLevelEmphasis glszm_small_zone_high_level_emphasis
    glszm_SmallAreaLowGrayLevelEmphasis glszm_small_zone_low_level_emphasis
    glszm_ZonePercentage glszm_zone_percentage              glszm_ZoneVariance glszm_zone_size_variance
    gldm_DependenceEntropy ngldm_dependence_entropy
    gldm_DependenceNonUniformity ngldm_dependence_non_uniformity
    gldm_DependenceNonUniformityNormalized ngldm_dependence_non_uniformity_normalised
    gldm_DependenceVariance ngldm_dependence_variance       gldm_GrayLevelNonUniformity ngldm_level_non_uniformity
    gldm_GrayLevelVariance ngldm_level_variance             gldm_HighGrayLevelEmphasis ngldm_high_level_emphasis
    gldm_LargeDependenceEmphasis ngldm_high_dependence_emphasis
    gldm_LargeDependenceHighGrayLevelEmphasis ngldm_high_dependence_high_level_emphasis
    gldm_LargeDependenceLowGrayLevelEmphasis ngldm_high_dependence_low_level_emphasis
    gldm_LowGrayLevelEmphasis ngldm_low_level_emphasis
    gldm_SmallDependenceEmphasis ngldm_low_dependence_emphasis
    gldm_SmallDependenceHighGrayLevelEmphasis ngldm_low_dependence_high_level_emphasis
    gldm_SmallDependenceLowGrayLevelEmphasis ngldm_low_dependence_low_level_emphasis
    ngtdm_Busyness ngtdm_busyness                           ngtdm_Coarseness ngtdm_coarseness
    ngtdm_Complexity ngtdm_complexity                       ngtdm_Contrast ngtdm_contrast
    ngtdm_Strength ngtdm_strength
"""
_WORDS = _NAMES.split()
PAIRS = dict(zip(_WORDS[::2], _WORDS[1::2], strict=True))

#: Defined differently: IBSI has the excess kurtosis, axes with n - 1, and neither MCC nor energy times area.
DIFFERENT = {
    "firstorder_Kurtosis",
    "firstorder_TotalEnergy",
    "glcm_MCC",
    "shape2D_MajorAxisLength",
    "shape2D_MinorAxisLength",
}
CASES: dict[str, Any] = json.loads((Path(__file__).parents[1] / "references/pyradiomics/pyradiomics.json").read_text())[
    "cases"
]


@pytest.fixture(scope="module", params=CASES)
def both(request: pytest.FixtureRequest) -> tuple[dict[str, float], dict[str, float], int]:
    case = CASES[request.param]
    settings = Settings(bin_width=1) if "binWidth" in case["settings"] else Settings(bins=32)
    ours = extract(np.array(case["image"]), np.array(case["mask"]), tuple(case["spacing"]), settings)
    return case["features"], ours, int(np.sum(case["mask"]))


def test_every_feature_is_accounted_for(both: tuple[dict[str, float], dict[str, float], int]) -> None:
    assert set(both[0]) == set(PAIRS) | DIFFERENT


@pytest.mark.parametrize("theirs", PAIRS)
def test_equal(both: tuple[dict[str, float], dict[str, float], int], theirs: str) -> None:
    expected, ours, _ = both
    assert ours[PAIRS[theirs]] == pytest.approx(expected[theirs], rel=1e-9)


def test_known_differences(both: tuple[dict[str, float], dict[str, float], int]) -> None:
    expected, ours, n = both
    assert ours["intensity_kurtosis"] == pytest.approx(expected["firstorder_Kurtosis"] - 3)
    for theirs, name in (("MajorAxisLength", "major_axis_length"), ("MinorAxisLength", "minor_axis_length")):
        assert ours[f"shape_{name}"] == pytest.approx(expected[f"shape2D_{theirs}"] * (n / (n - 1)) ** 0.5)
