"""A DICOM port that takes objects (C-STORE SCP) and answers when asked whether it is there (C-ECHO)."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from typing import Any

from osteon.core.errors import InputError
from osteon.io.sending.store import silence
from osteon.io.stored import quiet
from osteon.node.receiving import FULL, Receiving, RefusedError
from osteon.node.settings import Limits, Listen

#: SOP classes that may be a radiograph or draw on one.
_CLASSES = tuple(
    f"1.2.840.10008.5.1.4.1.1.{end}"
    for end in (
        *("1", "1.1", "7", "7.2", "7.3", "7.4"),
        *("66.4", "66.7", "11.1", "11.2", "11.3"),
        *("88.11", "88.22", "88.33", "88.34"),
    )
)
_VERIFICATION = "1.2.840.10008.1.1"
_REJECT = (0x01, 0x01, 0x03)  # for good, by the user of the service: the calling title is not known
_LONGEST_PDU = 256 * 2**10
#: Seconds for a piece of a message; and between messages, after which an association is taken for dead.
_PIECE, _IDLE = 30, 300
#: Bytes of commands and negotiation beside an object's own.
_BESIDE = 2**20


class Listening:
    """A port that listens.

    Args:
        listen: Where, and to whom.
        limits: How much is taken.
        receiving: Takes what comes.
        say: Takes a line of the log.

    Raises:
        InputError: Nothing can listen there, or a certificate cannot be read.
    """

    def __init__(self, listen: Listen, limits: Limits, receiving: Receiving, say: Callable[[str], None]) -> None:
        from pynetdicom import AE, _config

        silence()
        _config.LOG_HANDLER_LEVEL = "none"  # what it would log is made of datasets, and takes time
        self._listen, self._limits, self._receiving, self._say = listen, limits, receiving, say
        entity = AE(listen.title)
        entity.maximum_associations = limits.associations
        entity.maximum_pdu_size = _LONGEST_PDU
        entity.network_timeout, entity.acse_timeout, entity.dimse_timeout = _IDLE, _PIECE, _PIECE
        entity.require_called_aet = True
        entity.add_supported_context(_VERIFICATION)
        for kind in _CLASSES:
            entity.add_supported_context(kind, _syntaxes())
        try:
            self._server = entity.make_server(
                (listen.host, listen.port), evt_handlers=self._handlers(), ssl_context=_tls(listen),
                server_class=_server_class(),
            )  # fmt: skip
        except OSError as error:
            raise InputError(
                f"nothing can listen on this address and port ({error.strerror or type(error).__name__})",
                column="--listen",
                fix="Choose another port, or end what listens there; ports under 1024 need a right of their own.",
            ) from None
        entity._servers.append(self._server)  # where its own shutdown looks for it
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="listening", daemon=True)
        self._thread.start()

    def alive(self) -> bool:
        """Whether it listens."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Listen no more; what is under way is ended, and was not acknowledged."""
        for association in self._server.active_associations:
            if association.is_established:
                association.abort()
            elif association.dul.socket:  # it has not said who it is yet
                association.dul.socket.close()
        self._server.shutdown()

    def _handlers(self) -> list[tuple[Any, Callable[[Any], Any]]]:
        from pynetdicom import evt

        return [
            (evt.EVT_CONN_OPEN, self._opened),
            (evt.EVT_REQUESTED, self._requested),
            (evt.EVT_REJECTED, self._rejected),
            (evt.EVT_ACCEPTED, self._accepted),
            (evt.EVT_ABORTED, self._broken),
            (evt.EVT_C_STORE, self._store),
        ]

    def _opened(self, event: Any) -> None:
        """Bound how long and how much a caller may send before what it sends is taken."""
        connection, association, most = event.assoc.dul.socket, event.assoc, self._limits.largest + _BESIDE
        connection.socket.settimeout(_PIECE)
        read, association.heard = connection.recv, 0

        def bounded(count: int) -> bytearray:
            association.heard += count
            if count > 2 * _LONGEST_PDU or association.heard > most:
                self._say(f"{_caller(association)}: sends more than is taken; the connection is closed")
                raise OSError
            try:
                piece: bytearray = read(count)
            except OSError:  # no handshake, or too slow: pynetdicom would leave the socket open
                connection.socket.close()
                raise
            return piece

        connection.recv = bounded

    def _requested(self, event: Any) -> None:
        """Reject a title that calls from where it may not."""
        association = event.assoc
        calling = association.requestor.primitive.calling_ae_title
        if not self._listen.callers.may(calling, association.requestor.address):
            association.acse.send_reject(*_REJECT)
            association.is_rejected = True
            self._say(f"{_caller(association)}: rejected, this title may not call from {association.requestor.address}")
            association.kill()

    def _rejected(self, event: Any) -> None:
        called = event.assoc.requestor.primitive.called_ae_title
        why = "too many associations" if called == self._listen.title else "it calls another title than this node's"
        self._say(f"{_caller(event.assoc)}: rejected, {why}")

    def _accepted(self, event: Any) -> None:
        """Say what a caller offers that is not taken, unless it offers everything that there is, as some do."""
        association = event.assoc
        association.heard = 0
        refused = association.rejected_contexts
        names = sorted({f"{each.abstract_syntax.name} ({_RESULTS.get(each.result, 'no')})" for each in refused})
        if names and (len(names) <= _NAMED or not association.accepted_contexts):
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            self._say(f"{_caller(association)}: offers what is not taken: {'; '.join(names[:_NAMED])}{more}")

    def _broken(self, event: Any) -> None:
        self._say(f"{_caller(event.assoc)}: the association was broken off")

    def _store(self, event: Any) -> Any:
        """Take an object; the status is sent when it is on the disk."""
        from pydicom.dataset import Dataset

        event.assoc.heard = 0
        answer = Dataset()
        try:
            with quiet():
                said = self._receiving.take(
                    lambda path: path.write_bytes(event.encoded_dataset()), str(event.request.AffectedSOPInstanceUID)
                )
            answer.Status = 0
        except RefusedError as refused:
            said = f"refused, {refused.why}"
            answer.Status, answer.ErrorComment = refused.status, _comment(refused.why)
        except Exception as error:  # whatever it is, the caller must not take it for taken
            said = f"refused, {type(error).__name__}"
            answer.Status = FULL
        self._say(f"{_caller(event.assoc)}: {said}")
        return answer


_NAMED = 3
_RESULTS = {3: "not this kind", 4: "not in this transfer syntax"}


def _caller(association: Any) -> str:
    """Who calls, for the log: the title as far as it is one."""
    said = str(getattr(association.requestor.primitive, "calling_ae_title", "") or association.requestor.ae_title)
    return said if said and said.isascii() and said.isprintable() else "a caller"


def _comment(why: str) -> str:
    """A reason as the status of C-STORE takes it (LO)."""
    return why.encode("ascii", "replace").decode().replace("\\", "/")[:64]


def _syntaxes() -> list[str]:
    """Every transfer syntax that radiographs are read in."""
    from pydicom import uid

    return [
        *(uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian),
        *(uid.DeflatedExplicitVRLittleEndian, uid.RLELossless, uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit),
        *(uid.JPEGLossless, uid.JPEGLosslessSV1, *uid.JPEGLSTransferSyntaxes, *uid.JPEG2000TransferSyntaxes),
    ]


def _tls(listen: Listen) -> ssl.SSLContext | None:
    if listen.certificate is None:
        return None
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=listen.authority)
        context.load_cert_chain(*listen.certificate)
    except (OSError, ValueError):
        raise InputError("no certificate with its key", file=listen.certificate[0], fix="Give PEM files.") from None
    if listen.authority is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _server_class() -> type[Any]:
    from pynetdicom.transport import ThreadedAssociationServer

    class Server(ThreadedAssociationServer):  # type: ignore[misc]
        """Shakes hands (TLS) in the thread of the association: who does not would hold up everybody else."""

        daemon_threads = True

        def get_request(self) -> Any:
            connection, address = self.socket.accept()
            connection.settimeout(_PIECE)
            if self.ssl_context:
                connection = self.ssl_context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            return connection, address

    return Server
