"""Read every row and every picture of a cohort, and deal its development cases to folds.

>>> from osteon import check, study
>>> checked = check.check(study.load("study.toml"))  # doctest: +SKIP
>>> rich.print(check.render(checked))  # doctest: +SKIP
"""

from osteon.check.checking import Checked, check
from osteon.check.dealing import folds
from osteon.check.rendering import render

__all__ = ["Checked", "check", "folds", "render"]
