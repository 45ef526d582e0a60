"""A picture in parts: where they begin, and what of each is kept."""

from __future__ import annotations


def stretches(length: int, tile: int, rim: int) -> list[tuple[int, int, int]]:
    """Where tiles begin, and the stretch (begin, end) that is taken from each.

    Args:
        length: of the whole, at least ``tile``.
        tile: of a part, more than two rims.
        rim: what a part can't paint as the whole picture would be; its neighbour does.
    """
    starts = sorted({*range(0, length - tile, tile - 2 * rim), length - tile})
    begins = [0, *(s + rim for s in starts[1:])]
    ends = [*begins[1:], length]
    return list(zip(starts, begins, ends, strict=True))
