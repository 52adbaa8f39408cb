"""How long readers had the advice before they answered, and what their quickest answers change."""

from __future__ import annotations

import pandas as pd

from osteon.core.errors import TableError

#: Nobody weighs an advice in less, in seconds.
QUICK = 1.0


def seconds_after_advice(readings: pd.DataFrame) -> pd.Series:
    """Seconds from the advice to the answer; nan where there was no advice, or its time is not known.

    Args:
        readings: With the columns ``advice_at`` and ``answered_at`` (ISO 8601), if the times are known.

    Raises:
        TableError: A time that cannot be read, or one with and one without a time zone.
    """
    if not {"advice_at", "answered_at"} <= set(readings.columns):
        return pd.Series(float("nan"), index=readings.index)
    advice, answer = (_moments(readings, column) for column in ("advice_at", "answered_at"))
    return (answer - advice).dt.total_seconds()


def _moments(readings: pd.DataFrame, column: str) -> pd.Series:
    text = readings[column].fillna("").astype(str).str.strip()
    moments = pd.to_datetime(text.where(text != ""), format="ISO8601", utc=True, errors="coerce")
    wrong = moments.isna() & text.ne("")
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise TableError(
            f"'{text.iloc[row]}' is not a time", row=row + 2, column=column, fix="Write 2026-01-31T09:30:00+00:00."
        )
    return moments


def advice_times(readings: pd.DataFrame) -> list[dict[str, object]]:
    """By reader and over all (``all``): answers, median and quartiles of the seconds after the advice, quick ones.

    Args:
        readings: With the column ``after_advice``.

    Returns:
        reader, arm, answers (advice seen), unseen (answers in this arm to which no advice was on the screen), median,
        low and high (quartiles), quick, quick_share. Empty without times.
    """
    timed = readings[readings["after_advice"].notna()]
    rows: list[dict[str, object]] = []
    for arm in dict.fromkeys(timed["arm"]):
        here = readings[readings["arm"] == arm]
        groups = [("all", here), *((str(who), own) for who, own in here.groupby("reader", sort=True))]
        for reader, own in groups:
            seconds = own["after_advice"].dropna()
            quick = int((seconds < QUICK).sum())
            low, median, high = seconds.quantile([0.25, 0.5, 0.75])
            rows.append(
                {
                    "reader": reader,
                    "arm": arm,
                    "answers": len(seconds),
                    "unseen": len(own) - len(seconds),
                    "median": median,
                    "low": low,
                    "high": high,
                    "quick": quick,
                    "quick_share": quick / len(seconds) if len(seconds) else float("nan"),
                }
            )
    return rows


def unhurried(readings: pd.DataFrame) -> pd.DataFrame | None:
    """The readings without quick answers, or None where there are none.

    A reader's case that was answered quickly is left out in every arm, so that arms stay comparable.
    """
    quick = readings["after_advice"] < QUICK
    if not quick.any():
        return None
    keys = pd.MultiIndex.from_frame(readings[["reader", "case_id"]])
    return readings[~keys.isin(keys[quick])].reset_index(drop=True)
