"""What the annotation room keeps. Annotations are only ever appended; the one with the highest revision counts."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, ForeignKey, Integer, MetaData, String, Table, Text, UniqueConstraint

from osteon.web.database import SHARED, Instant, Tables, append_only, person
from osteon.web.migrations import Schema

metadata = MetaData()
_CODE = String(40)

#: What is annotated.
annotation_case = Table(
    "annotation_case",
    metadata,
    Column("code", _CODE, primary_key=True),
    Column("context", JSON, nullable=False),
)
#: The pictures of a case.
annotation_view = Table(
    "annotation_view",
    metadata,
    Column("case_code", _CODE, ForeignKey("annotation_case.code"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("window", JSON, nullable=False),
    Column("spacing", JSON),
    Column("name", Text),
)
#: Boxes that annotators start from, where there are any.
suggestion = Table(
    "suggestion",
    metadata,
    Column("case_code", _CODE, ForeignKey("annotation_case.code"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("view", Integer, nullable=False),
    Column("box", JSON, nullable=False),
    Column("label", Text, nullable=False),
)
#: The work list of each person: everybody has every case, each in an order of their own.
work = Table(
    "work",
    metadata,
    Column("annotator", _CODE, ForeignKey(person.c.code), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("case_code", _CODE, ForeignKey("annotation_case.code"), nullable=False),
)
#: Every annotation ever saved, an adjudication among them.
annotation = Table(
    "annotation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("annotator", _CODE, ForeignKey(person.c.code), nullable=False),
    Column("case_code", _CODE, ForeignKey("annotation_case.code"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("content", JSON, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("saved_at", Instant, nullable=False),
    Column("receipt", String(64), nullable=False),
    UniqueConstraint("annotator", "case_code", "revision"),
    UniqueConstraint("annotator", "receipt"),
)
append_only(annotation)

#: Raise the schema with every change above, and write the step that leads to it.
ANNOTATION = Tables(Schema("annotation", 1), SHARED, metadata, annotation.name)
