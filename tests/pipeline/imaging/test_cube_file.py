"""Whatever is called ``.cube``: a table, or one line that says what is wrong with it."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from stylize_video.pipeline.core.errors import ModelError
from stylize_video.pipeline.imaging.cube_file import read_cube
from stylize_video.pipeline.imaging.lut import identity, write_cube

ROWS = "0 0 0\n1 0 0\n0 1 0\n1 1 0\n0 0 1\n1 0 1\n0 1 1\n1 1 1\n"
SIZE = "LUT_3D_SIZE 2\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "it has no numbers"),
        (b"hello\n", "it has no numbers"),
        (bytes(range(256)) * 100, "no 3D .cube file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(9000), "no 3D .cube file"),
        (ROWS, "it does not say LUT_3D_SIZE"),
        ("LUT_1D_SIZE 2\n0 0 0\n1 1 1\n", "it is a 1D table"),
        ("LUT_3D_SIZE 100000\n" + ROWS, "LUT_3D_SIZE 100000, where 2 to 256 are read"),
        ("LUT_3D_SIZE " + "9" * 5000 + "\n" + ROWS, "LUT_3D_SIZE 9{20}, where"),
        ("LUT_3D_SIZE 1\n0 0 0\n", "LUT_3D_SIZE 1, where"),
        ("LUT_3D_SIZE -2\n" + ROWS, "LUT_3D_SIZE -2, where"),
        ("LUT_3D_SIZE two\n" + ROWS, "LUT_3D_SIZE two, where"),
        ("LUT_3D_SIZE\n" + ROWS, "it does not say LUT_3D_SIZE"),
        (SIZE + ROWS[:-6], "it has 7 of 8 rows"),
        (SIZE + ROWS[:-3], "it has 7.66667 of 8 rows"),
        (SIZE, "it has no numbers"),
        (SIZE + ROWS + "0 0 0\n", "it has more than 8 rows"),
        (SIZE + ROWS.replace("1 1 1", "1 1 x"), "a word is no number"),
        (SIZE + ROWS.replace("1 1 1", "1 1 --1"), "a word is no number"),
        (SIZE + ROWS.replace("1 1 1", "1 1 nan"), "a number is infinite, or none"),
        (SIZE + ROWS.replace("1 1 1", "nan 1 1"), "a number is infinite, or none"),
        (SIZE + ROWS.replace("1 1 1", "1 -inf 1"), "a number is infinite, or none"),
        (SIZE + ROWS.replace("1 1 1", "1 1e999 1"), "a number is infinite, or none"),
        (SIZE + "# x\n" * 400_000 + ROWS, "no numbers in the first"),
        ("x" * 20_000, "it has no lines"),
        (SIZE + "1 " * 2_000_000, "it has no lines|more than 8 rows"),
        (SIZE + "DOMAIN_MAX 2 2 2\n" + ROWS, "has the domain 0 0 0 2 2 2 0 1; 0 to 1"),
        (SIZE + "DOMAIN_MAX x\n" + ROWS, "has the domain"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_table_is_a_line(tmp_path: Path, text: str | bytes, why: str):
    path = tmp_path / "x.cube"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    began = time.process_time()
    with pytest.raises(ModelError, match=why) as error:
        read_cube(path)
    assert time.process_time() - began < 1
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    "text",
    [
        SIZE + ROWS,
        "\ufeff" + SIZE + ROWS,
        SIZE + ROWS.replace("\n", "\r\n"),
        (SIZE + ROWS).replace("\n", "\r"),
        SIZE + ROWS[:-1],
        SIZE + ROWS.replace("1 1 1", "1.0e0  1E+0\t1.  # white"),
        'TITLE "1 # 2"\n# LUT_3D_SIZE 9\n\n  LUT_3D_SIZE 2  # two\n' + ROWS,
        SIZE + "DOMAIN_MIN 0 0 0\nDOMAIN_MAX 1 1 1\nLUT_3D_INPUT_RANGE 0.0 1.0\n" + ROWS,
        SIZE + ROWS.replace("0 0 1", "# half\n\n0 0 1"),
    ],
)
def test_a_table_as_programs_write_it(tmp_path: Path, text: str):
    path = tmp_path / "x.cube"
    path.write_bytes(text.encode())
    assert np.array_equal(read_cube(path), identity(2))


def test_a_comment_that_is_not_utf8(tmp_path: Path):
    path = tmp_path / "x.cube"
    path.write_bytes(b"# caf\xe9\n" + (SIZE + ROWS).encode())
    assert np.array_equal(read_cube(path), identity(2))


def test_memory_does_not_grow_with_the_text(tmp_path: Path):
    """Of 65³ points the text has 8 MB, and words of it as objects would be 40."""
    path = tmp_path / "x.cube"
    table = np.random.default_rng(1).random((65, 65, 65, 3), np.float32)
    write_cube(table, path, "noise")
    tracemalloc.start()
    try:
        read = read_cube(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.abs(read - table).max() < 1e-6
    assert peak < 30e6
