"""Simulated readers, for tests, demonstrations and planning; always labelled as such.

A case has evidence that all readers share and evidence that each reader adds; both are normal with unit total variance
(Roe & Metz 1997), so what a reader can reach is known in closed form:

    without advice   x = d (t - 1/2) + sqrt(rho) s + sqrt(1 - rho) e          AUC = Phi(d / sqrt 2)
    the model        m = D (t - 1/2) + sqrt(kappa) s + sqrt(1 - kappa) f
    with advice      y = (1 - w) x' + w m                                     AUC = Phi(delta / sqrt(2 v))
                     delta = (1 - w) d + w D,  v = (1 - w)^2 + w^2 + 2 w (1 - w) sqrt(rho kappa)

Here t is the truth, s the case, w the reader's reliance; x' is read again, with part of e drawn anew. A call is
positive above b standard deviations: bias b moves sensitivity Phi(d / 2 - b) against specificity Phi(d / 2 + b).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, logit, ndtr, ndtri

from osteon.core.errors import NotEstimableError
from osteon.core.types import Floats
from osteon.stats import MRMCResult, mrmc_power, obuchowski_rockette


@dataclass(frozen=True)
class Population:
    """What readers, cases and the model are like.

    Attributes:
        skill: Mean separation d of the readers; an AUC of 0.80 needs 1.19.
        skill_sd: Its standard deviation over readers.
        bias: Mean criterion b; positive readers call less often positive.
        bias_sd: Its standard deviation.
        reliance: Mean weight w of the advice, 0 to 1.
        reliance_sd: Its standard deviation.
        model_skill: Separation D of the model.
        shared: Share rho of the readers' evidence that all readers have in common.
        alike: Share kappa of the model's evidence that it has in common with the readers.
        repeatable: Share of a reader's own evidence that is the same when the case is read again.
        seconds: Geometric mean of the reading time without advice.
        time_ratio: Time with advice to time without.
    """

    skill: float = 1.19
    skill_sd: float = 0.25
    bias: float = 0.0
    bias_sd: float = 0.25
    reliance: float = 0.35
    reliance_sd: float = 0.12
    model_skill: float = 1.49
    shared: float = 0.5
    alike: float = 0.3
    repeatable: float = 0.5
    seconds: float = 40.0
    time_ratio: float = 0.9


@dataclass(frozen=True, eq=False)
class Simulated:
    """Readings of simulated readers, and what was put in.

    Attributes:
        readings: Meets the contract of readings; its column ``simulated`` is 1 throughout.
        readers: One row a reader: skill, bias, reliance, and its true auc, sensitivity and specificity in both arms.
    """

    readings: pd.DataFrame
    readers: pd.DataFrame


def simulate(
    rng: np.random.Generator,
    population: Population | None = None,
    *,
    readers: int = 8,
    cases: int = 100,
    positives: float = 0.5,
    rereading: bool = True,
) -> Simulated:
    """Let simulated readers read simulated cases.

    Args:
        rng: Source of randomness.
        population: What readers, cases and the model are like.
        readers: How many readers.
        cases: How many cases.
        positives: Share of positive cases.
        rereading: The aided reading is another look at the case (crossed design); else the same one (sequential).
    """
    population = population or Population()
    truth = (np.arange(cases) < round(cases * positives)).astype(int)
    case_effect = rng.standard_normal(cases)
    own = rng.standard_normal(cases)
    k = population.alike
    evidence = population.model_skill * (truth - 0.5) + np.sqrt(k) * case_effect + np.sqrt(1 - k) * own
    # the model's probability is calibrated: its log odds are the log likelihood ratio plus the prior's
    probability = expit(population.model_skill * evidence + logit(truth.mean()))
    table = pd.DataFrame(
        {
            "case_id": [f"case{i + 1:04d}" for i in range(cases)],
            "truth": truth,
            "probability": probability,
            "advice": (probability >= 0.5).astype(int),
        }
    )
    return _read(rng, population, (table, case_effect, evidence), readers, rereading)


def simulate_on(
    rng: np.random.Generator, key: pd.DataFrame, population: Population | None = None, *, readers: int = 8
) -> Simulated:
    """Let simulated readers read the cases of a real study, with its model's advice.

    The model's evidence is its log odds, scaled to unit variance within the classes; what it has in common with the
    readers is drawn to fit. The closed forms then hold as far as that evidence is normal.

    Args:
        rng: Source of randomness.
        key: One row a case: case_id, truth, probability, advice.
        population: What readers are like; its ``model_skill`` is taken from the key.
        readers: How many readers.
    """
    population = population or Population()
    odds = logit(np.clip(key["probability"].to_numpy(), 1e-4, 1 - 1e-4))
    truth = key["truth"].to_numpy()
    centres = np.array([odds[truth == label].mean() for label in (0, 1)])
    spread = np.sqrt(np.mean((odds - centres[truth]) ** 2))
    skill = float((centres[1] - centres[0]) / spread)
    residual = (odds - centres[truth]) / spread
    k = population.alike
    case_effect = np.sqrt(k) * residual + np.sqrt(1 - k) * rng.standard_normal(len(key))
    table = key[["case_id", "truth", "probability", "advice"]].reset_index(drop=True)
    evidence = skill * (truth - 0.5) + residual
    known = Population(**{**population.__dict__, "model_skill": skill})
    return _read(rng, known, (table, case_effect, evidence), readers, rereading=True)


def draw_readers(rng: np.random.Generator, population: Population, number: int) -> pd.DataFrame:
    """Draw readers.

    Args:
        rng: Source of randomness.
        population: Where they come from.
        number: How many.

    Returns:
        reader, skill, bias, reliance, experience, receptiveness, and what each reaches in an endless study: auc,
        sensitivity and specificity, each ``_unaided`` and ``_aided``.
    """
    p = population
    people = pd.DataFrame(
        {
            "reader": [f"S{i + 1:02d}" for i in range(number)],
            "skill": np.maximum(rng.normal(p.skill, p.skill_sd, number), 0),
            "bias": rng.normal(p.bias, p.bias_sd, number),
            "reliance": np.clip(rng.normal(p.reliance, p.reliance_sd, number), 0, 1),
        }
    )
    # more skill comes with more years, more reliance with more receptiveness, both with a spread of their own
    people["experience"] = np.clip(8 + 16 * (people["skill"] - p.skill) + rng.normal(0, 3, number), 0.5, 40).round(1)
    people["receptiveness"] = np.clip(3 + 5 * (people["reliance"] - p.reliance) + rng.normal(0, 0.4, number), 1, 5)
    people["receptiveness"] = (people["receptiveness"] * 4).round() / 4
    return people.assign(**_known(people, p))


def _read(
    rng: np.random.Generator,
    population: Population,
    cases: tuple[pd.DataFrame, Floats, Floats],
    readers: int,
    rereading: bool,
) -> Simulated:
    """All readers read all cases (a table, what readers have in common, the model's evidence) in both arms."""
    table, case_effect, evidence = cases
    p, people = population, draw_readers(rng, population, readers)
    truth = table["truth"].to_numpy()
    repeated = p.repeatable if rereading else 1.0
    frames = []
    for who in people.to_dict("records"):
        once, again = rng.standard_normal((2, len(table)))
        second = np.sqrt(repeated) * once + np.sqrt(1 - repeated) * again
        signal = who["skill"] * (truth - 0.5) + np.sqrt(p.shared) * case_effect
        w, v = who["reliance"], _variance(who["reliance"], p)
        looks = {
            "unaided": signal + np.sqrt(1 - p.shared) * once,
            "aided": ((1 - w) * (signal + np.sqrt(1 - p.shared) * second) + w * evidence) / np.sqrt(v),
        }
        for arm, look in looks.items():
            usual = p.seconds * (p.time_ratio if arm == "aided" else 1.0)
            frames.append(
                table.assign(
                    reader=who["reader"],
                    arm=arm,
                    confidence=np.rint(100 * expit(1.5 * (look - who["bias"]))),
                    call=(look > who["bias"]).astype(int),
                    seconds=np.exp(rng.normal(np.log(usual), 0.5, len(table))).round(2),
                    experience=who["experience"],
                    receptiveness=who["receptiveness"],
                )
            )
    readings = pd.concat(frames, ignore_index=True).assign(simulated=1, scale="0-100")
    first = ["reader", "arm", "case_id"]
    order = [*first, *(name for name in readings.columns if name not in first)]
    return Simulated(readings[order], people)


def _variance(reliance: Floats | float, p: Population) -> Floats:
    """Variance of the aided evidence within a class."""
    w = np.asarray(reliance, dtype=np.float64)
    variance: Floats = (1 - w) ** 2 + w**2 + 2 * w * (1 - w) * np.sqrt(p.shared * p.alike)
    return variance


def _known(people: pd.DataFrame, p: Population) -> dict[str, Floats]:
    """What each reader reaches in an endless study."""
    d, w, b = (people[name].to_numpy() for name in ("skill", "reliance", "bias"))
    aided = ((1 - w) * d + w * p.model_skill) / np.sqrt(_variance(w, p))
    out = {}
    for arm, separation in (("unaided", d), ("aided", aided)):
        out[f"auc_{arm}"] = ndtr(separation / np.sqrt(2))
        out[f"sensitivity_{arm}"] = ndtr(separation / 2 - b)
        out[f"specificity_{arm}"] = ndtr(separation / 2 + b)
    return out


def skill_of(auc: float) -> float:
    """The separation that gives an AUC.

    >>> round(skill_of(0.80), 2)
    1.19
    """
    return float(np.sqrt(2) * ndtri(auc))


def planned_power(
    *,
    readers: int,
    cases: int,
    positives: float,
    reader_auc: float = 0.80,
    model_auc: float = 0.85,
    effects: tuple[float, ...] = (0.03, 0.05, 0.07, 0.10),
    seed: int = 0,
) -> pd.DataFrame:
    """The power of a planned crossed study, from the variance components of a large simulated one.

    Args:
        readers: Readers of the planned study.
        cases: Cases.
        positives: Share of positive cases.
        reader_auc: What readers are expected to reach without advice.
        model_auc: What the model reaches.
        effects: True differences in AUC to be found.
        seed: Of the simulation.

    Returns:
        effect, power (two-sided 5 %, readers and cases random; Hillis, Obuchowski & Berbaum 2011).

    Raises:
        NotEstimableError: Fewer than two readers, or fewer than two cases of a class.
    """
    if readers < 2 or min(round(cases * positives), cases - round(cases * positives)) < 2:
        raise NotEstimableError("the power needs two readers and two cases of each class")
    found = simulated_pilot(positives, reader_auc=reader_auc, model_auc=model_auc, seed=seed)
    power = [mrmc_power(found, n_readers=readers, n_cases=cases, effect=effect) for effect in effects]
    return pd.DataFrame({"effect": effects, "power": power})


def simulated_pilot(
    positives: float, *, reader_auc: float = 0.80, model_auc: float = 0.85, seed: int = 0
) -> MRMCResult:
    """A large crossed study of simulated readers, for its variance components; arguments as :func:`planned_power`."""
    population = Population(skill=skill_of(reader_auc), model_skill=skill_of(min(max(model_auc, 0.5), 0.99)))
    pilot = simulate(np.random.default_rng(seed), population, readers=24, cases=400, positives=positives).readings
    return obuchowski_rockette(
        pilot.rename(columns={"case_id": "case", "confidence": "score"}), figure="auc", covariance="delong"
    )
