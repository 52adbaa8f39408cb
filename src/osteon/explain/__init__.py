"""Where a network sees the positive class, and whether that is where the lesion is.

:mod:`osteon.explain.maps` makes the maps (and imports torch), :mod:`osteon.explain.placing` puts a crop's map back onto
its radiograph, :mod:`osteon.explain.scores` holds it against the lesion.
"""
