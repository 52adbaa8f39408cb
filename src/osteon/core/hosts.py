"""Addresses of machines."""

from __future__ import annotations

from ipaddress import ip_address


def loopback(host: str) -> bool:
    """Whether an address is this machine's own, which nobody else reaches.

    >>> loopback("127.0.0.1"), loopback("::1"), loopback("localhost"), loopback("0.0.0.0"), loopback("")
    (True, True, True, False, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
