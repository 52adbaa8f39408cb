"""C-STORE (PS3.4 annex B), also over TLS: one association for all objects that are sent together."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from osteon.core.errors import InputError
from osteon.core.hosts import loopback
from osteon.io.sending.instance import Became, Instance, Outcome, judged
from osteon.io.stored import quiet

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.presentation import PresentationContext

_FORM = "Write dicom://TITLE@HOST:PORT, dicoms:// over TLS, or the https:// root of DICOMweb services."
_MOST_CONTEXTS = 128
_LONGEST_TITLE = 16
#: Seconds until there is a connection, and until an answer.
_CONNECT, _ANSWER = 10, 60
#: Why an association is rejected, by source and diagnostic (PS3.8 table 9-21).
_REJECTED = {
    (1, 3): "it does not know the title that osteon calls itself",
    (1, 7): "its own title is another one",
    (3, 1): "it has too much to do",
    (3, 2): "it has too much to do",
}
#: An association that is rejected for a while only.
_TRANSIENT = 2


def title(text: str, column: str) -> str:
    """An application entity title (PS3.5, VR AE).

    Raises:
        InputError: It is none.
    """
    plain = text.strip(" ")
    if not plain or len(plain) > _LONGEST_TITLE or "\\" in plain or not (plain.isascii() and plain.isprintable()):
        raise InputError(
            "no application entity title", column=column, fix=f"Give 1 to {_LONGEST_TITLE} ASCII signs, no backslash."
        )
    return plain


def tls() -> ssl.SSLContext:
    """How osteon trusts, and shows itself, as the environment says.

    Raises:
        InputError: A certificate cannot be read.
    """
    authority, certificate = os.environ.get("REQUESTS_CA_BUNDLE"), os.environ.get("OSTEON_CERTIFICATE")
    try:
        context = ssl.create_default_context(cafile=authority)
        if certificate:
            context.load_cert_chain(certificate, os.environ.get("OSTEON_KEY"))
    except (OSError, ValueError):
        names = "REQUESTS_CA_BUNDLE, OSTEON_CERTIFICATE or OSTEON_KEY"
        raise InputError(f"what {names} names is no certificate with its key", fix="Give PEM files.") from None
    return context


@dataclass
class Store:
    """An application entity that stores.

    Attributes:
        called: Its title.
        host: Its host.
        port: Its port.
        calling: The title that osteon calls itself.
        secure: How TLS is done; None for none.
    """

    called: str
    host: str
    port: int
    calling: str = "OSTEON"
    secure: ssl.SSLContext | None = None

    @classmethod
    def at(cls, url: str, calling: str) -> Store:
        """The one at ``dicom://TITLE@HOST:PORT``.

        Raises:
            InputError: It is no such address, or a password would be sent in the clear.
        """
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = None
        if not (parts.hostname and port and parts.username) or parts.password or parts.path.strip("/"):
            raise InputError("not the address of an archive", column="--to", fix=_FORM)
        if parts.scheme == "dicom" and os.environ.get("OSTEON_DICOM_USER") and not loopback(parts.hostname):
            raise InputError("the password would be sent in the clear", fix="Give an address that begins with dicoms.")
        called = title(unquote(parts.username), "--to")
        return cls(called, parts.hostname, port, title(calling, "--title"), tls() if parts.scheme == "dicoms" else None)

    def attempt(self, instances: Sequence[Instance]) -> Iterator[Outcome]:
        """Offer each once; where the association ends, the rest wait."""
        for batch in _batches(instances):
            yield from self._send(batch)

    def _send(self, batch: Sequence[Instance]) -> Iterator[Outcome]:
        with quiet():
            association, rejected = self._associate(_contexts(batch))
            try:
                if not association.is_established:
                    outcome, why = _not_established(rejected)
                    yield from (Outcome(one.path, outcome, why) for one in batch)
                    return
                for one in batch:
                    yield _stored(association, one)
            finally:
                if association.is_established:
                    association.release()

    def _associate(self, contexts: list[PresentationContext]) -> tuple[Association, tuple[int, ...]]:
        """An association, or by whom and why it was rejected."""
        from pynetdicom import AE, evt

        silence()
        entity = AE(self.calling)
        entity.connection_timeout, entity.acse_timeout = _CONNECT, _ANSWER
        entity.dimse_timeout = entity.network_timeout = _ANSWER
        rejected: list[tuple[int, ...]] = []

        def heard(event: Any) -> None:
            answer = event.primitive
            if getattr(answer, "result", None):
                rejected.append((answer.result, answer.result_source, answer.diagnostic))

        association = entity.associate(
            self.host, self.port, contexts, self.called, ext_neg=_user(), evt_handlers=[(evt.EVT_ACSE_RECV, heard)],
            tls_args=(self.secure, self.host) if self.secure else None,
        )  # fmt: skip
        return association, rejected[0] if rejected else ()


def _not_established(rejected: tuple[int, ...]) -> tuple[Became, str]:
    """Whether a later try may go better, and why there is no association; `rejected` is result, source, diagnostic."""
    if not rejected:
        return "unreached", "no association: nobody answers there, or TLS does not come about"
    result, source, diagnostic = rejected
    why = _REJECTED.get((source, diagnostic), f"source {source}, diagnostic {diagnostic}")
    return "unreached" if result == _TRANSIENT else "refused", f"the destination rejects the association: {why}"


def silence() -> None:
    """Keep pynetdicom from logging, which quotes datasets."""
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)


def _user() -> list[Any]:
    """User and password as the environment has them (PS3.7 D.3.3.7)."""
    from pynetdicom.pdu_primitives import UserIdentityNegotiation

    user = os.environ.get("OSTEON_DICOM_USER")
    if not user:
        return []
    identity = UserIdentityNegotiation()
    identity.user_identity_type = 2
    identity.primary_field = user.encode()
    identity.secondary_field = os.environ.get("OSTEON_DICOM_PASSWORD", "").encode()
    return [identity]


def _batches(instances: Sequence[Instance]) -> Iterator[list[Instance]]:
    """Instances whose kinds one association has room for."""
    batch: list[Instance] = []
    kinds: set[tuple[str, str]] = set()
    for one in instances:
        kind = (one.sop_class, one.syntax)
        if len(kinds | {kind}) > _MOST_CONTEXTS:
            yield batch
            batch, kinds = [], set()
        batch.append(one)
        kinds.add(kind)
    if batch:
        yield batch


def _contexts(batch: Sequence[Instance]) -> list[PresentationContext]:
    """One for each kind: what is not compressed may also go as implicit little endian, which everybody must take."""
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
    from pynetdicom import build_context

    plain = {str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)}
    kinds = dict.fromkeys((one.sop_class, one.syntax) for one in batch)
    return [build_context(kind, [syntax, *(plain - {syntax} if syntax in plain else ())]) for kind, syntax in kinds]


def _stored(association: Association, one: Instance) -> Outcome:
    """What the other side says of one object."""
    if not association.is_established:
        return Outcome(one.path, "unreached", "the association ended")
    try:
        status = association.send_c_store(one.path)
    except ValueError:  # no presentation context
        return Outcome(one.path, "refused", "the destination does not take its SOP class or transfer syntax")
    except (RuntimeError, AttributeError):
        return Outcome(one.path, "unreached", "the association ended")
    if "Status" not in status:
        association.abort()
        return Outcome(one.path, "unreached", "no answer")
    return judged(one.path, int(status.Status))
