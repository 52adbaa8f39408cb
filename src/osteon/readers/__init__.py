"""Does it help readers? Plans of reader studies, their readings, and what the readings say.

Knows no images and no networks: plain tables in, plain tables out.
"""

from osteon.readers.analysis import Analysis, analyse
from osteon.readers.imrmc import from_imrmc, to_imrmc
from osteon.readers.localisation import Criterion
from osteon.readers.readings import load
from osteon.readers.reliance import reliance
from osteon.readers.simulate import Population, Simulated, planned_power, simulate, simulate_on, simulated_pilot

__all__ = [
    "Analysis",
    "Criterion",
    "Population",
    "Simulated",
    "analyse",
    "from_imrmc",
    "load",
    "planned_power",
    "reliance",
    "simulate",
    "simulate_on",
    "simulated_pilot",
    "to_imrmc",
]
