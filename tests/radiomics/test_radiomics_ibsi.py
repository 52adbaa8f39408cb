"""Every 2D reference value of the IBSI digital phantom (tests/references/ibsi/README.md)."""

from __future__ import annotations

import pytest
from ibsi_phantom import BEGIN, END, PAGE, Row, compare, required, table

from osteon.radiomics import REGISTRY

ROWS = compare()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.tag)
def test_value(row: Row) -> None:
    assert row.matches, f"{row.name}: {row.ours}, published {row.reference} ± {row.tolerance}"


def test_no_reference_value_is_left_out() -> None:
    assert len(required()) == 183
    assert required() <= {row.tag for row in ROWS}


def test_codes_are_unique_to_a_feature() -> None:
    codes: dict[str, set[str]] = {}
    for feature in REGISTRY.values():
        codes.setdefault(feature.code, set()).add(feature.tag.removesuffix("_avg").removesuffix("_comb"))
    del codes[""]
    assert all(len(tags) == 1 for tags in codes.values()), codes


def test_the_page_holds_this_table() -> None:
    assert PAGE.read_text().split(BEGIN)[1].split(END)[0].strip() == table().strip()
