from __future__ import annotations

import pytest
from stylize_video.pipeline.web.requests import RequestError, declared_length, read_json


def test_an_object_is_read():
    assert read_json(b'{"clip": "a", "settings": {"style": ["udnie"]}}')["clip"] == "a"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no",
        b"[1]",
        b'"x"',
        b"\xff",
        b'{"a":' * 100 + b"1" + b"}" * 100,
        b'{"a":' + b"[" * 100 + b"]" * 100 + b"}",
        b"[" * 100_000,
    ],
)
def test_what_is_no_plain_object_is_refused(body: bytes):
    with pytest.raises(RequestError) as caught:
        read_json(body)
    assert caught.value.status == 400
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "status"),
    [(None, 411), ("-1", 400), ("1e3", 400), ("٣", 400), ("101", 413), ("9" * 5000, 413)],
)
def test_lengths_that_are_refused(value: str | None, status: int):
    with pytest.raises(RequestError) as caught:
        declared_length(value, 100)
    assert caught.value.status == status


def test_lengths_that_are_taken():
    assert declared_length("100", 100) == 100
    assert declared_length(None, 100, missing=0) == 0
