"""Where a network sees the positive class, and whether that is where the lesion is.

:mod:`~osteon.models.explain.maps` makes maps of one network and :mod:`~osteon.models.explain.mapper` of a fitted model
(both import torch), :mod:`~osteon.models.explain.placing` puts a crop's map back onto its radiograph, and
:mod:`~osteon.models.explain.scores` holds it against the lesion.
"""
