"""``osteon serve``: a fitted model over HTTP. A radiograph and a box in, what the model says of it out, as JSON."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Annotated, BinaryIO

import numpy as np
from fastapi import Depends, FastAPI, File, Form, HTTPException, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException as PlainHTTPException

from osteon.core.cells import meant
from osteon.core.errors import ImageError, InputError, OsteonError
from osteon.io.kinds import kind_of
from osteon.pipeline.prediction import NOTICE, Model, Prediction
from osteon.web import guard, leaflet
from osteon.web.gate import HEALTH, Gate, Logged, Rules
from osteon.web.served import REFUSALS, About, Answer, Health, answer, described
from osteon.web.transport import Listening, settings

#: A model is asked again under at most so many changed boxes, because others wait meanwhile.
MOST_UNSTEADY = 64
#: So many questions wait for their turn; the next is told to come back.
MOST_WAITING = 16
_SHORTEST_TOKEN = 16
_STATIC = Path(__file__).parent / "static"
_FILES = ("icon.svg", "css/room.css", "css/model.css", "js/dom.js", "js/asking.js")


class NoPictureError(Exception):
    """What was sent as radiograph or mask is no picture."""


@dataclass(frozen=True)
class Question:
    """What was sent, before anything of it has been looked at."""

    radiograph: BinaryIO
    box: str | None
    mask: BinaryIO | None
    columns: str | None
    unsteady: int


class Teller:
    """Answers one question at a time in a thread of its own, so that the server answers everything else meanwhile.

    Args:
        model: The model.

    Attributes:
        waiting: Questions that are being answered or wait for it.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        self.waiting = 0

    async def ask(self, question: Question) -> Prediction:
        """What the model says.

        Raises:
            NoPictureError: What was sent is no picture.
            OsteonError: It cannot be used.
            HTTPException: 503, too many are waiting.
        """
        if self.waiting >= MOST_WAITING:
            raise HTTPException(503, "Too many are waiting; try again in 10 s.", {"retry-after": "10"})
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, question)
        finally:
            self.waiting -= 1

    def _answer(self, question: Question) -> Prediction:
        """Ask the model. Pictures are read from files: those are this process' own, and do not outlive it."""
        box = _box(question.box)
        columns = _columns(question.columns, self._model.columns)
        if box is None and question.mask is None and self._model.file.looks:
            raise InputError("neither a box nor a mask of the lesion was sent", fix=_BOX)
        with ExitStack() as room:
            radiograph = _kept(question.radiograph, room)
            mask = None if question.mask is None else _kept(question.mask, room)
            return self._model.predict(radiograph, box=box, mask=mask, columns=columns, unsteady=question.unsteady)


_BOX = "Send box as x0,y0,x1,y1: its upper left and lower right corner in pixels of the upright picture."


def _box(text: str | None) -> tuple[float, ...] | None:
    """The four sides of a box.

    Raises:
        InputError: They are not four numbers, or no box.
    """
    if not text or not text.strip():
        return None
    try:
        sides = tuple(float(part) for part in text.split(","))
    except ValueError:
        sides = ()
    if len(sides) != 4 or not np.isfinite(sides).all():
        raise InputError("the box is not four numbers", fix=_BOX)
    if not (sides[0] < sides[2] and sides[1] < sides[3]):
        raise InputError("the box is inside out", fix=_BOX)
    return sides


def _columns(text: str | None, read: tuple[str, ...]) -> dict[str, str]:
    """What is known of the case, as a table would say it.

    Args:
        text: A JSON object.
        read: The columns that the model reads.

    Raises:
        InputError: It is no object of texts and numbers, or its names are not those that the model reads.
    """
    expected = f"It reads {', '.join(read)}; null says that a value is not known." if read else "It reads none."
    try:
        told = json.loads(text) if text and text.strip() else {}
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or any(isinstance(value, dict | list) for value in told.values()):
        raise InputError("columns is no JSON object of texts and numbers", fix=expected)
    if absent := [name for name in read if name not in told]:
        raise InputError(f"the model reads the column '{absent[0]}', and columns does not have it", fix=expected)
    if not set(told) <= set(read):
        raise InputError("columns has a name that the model does not read", fix=expected)
    return {name: meant(value) for name, value in told.items()}


#: Where Linux shows open files: one without a name can be read there, and is gone when the process is, however it ends.
_OPEN_FILES = Path("/proc/self/fd")


def _kept(sent: BinaryIO, room: ExitStack) -> Path:
    """Keep what was sent in a file for as long as the room is open.

    Raises:
        NoPictureError: It is of no kind that is read.
    """
    if _OPEN_FILES.is_dir():
        file: IO[bytes] = room.enter_context(TemporaryFile())  # noqa: SIM115 - the room closes it
        path = _OPEN_FILES / str(file.fileno())
    else:
        path = Path(room.enter_context(TemporaryDirectory(prefix="osteon-"))) / "picture"
        file = room.enter_context(path.open("xb"))
    shutil.copyfileobj(sent, file)
    file.flush()
    try:
        kind_of(path)
    except ImageError as error:
        raise NoPictureError(_sentence(error)) from None
    return path


def create_app(model: Model, rules: Rules, *, secure: bool = False, say: Callable[[str], None] = print) -> FastAPI:
    """The application.

    Args:
        model: What is served.
        rules: What requests are held to.
        secure: It is served over TLS.
        say: Takes a line of the log.
    """
    about = described(model, most_unsteady=MOST_UNSTEADY, largest=rules.largest)
    teller = Teller(model)
    app = FastAPI(
        title=f"osteon: {about.name}", version=about.identity[:12], description=NOTICE, docs_url=None, redoc_url=None,
        dependencies=[Depends(HTTPBearer(auto_error=False, description="The server's token."))] if rules.token else [],
    )  # fmt: skip

    @app.post("/predict", responses=REFUSALS, summary="What the model says of a lesion on a radiograph")
    async def predict(
        radiograph: Annotated[UploadFile, File(description="JPEG, PNG, TIFF, BMP or DICOM.")],
        box: Annotated[
            str | None, Form(description="x0,y0,x1,y1 in pixels of the upright picture; that of the mask without it.")
        ] = None,
        mask: Annotated[
            UploadFile | None, File(description="A picture of the radiograph's size, black outside.")
        ] = None,
        columns: Annotated[
            str | None, Form(description="A JSON object of the columns that the model reads; null: not known.")
        ] = None,
        unsteady: Annotated[
            int, Form(ge=0, le=MOST_UNSTEADY, description="Ask again under so many changed boxes.")
        ] = 0,
    ) -> Answer:
        outline = None if mask is None else mask.file
        said = await teller.ask(Question(radiograph.file, box, outline, columns, unsteady))
        return answer(said, about.name)

    @app.get("/model", summary="What is served, and what it has to be told")
    async def the_model() -> About:
        return about

    @app.get("/card", summary="The model card, Markdown", response_class=PlainTextResponse)
    async def card() -> Response:
        return PlainTextResponse(model.card, media_type="text/markdown; charset=utf-8")

    @app.get(HEALTH, summary="Whether the server answers; needs no token")
    async def health() -> Health:
        return Health(status="ok", waiting=teller.waiting)

    @app.get("/", include_in_schema=False, response_class=HTMLResponse)
    async def page() -> str:
        return leaflet.model_page(about.model_dump(), model.card)

    @app.get("/docs", include_in_schema=False, response_class=HTMLResponse)
    async def interface() -> str:
        return leaflet.interface_page(app.openapi(), about.model_dump())

    for name in _FILES:
        app.add_api_route(f"/static/{name}", _file(_STATIC / name), include_in_schema=False)
    app.add_exception_handler(PlainHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(NoPictureError, _no_picture)
    app.add_exception_handler(OsteonError, _unusable)
    paths = frozenset(path for route in app.routes if (path := getattr(route, "path", None)))
    app.add_middleware(Gate, rules=rules)
    app.add_middleware(Logged, paths=paths, say=say)
    app.add_middleware(guard.Armour, secure=secure, largest=None)
    return app


def serve(
    load: Callable[[], Model], listening: Listening, *, max_mb: int = 64, rate: int = 60, token: str | None = None
) -> None:
    """Serve until interrupted.

    Args:
        load: Loads the model, once it is known that it may be served so.
        listening: Where and how to listen.
        max_mb: Megabytes of the longest request.
        rate: Questions a minute from one address.
        token: What requests have to carry; None or "" for none.

    Raises:
        InputError: Settings that do not go together, or no model.
    """
    import uvicorn

    told = settings(listening, "radiographs")
    check_token(token, alone=listening.alone)
    rules = Rules(max_mb * 2**20, token or None, guard.Limiter(burst=rate, per_second=rate / 60))
    model = load()
    _ = model.file.fitted  # in memory before the first question
    print(f"{model.name}, identity {model.identity}. {NOTICE}")
    print(f"listening on {listening.host}, port {listening.port}; Ctrl-C ends", flush=True)
    app = create_app(model, rules, secure=listening.secure, say=lambda line: print(line, flush=True))
    uvicorn.run(app, **told, limit_concurrency=64)


def check_token(token: str | None, *, alone: bool) -> None:
    """Refuse to serve a network without a token, or with one that can be guessed.

    Raises:
        InputError: That would be so.
    """
    fix = f"Set OSTEON_TOKEN to at least {_SHORTEST_TOKEN} random letters and digits, and send it with every request."
    if not token and not alone:
        raise InputError("whoever reaches this server could ask the model", fix=fix)
    if token and (len(token) < _SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token):
        raise InputError("the token is too short, or holds other signs than letters, digits and punctuation", fix=fix)


def _file(path: Path) -> Callable[[], FileResponse]:
    def file() -> FileResponse:
        return FileResponse(path, headers={"cache-control": "no-cache"})

    return file


def _sentence(error: OsteonError) -> str:
    """What was wrong and what to do, without the file that it was found in."""
    if not isinstance(error, InputError):
        return str(error)
    place = f"column '{error.column}': " if error.column else ""
    return f"{place}{error.what}. {error.fix}" if error.fix else f"{place}{error.what}."


def _refuse(status: int, error: str) -> Response:
    return JSONResponse({"error": error}, status)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, PlainHTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _malformed(request: Request, error: Exception) -> Response:
    """Say which part of the form is wrong, but never repeat what was sent."""
    assert isinstance(error, RequestValidationError)
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return _refuse(415, "This is no form with a file. Send multipart/form-data with the radiograph as a file.")
    field = str(error.errors()[0]["loc"][-1])
    return _refuse(422, _PARTS.get(field, "The form is not valid. See /docs."))


_PARTS = {
    "radiograph": "No radiograph was sent. Send it as the file 'radiograph'.",
    "mask": "The mask is no file. Send it as the file 'mask', or leave it out.",
    "unsteady": f"unsteady is no whole number from 0 to {MOST_UNSTEADY}. Send one, or leave it out.",
}


async def _no_picture(_request: Request, error: Exception) -> Response:
    return _refuse(415, str(error))


async def _unusable(_request: Request, error: Exception) -> Response:
    assert isinstance(error, OsteonError)
    return _refuse(422, _sentence(error))
