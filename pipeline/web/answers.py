"""What every answer says to the browser, and the icon."""

from __future__ import annotations

from collections.abc import Mapping

_POLICY = {
    "default-src": "'none'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def security_headers(sources: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the headers of every answer.

    Nothing but the page itself may use what is served: no other site frames it, shows its picture
    or learns its address, which may hold a token.

    Args:
        sources: what of the Content-Security-Policy is other than usual, by directive.
    """
    policy = {**_POLICY, **(sources or {})}
    return {
        "Content-Security-Policy": "; ".join(f"{key} {value}" for key, value in policy.items()),
        "X-Frame-Options": "DENY",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


ICON = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16"
rx="3" fill="#111"/><path d="M3 11c3-8 6 4 10-6" fill="none" stroke="#d9a441" stroke-width="3"
stroke-linecap="round"/></svg>"""
"""Answer to ``ICON_PATH``: an SVG."""
ICON_PATH = "/favicon.ico"
"""Browsers ask for it without the token."""
