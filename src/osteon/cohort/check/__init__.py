"""Read every row and every picture of a cohort, and deal its development cases to folds.

>>> from osteon.cohort import check
>>> from osteon import study
>>> checked = check.check(study.load("study.toml"))  # doctest: +SKIP
>>> rich.print(check.render(checked))  # doctest: +SKIP
"""

from osteon.cohort.check.checking import Checked, check
from osteon.cohort.check.dealing import folds, given_folds
from osteon.cohort.check.rendering import render

__all__ = ["Checked", "check", "folds", "given_folds", "render"]
