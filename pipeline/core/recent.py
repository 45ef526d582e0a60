"""Remember what was used last, so much and no more."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The values that were asked for last.

    Args:
        most: values that are remembered.
        drop: called with each value that is forgotten.
    """

    def __init__(self, most: int, drop: Callable[[V], None] | None = None) -> None:
        self._most = most
        self._drop = drop
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value of a key; ``make`` makes it where it is not remembered."""
        if key not in self._values:
            self._values[key] = make()
        self._values.move_to_end(key)
        while len(self._values) > self._most:
            self._forget(self._values.popitem(last=False)[1])
        return self._values[key]

    def clear(self) -> None:
        """Forget all values."""
        while self._values:
            self._forget(self._values.popitem()[1])

    def _forget(self, value: V) -> None:
        if self._drop is not None:
            self._drop(value)
