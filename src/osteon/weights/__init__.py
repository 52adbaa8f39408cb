"""Pretrained weights: frozen records of what each file is, a doctor for checkpoints, and where files are found.

The input normalisation belongs to the weights, not to the network: a record says in which channel order, range, mean
and standard deviation its network was trained, and :func:`osteon.models.build` applies exactly that.

Importing this package imports no torch; :func:`doctor` and :func:`load` do when they are called.
"""

from __future__ import annotations

from osteon.weights.doctor import Diagnosis, doctor, load
from osteon.weights.fetch import Resolved, fetch, folders, listing, resolve
from osteon.weights.files import sha256
from osteon.weights.pretrained import NOT_COMPARED, Comparison, Pretrained
from osteon.weights.records import VARIANTS, Normalisation, Record, find, records

__all__ = [
    "NOT_COMPARED",
    "VARIANTS",
    "Comparison",
    "Diagnosis",
    "Normalisation",
    "Pretrained",
    "Record",
    "Resolved",
    "doctor",
    "fetch",
    "find",
    "folders",
    "listing",
    "load",
    "records",
    "resolve",
    "sha256",
]
