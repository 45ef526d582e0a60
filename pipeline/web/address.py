"""Addresses of pages: which ones only this machine reaches, and which one to print."""

from __future__ import annotations

import socket
from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches the address.

    Raises:
        ValueError: ``host`` is not an address.
    """
    return host == "localhost" or ip_address(host).is_loopback


def lan_address(family: socket.AddressFamily = socket.AF_INET) -> str:
    """Find the address at which the local network reaches this machine; else the loopback address.

    A UDP socket that is connected has the address of the interface that leads there. Nothing is
    sent: the destinations are reserved for documentation (RFC 5737, RFC 3849).
    """
    is_v6 = family == socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(("2001:db8::1" if is_v6 else "192.0.2.1", 9))
            return probe.getsockname()[0]
    except OSError:
        return "::1" if is_v6 else "127.0.0.1"


def reachable_host(host: str) -> str:
    """Return the host to print for a page that is bound to ``host``: an address that opens."""
    if host not in ("0.0.0.0", "::"):
        return host
    address = lan_address()
    if host == "::" and is_loopback(address):  # there may be a network with IPv6 only
        return lan_address(socket.AF_INET6)
    return address


def page_url(host: str, port: int, token: str = "") -> str:
    """Return the address to type into a browser.

    Args:
        host: that the page is bound to; of one for the network, an address is printed.
        port: that the page is bound to.
        token: part of the address, unless empty.
    """
    host = reachable_host(host)
    query = f"?token={token}" if token else ""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/{query}"
