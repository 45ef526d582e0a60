"""Time codes: what an editor reads beside the picture, such as 01:00:00:00."""

from __future__ import annotations

import re
from fractions import Fraction

_FORM = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d)")


def advanced(timecode: str, seconds: Fraction, rate: Fraction) -> str:
    """The time code of a later frame.

    Args:
        timecode: of the first frame: ``HH:MM:SS:FF``, or ``HH:MM:SS;FF`` where numbers are dropped
            to stay with the clock (SMPTE 12M). Another form is returned as it is.
        seconds: how much later.
        rate: frames per second.
    """
    found = _FORM.fullmatch(timecode)
    base = round(rate)
    if found is None or not base:
        return timecode
    hours, minutes, whole, mark, number = found.groups()
    count = ((int(hours) * 60 + int(minutes)) * 60 + int(whole)) * base + int(number)
    dropped = base // 15 if mark != ":" else 0  # numbers a minute, but not in every tenth one
    passed = int(hours) * 60 + int(minutes)
    count += round(seconds * rate) - dropped * (passed - passed // 10)
    if dropped:
        tens, rest = divmod(count, base * 600 - 9 * dropped)
        minute = max(0, rest - dropped) // (base * 60 - dropped)
        count += dropped * (9 * tens + minute)
    clock, number = divmod(count, base)
    text = f"{clock // 3600 % 24:02d}:{clock // 60 % 60:02d}:{clock % 60:02d}"
    return f"{text}{mark}{number:02d}"
