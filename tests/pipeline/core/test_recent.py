"""What was used last is remembered, and nothing more."""

from __future__ import annotations

from stylize_video.pipeline.core.recent import Recent


def test_the_value_that_was_not_used_for_longest_is_forgotten() -> None:
    dropped: list[int] = []
    recent = Recent[str, int](2, dropped.append)
    assert recent.get("a", lambda: 1) == 1
    assert recent.get("b", lambda: 2) == 2
    assert recent.get("a", lambda: 9) == 1
    assert recent.get("c", lambda: 3) == 3
    assert dropped == [2]
    recent.clear()
    assert sorted(dropped) == [1, 2, 3]
    assert recent.get("a", lambda: 4) == 4
