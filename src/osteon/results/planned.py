"""The locked plan: written with a hash and a time before external labels meet a prediction, and held against the run.

A lock is a step of a chain: its hash is of its time, of everything planned, and of the lock before it. A plan may be
locked anew until predictions are made; what changed stays to be seen. The hash proves nothing against someone who locks
in a fresh folder; deposited elsewhere, it does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from osteon.core.errors import InputError
from osteon.core.ledger import digest, write_json
from osteon.core.run import RunFolder, Tables
from osteon.core.version import __version__
from osteon.study import Study

#: Sections of a study, and settings of the first, that are no part of its design.
_NO_PLAN = {"figures", "compute", "report"}
_NO_DESIGN = ("name", "cohort", "output", "weights", "agreement")
_ABSENT = "not there"


@dataclass(frozen=True)
class Lock:
    """A plan as it was locked.

    Attributes:
        locked: When, in UTC.
        osteon: By which version.
        checked: Whether the cohort had been checked before, which counts labels at every centre.
        plan: See :func:`contents`.
        sizes: What 'osteon plan' said of the numbers of cases.
        after: The hash of the lock before it; "" for the first.
        sha256: Of all of the above.
    """

    locked: str
    osteon: str
    checked: bool
    plan: Mapping[str, Any]
    sizes: Sequence[Mapping[str, Any]]
    after: str
    sha256: str = ""

    @property
    def hash(self) -> str:
        """The hash that it ought to have."""
        return digest({name: value for name, value in asdict(self).items() if name != "sha256"})

    @property
    def when(self) -> str:
        """When, as a sentence has it."""
        return f"{datetime.fromisoformat(self.locked):%d %B %Y, %H:%M} UTC".lstrip("0")


def contents(study: Study, started: Mapping[str, Mapping[str, str]], cases: pd.DataFrame) -> dict[str, Any]:
    """What a plan holds; the same of a run is what was done.

    Args:
        study: As the run folder's own file says it.
        started: What each model starts from.
        cases: case_id, centre of all rows of the cohort table.
    """
    told = study.model_dump(mode="json", exclude=_NO_PLAN)
    told["study"] = {name: value for name, value in told["study"].items() if name not in _NO_DESIGN}
    told["models"] = {model["name"]: model for model in told["models"]}
    told["evaluation"]["primary"] = list(study.primary)
    by_centre = {str(centre): sorted(own["case_id"]) for centre, own in cases.groupby("centre", sort=True)}
    return {
        **told,
        "cases": {centre: f"{len(own)} (identifiers {digest(own)[:12]})" for centre, own in by_centre.items()},
        "started": {name: dict(found) for name, found in sorted(started.items()) if found},
    }


def locks(run: RunFolder) -> list[Lock]:
    """The locks of a run, the one that counts last; none where nothing was locked.

    Raises:
        InputError: plan.json is not what 'osteon plan' writes.
    """
    if not run.plan_file.is_file():
        return []
    try:
        return [Lock(**one) for one in json.loads(run.plan_file.read_text(encoding="utf-8"))["locks"]]
    except (ValueError, TypeError, KeyError):
        raise InputError(
            "not a locked plan", file=run.plan_file, fix="Put back the file that 'osteon plan --lock' wrote."
        ) from None


def add(run: RunFolder, plan: Mapping[str, Any], sizes: Sequence[Mapping[str, Any]]) -> Lock:
    """Lock a plan after those that are locked; the last one again where nothing has changed.

    Raises:
        InputError: There are predictions: external labels may have met them.
    """
    if run.file("predictions").is_file():
        raise InputError(
            "there are predictions already: a plan is locked before its run",
            file=run.path,
            fix="Report this run without a lock, or lock the plan of a new one with another [study] output.",
        )
    known = locks(run)
    plan = json.loads(json.dumps(plan))  # as it is read back
    if known and known[-1].plan == plan and known[-1].hash == known[-1].sha256:
        return known[-1]
    now = datetime.now(UTC).isoformat(timespec="seconds")
    after = known[-1].sha256 if known else ""
    made = Lock(now, __version__, run.file("cohort").is_file(), plan, json.loads(json.dumps(sizes)), after)
    made = Lock(**{**asdict(made), "sha256": made.hash})
    write_json(run.plan_file, {"locks": [asdict(lock) for lock in (*known, made)]})
    return made


def departures(planned: Any, done: Any, name: str = "") -> Iterator[tuple[str, str, str]]:
    """Where two plans differ: what, in the one, in the other.

    A setting that the planning osteon did not have yet is no departure; a model or centre that nobody planned is one.
    """
    if isinstance(planned, Mapping) and isinstance(done, Mapping):
        for key, value in planned.items():
            yield from departures(value, done.get(key, _ABSENT), f"{name}.{key}".lstrip("."))
        if name in ("models", "cases"):
            new = [key for key in done if key not in planned]
            yield from ((f"{name}.{key}", _ABSENT, _said(done[key])) for key in new)
    elif planned != done:
        yield name, _said(planned), _said(done)


def _said(value: Any) -> str:
    """A setting in words."""
    match value:
        case str():
            return value
        case list():
            return ", ".join(map(_said, value)) or "none"
        case Mapping():
            return "; ".join(f"{name}: {_said(one)}" for name, one in value.items()) or "none"
        case None:
            return "none"
    return json.dumps(value)


def deviations(run: RunFolder, study: Study, edited: Sequence[str]) -> pd.DataFrame | None:
    """Every departure of a run from its locked plan; None where nothing was locked.

    Args:
        run: The run folder, with cohort, excluded cases and predictions.
        study: As the run folder's own file says it.
        edited: Names of tables that a person has changed since osteon wrote them.
    """
    known = locks(run)
    if not known:
        return None
    there = [name for name in ("cohort", "excluded") if run.file(name).is_file()]
    given = pd.concat([run.read(name)[["case_id", "centre"]] for name in there])
    done = contents(study, Tables(run.path).provenance.get("started", {}), given)
    predicted = run.read("predictions")["model"].unique()
    done["models"] |= {name: "added to predictions.csv by hand" for name in predicted if name not in done["models"]}
    done["models"] = {
        name: said if name in predicted else "in the study, without predictions"
        for name, said in done["models"].items()
    }
    rows = list(departures(known[-1].plan, json.loads(json.dumps(done))))
    rows += [(f"{name}.csv", "as osteon wrote it", "changed by hand") for name in edited]
    before = ""
    for number, lock in enumerate(known, start=1):
        if lock.hash != lock.sha256 or lock.after != before:
            rows.append((f"lock {number} of plan.json", f"hash {lock.sha256}", "changed by hand since it was locked"))
        before = lock.sha256
    return pd.DataFrame(rows, columns=["what", "planned", "done"])
