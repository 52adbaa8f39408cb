"""Every feature's name beside its IBSI tag and code.

A tag is that of the reference values (``cm_joint_max_2D_avg``); a code is the permanent identifier in the IBSI
reference manual (``GYBY``). A shape feature carries the tag of the 3D feature whose 2D analogue it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from osteon.core.errors import InputError, suggest


@dataclass(frozen=True, slots=True)
class Feature:
    """What a name stands for.

    Attributes:
        name: The name in the result of :func:`osteon.radiomics.extract`.
        family: Its family.
        tag: IBSI's tag, or empty where IBSI has no such feature.
        code: IBSI's code, or empty.
        analogue: Whether the tag is that of the 3D feature whose 2D analogue this is.
    """

    name: str
    family: str
    tag: str
    code: str
    analogue: bool = False


#: Families to the prefix of their names, and the suffix of IBSI's tag when averaged (or the only way) and merged.
PREFIXES = {
    "morphology": "shape",
    "statistics": "intensity",
    "histogram": "histogram",
    "volume_histogram": "ivh",
    "glcm": "glcm",
    "glrlm": "glrlm",
    "glszm": "glszm",
    "gldzm": "gldzm",
    "ngtdm": "ngtdm",
    "ngldm": "ngldm",
}
MERGED = ("glcm", "glrlm")
DISTANT = ("glcm", "ngtdm", "ngldm")
FLAT = ("glszm", "gldzm", "ngtdm", "ngldm")

_DISTRIBUTION = """
    mean _mean Q4LE X6K6              variance _var ECT3 CH89           skewness _skew KE2A 88K1
    kurtosis _kurt IPH6 C3I7          median _median Y12H WIFQ          minimum _min 1GSF 1PR8
    percentile_10 _p10 QG58 GPMT      percentile_90 _p90 8DWT OZ0C      maximum _max 84IY 3NCY
    interquartile_range _iqr SALO WR0O                range _range 2OJQ 5Z3W
    mean_absolute_deviation _mad 4FUA D2ZX            robust_mean_absolute_deviation _rmad 1128 WRZB
    median_absolute_deviation _medad N72L 4RNL        coefficient_of_variation _cov 7TET CWYJ
    quartile_coefficient_of_dispersion _qcod 9S40 SLWD
"""

_TABLE = {
    "morphology": """
        area morph_volume RNU0                            area_pixels morph_vol_approx YEKZ
        perimeter morph_area_mesh C0JK                    perimeter_to_area_ratio morph_av 2PR5
        circularity morph_comp_2 BQWJ                     sphericity morph_sphericity QCFX
        disproportion morph_sph_dispr KRCK                asphericity morph_asphericity 25C7
        centre_of_mass_shift morph_com KLMA               maximum_diameter morph_diam L0JK
        minimum_width - -                                 major_axis_length morph_pca_maj_axis TDIC
        minor_axis_length morph_pca_min_axis P9VJ         elongation morph_pca_elongation Q3CK
        area_density_box morph_vol_dens_aabb PBX1         perimeter_density_box morph_area_dens_aabb R59B
        area_density_turned_box morph_vol_dens_ombb ZH1A  perimeter_density_turned_box morph_area_dens_ombb IQYR
        area_density_ellipse morph_vol_dens_aee 6BDE      perimeter_density_ellipse morph_area_dens_aee RDD2
        solidity morph_vol_dens_conv_hull R3ER            perimeter_density_hull morph_area_dens_conv_hull 7T7F
        convexity - -                                     integrated_intensity morph_integ_int 99N0
        moran_i morph_moran_i N365                        geary_c morph_geary_c NPT7
    """,
    "statistics": "energy stat_energy N8CA  root_mean_square stat_rms 5ZWQ",
    "histogram": """
        mode ih_mode AMMC                          entropy ih_entropy TLU2
        uniformity ih_uniformity BJ5W              maximum_gradient ih_max_grad 12CE
        maximum_gradient_level ih_max_grad_g 8E6O  minimum_gradient ih_min_grad VQB3
        minimum_gradient_level ih_min_grad_g RHQZ
    """,
    "volume_histogram": """
        area_at_10 ivh_v10 NK6P    area_at_90 ivh_v90 4279    level_at_10 ivh_i10 PWN1    level_at_90 ivh_i90 BOHI
        area_difference ivh_diff_v10_v90 WITY             level_difference ivh_diff_i10_i90 JXJA
    """,
    "glcm": """
        joint_maximum cm_joint_max GYBY                   joint_average cm_joint_avg 60VM
        joint_variance cm_joint_var UR99                  joint_entropy cm_joint_entr TU9B
        difference_average cm_diff_avg TF7R               difference_variance cm_diff_var D3YU
        difference_entropy cm_diff_entr NTRS              sum_average cm_sum_avg ZGXS
        sum_variance cm_sum_var OEEB                      sum_entropy cm_sum_entr P6QZ
        angular_second_moment cm_energy 8ZQL              contrast cm_contrast ACUI
        dissimilarity cm_dissimilarity 8S9J               inverse_difference cm_inv_diff IB1Z
        inverse_difference_normalised cm_inv_diff_norm NDRX
        inverse_difference_moment cm_inv_diff_mom WF0Z
        inverse_difference_moment_normalised cm_inv_diff_mom_norm 1QCO
        inverse_variance cm_inv_var E8JP                  correlation cm_corr NI2N
        autocorrelation cm_auto_corr QWB0                 cluster_tendency cm_clust_tend DG8W
        cluster_shade cm_clust_shade 7NFM                 cluster_prominence cm_clust_prom AE86
        information_correlation_1 cm_info_corr1 R8DG      information_correlation_2 cm_info_corr2 JN9H
    """,
    "glrlm": """
        short_run_emphasis rlm_sre 22OV                   long_run_emphasis rlm_lre W4KF
        low_level_emphasis rlm_lgre V3SW                  high_level_emphasis rlm_hgre G3QZ
        short_run_low_level_emphasis rlm_srlge HTZT       short_run_high_level_emphasis rlm_srhge GD3A
        long_run_low_level_emphasis rlm_lrlge IVPO        long_run_high_level_emphasis rlm_lrhge 3KUM
        level_non_uniformity rlm_glnu R5YN                level_non_uniformity_normalised rlm_glnu_norm OVBL
        run_length_non_uniformity rlm_rlnu W92Y           run_length_non_uniformity_normalised rlm_rlnu_norm IC23
        run_percentage rlm_r_perc 9ZK5                    level_variance rlm_gl_var 8CE5
        run_length_variance rlm_rl_var SXLW               run_entropy rlm_rl_entr HJ9O
    """,
    "glszm": """
        small_zone_emphasis szm_sze 5QRC                  large_zone_emphasis szm_lze 48P8
        low_level_emphasis szm_lgze XMSY                  high_level_emphasis szm_hgze 5GN9
        small_zone_low_level_emphasis szm_szlge 5RAI      small_zone_high_level_emphasis szm_szhge HW1V
        large_zone_low_level_emphasis szm_lzlge YH51      large_zone_high_level_emphasis szm_lzhge J17V
        level_non_uniformity szm_glnu JNSA                level_non_uniformity_normalised szm_glnu_norm Y1RO
        zone_size_non_uniformity szm_zsnu 4JP3            zone_size_non_uniformity_normalised szm_zsnu_norm VB3A
        zone_percentage szm_z_perc P30P                   level_variance szm_gl_var BYLV
        zone_size_variance szm_zs_var 3NSA                zone_size_entropy szm_zs_entr GU8N
    """,
    "gldzm": """
        small_distance_emphasis dzm_sde 0GBI              large_distance_emphasis dzm_lde MB4I
        low_level_emphasis dzm_lgze S1RA                  high_level_emphasis dzm_hgze K26C
        small_distance_low_level_emphasis dzm_sdlge RUVG  small_distance_high_level_emphasis dzm_sdhge DKNJ
        large_distance_low_level_emphasis dzm_ldlge A7WM  large_distance_high_level_emphasis dzm_ldhge KLTH
        level_non_uniformity dzm_glnu VFT7                level_non_uniformity_normalised dzm_glnu_norm 7HP3
        zone_distance_non_uniformity dzm_zdnu V294        zone_distance_non_uniformity_normalised dzm_zdnu_norm IATH
        zone_percentage dzm_z_perc VIWW                   level_variance dzm_gl_var QK93
        zone_distance_variance dzm_zd_var 7WT1            zone_distance_entropy dzm_zd_entr GBDU
    """,
    "ngtdm": """
        coarseness ngt_coarseness QCDE   contrast ngt_contrast 65HE   busyness ngt_busyness NQ30
        complexity ngt_complexity HDEZ   strength ngt_strength 1X9X
    """,
    "ngldm": """
        low_dependence_emphasis ngl_lde SODN              high_dependence_emphasis ngl_hde IMOQ
        low_level_emphasis ngl_lgce TL9H                  high_level_emphasis ngl_hgce OAE7
        low_dependence_low_level_emphasis ngl_ldlge EQ3F  low_dependence_high_level_emphasis ngl_ldhge JA6D
        high_dependence_low_level_emphasis ngl_hdlge NBZI
        high_dependence_high_level_emphasis ngl_hdhge 9QMG
        level_non_uniformity ngl_glnu FP8K                level_non_uniformity_normalised ngl_glnu_norm 5SPA
        dependence_non_uniformity ngl_dcnu Z87G           dependence_non_uniformity_normalised ngl_dcnu_norm OKJI
        dependence_percentage ngl_dc_perc 6XV8            level_variance ngl_gl_var 1PFV
        dependence_variance ngl_dc_var DNX2               dependence_entropy ngl_dc_entr FCBV
        dependence_energy ngl_dc_energy CAS9
    """,
}


def _features() -> Iterator[Feature]:
    for family, table in _TABLE.items():
        prefix = PREFIXES[family]
        words = _DISTRIBUTION.split()
        if family in ("statistics", "histogram"):
            which, stem = (2, "stat") if family == "statistics" else (3, "ih")
            for at in range(0, len(words), 4):
                yield Feature(f"{prefix}_{words[at]}", family, stem + words[at + 1], words[at + which])
        words = table.split()
        for name, tag, code in zip(words[::3], words[1::3], words[2::3], strict=True):
            tag, code = tag.strip("-"), code.strip("-")
            if family in MERGED:
                yield Feature(f"{prefix}_{name}", family, f"{tag}_2D_avg", code)
                yield Feature(f"{prefix}_{name}_merged", family, f"{tag}_2D_comb", code)
            else:
                suffix = "_2D" if family in FLAT else ""
                yield Feature(f"{prefix}_{name}", family, tag + suffix, code, family == "morphology" and bool(tag))


#: Feature name to :class:`Feature`, for every feature of the unfiltered image at distance 1.
REGISTRY: Mapping[str, Feature] = MappingProxyType({feature.name: feature for feature in _features()})


def describe(name: str) -> Feature:
    """What a name in a feature table stands for; a distance (``_d2``) or a filter (``log2_``) keeps the tag.

    >>> describe("glcm_joint_maximum").code
    'GYBY'
    >>> describe("wavelet_lh_glcm_contrast_merged_d2").tag
    'cm_contrast_2D_comb'

    Raises:
        InputError: No feature has this name.
    """
    plain = re.sub(r"_d\d+$", "", name)
    for start in [0, *(match.end() for match in re.finditer("_", plain))]:
        if found := REGISTRY.get(plain[start:]):
            return Feature(name, found.family, found.tag, found.code, found.analogue)
    raise InputError(f"no radiomics feature is called '{name}'", fix=suggest(plain, REGISTRY))
