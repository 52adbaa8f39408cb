"""The tables of a reader study's database, as they are and as they should be."""

from __future__ import annotations

from sqlalchemy import MetaData, inspect

from osteon.web import database
from osteon.web.database import Store


def described(store: Store) -> dict[str, dict[str, tuple[str, bool]]]:
    """Every table's columns: the kind of their values, and whether they may be empty."""
    found = inspect(store.engine)
    return {
        table: {
            column["name"]: (column["type"].python_type.__name__, bool(column["nullable"]))
            for column in found.get_columns(table)
        }
        for table in found.get_table_names()
    }


def expected(metadata: MetaData = database.metadata) -> dict[str, dict[str, tuple[str, bool]]]:
    """The same of the tables as they are today."""

    def kind(column: object) -> str:
        stored = column.type  # type: ignore[attr-defined]
        return str(getattr(stored, "impl", stored).python_type.__name__)

    return {
        name: {column.name: (kind(column), bool(column.nullable)) for column in table.columns}
        for name, table in metadata.tables.items()
    }
