"""The pictures of a case: which may be sent, and what the browser is told of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from osteon.study.protocol import Readers
from osteon.web import picture, rules
from osteon.web.database import task, view
from osteon.web.refusal import NotAllowedError
from osteon.web.sessions import Visit, stage


def of_case(connection: Connection, protocol: Readers, code: str, *, aided: bool) -> list[dict[str, Any]]:
    """What is shown of each picture of a case; of a heat map its size alone, and that in the aided arm only."""
    return [
        {
            **_size(row),
            "window": row.window,
            "spacing": row.spacing,
            "boxes": row.boxes if protocol.show_box else [],
            "heatmap": row.heatmap if aided and protocol.heatmap else None,
            "name": row.name,
        }
        for row in _rows(connection, code)
    ]


def sizes(connection: Connection, code: str) -> list[dict[str, Any]]:
    """Number, width and height of a case's pictures, and of the halves that go ahead of large ones."""
    return [_size(row) for row in _rows(connection, code)]


def picture_case(visit: Visit, position: int) -> str:
    """The code of the case whose pictures may be sent; the next case's are, ahead of time.

    Raises:
        NotAllowedError: Not that case, or not now.
    """
    here, come = stage(visit)
    if not rules.may_fetch(visit.protocol, here, position, come.cases):
        raise NotAllowedError("This picture cannot be sent now.")
    return str(
        visit.connection.execute(
            select(task.c.case_code).where(
                task.c.reader == visit.reader,
                task.c.session == here.session,
                task.c.position == position,
                task.c.step == 1,
            )
        ).scalar_one()
    )


def _rows(connection: Connection, code: str) -> list[Row[Any]]:
    return list(connection.execute(select(view).where(view.c.case_code == code).order_by(view.c.number)).all())


def _size(row: Row[Any]) -> dict[str, Any]:
    half = picture.half_shape(row.height, row.width)
    return {
        "number": row.number,
        "width": row.width,
        "height": row.height,
        "half": {"height": half[0], "width": half[1]} if half else None,
    }
