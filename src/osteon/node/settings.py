"""Where a node listens, to whom, what it watches, and how much of anything it takes."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from osteon.core.errors import InputError
from osteon.core.hosts import loopback
from osteon.io import dicomweb
from osteon.io.sending.store import title


@dataclass(frozen=True)
class Limits:
    """How much a node takes.

    Attributes:
        largest: Bytes of an object.
        waiting: Radiographs that are not answered yet; what comes on top is told to come later.
        associations: Associations at once.
        reserve: Bytes of the disk that stay free.
        quiet: Seconds without a further drawing on a radiograph after which it is answered.
        keep: Seconds after which what is answered and sent, or was never drawn on, is deleted.
    """

    largest: int = 256 * 2**20
    waiting: int = 20_000
    associations: int = 16
    reserve: int = 512 * 2**20
    quiet: float = 10.0
    keep: float = 14 * 86_400.0


@dataclass(frozen=True)
class Callers:
    """Who may send: titles, each with the addresses it may come from; no address for any. None at all for everybody."""

    known: Mapping[str, frozenset[str]]

    @classmethod
    def parsed(cls, said: Sequence[str]) -> Callers:
        """Those of ``TITLE`` and ``TITLE@HOST``.

        Raises:
            InputError: Something is no title, or a host has no address.
        """
        known: dict[str, frozenset[str]] = {}
        for each in said:
            name, _, host = each.partition("@")
            name = title(name, "--allow")
            known[name] = (known.get(name) or frozenset()) | _addresses(host) if host else frozenset()
        return cls(known)

    def may(self, name: str, address: str) -> bool:
        """Whether a title may send from an address."""
        if not self.known:
            return True
        plain = address.removeprefix("::ffff:")
        return name in self.known and (not self.known[name] or plain in self.known[name])


@dataclass(frozen=True)
class Listen:
    """A DICOM port.

    Attributes:
        title: How the node is called.
        host: The address that it listens on, "" for all.
        port: The port.
        callers: Who may send.
        certificate: TLS certificate and key (PEM); None for plain DICOM.
        authority: Who signs the certificates of those that may send; None asks for none.
    """

    title: str
    host: str
    port: int
    callers: Callers
    certificate: tuple[Path, Path] | None = None
    authority: Path | None = None

    @classmethod
    def at(
        cls,
        said: str,
        callers: Callers,
        certificate: tuple[Path, Path] | None = None,
        authority: Path | None = None,
    ) -> Listen:
        """The one of ``TITLE@HOST:PORT``.

        Raises:
            InputError: It is no such thing, or everybody on a network could send.
        """
        name, _, place = said.rpartition("@")
        host, port = host_and_port(place, "--listen", "Write TITLE@HOST:PORT, or TITLE@:PORT for every address.")
        if not callers.known and not loopback(host) and authority is None:
            raise InputError(
                "everybody on the network could send",
                column="--listen",
                fix="Name who may: --allow TITLE@HOST, once for each. Or listen on 127.0.0.1.",
            )
        return cls(title(name, "--listen"), host, port, callers, certificate, authority)


@dataclass(frozen=True)
class Watch:
    """An archive that is asked for what is new.

    Attributes:
        url: The root of its DICOMweb services.
        query: Which studies.
        every: Seconds from one time to the next.
    """

    url: str
    query: Mapping[str, str]
    every: float = 60.0


@dataclass(frozen=True)
class Asked:
    """What a node's command line asks for, as it is typed there.

    Attributes:
        to: Where answers go, as in ``osteon send``.
        title: How the node calls itself where it sends.
        listen: ``TITLE@HOST:PORT`` of its DICOM port.
        allow: Who may send.
        watch: The root of DICOMweb services.
        query: Which studies there.
        health: ``HOST:PORT`` of its page for those who watch servers.
        certificate: TLS certificate of the port (PEM).
        key: Its key.
        authority: Who signs the certificates of those that may send.
    """

    to: str
    title: str | None
    listen: str | None
    allow: tuple[str, ...]
    watch: str | None
    query: tuple[str, ...]
    health: str
    certificate: Path | None = None
    key: Path | None = None
    authority: Path | None = None

    def port(self) -> Listen | None:
        """The DICOM port, if one is asked for.

        Raises:
            InputError: What is said of it does not go together.
        """
        if (self.certificate is None) != (self.key is None) or (self.authority and self.certificate is None):
            raise InputError("a certificate and its key go together", fix="Give --certificate and --key.")
        if self.listen is None:
            return None
        pair = (self.certificate, self.key) if self.certificate and self.key else None
        return Listen.at(self.listen, Callers.parsed(self.allow), pair, self.authority)

    def archive(self) -> Watch | None:
        """The archive to watch, if one is asked for."""
        if self.watch is None:
            return None
        return Watch(self.watch, dicomweb.parsed_query(list(self.query)) if self.query else {})


def host_and_port(said: str, option: str, fix: str) -> tuple[str, int]:
    """The host, "" for every address, and the port of ``HOST:PORT``.

    Raises:
        InputError: It is none.

    >>> host_and_port("127.0.0.1:104", "--listen", "")
    ('127.0.0.1', 104)
    """
    host, colon, port = said.rpartition(":")
    if not colon or not port.isdecimal() or not 0 < int(port) < 65536:
        raise InputError("no address and port", column=option, fix=fix)
    return host.strip("[]"), int(port)


def _addresses(host: str) -> frozenset[str]:
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        raise InputError("a host that has no address", column="--allow", fix="Write TITLE@ADDRESS.") from None
    return frozenset(str(each[4][0]) for each in found)
