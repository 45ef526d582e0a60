"""With what a film is encoded: read from what x264 and x265 write into their own streams."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from stylize_video.pipeline.core.frame import Frame
from stylize_video.pipeline.core.groups import EncodingSettings
from stylize_video.pipeline.media.color import BT709
from stylize_video.pipeline.media.encoding import choose_encoding
from stylize_video.pipeline.media.source import SourceInfo
from stylize_video.pipeline.media.writers import VideoWriter

from ...helpers.video import moving_scene

INFO = SourceInfo(
    "in.mp4", 64, 48, Fraction(1, 25), Fraction(25), None, Fraction(0), None,
    BT709, Fraction(1), (), None,
)  # fmt: skip


def encoded(folder: Path, settings: EncodingSettings) -> dict[str, str]:
    """Encode three frames; the encoder's settings, as it wrote them into the first packet."""
    path = folder / "piece"
    writer = VideoWriter(
        path, folder / "o.mp4", INFO, choose_encoding(Path("o.mp4"), settings, INFO)
    )
    for number, picture in enumerate(moving_scene(3)):
        writer.write(Frame(np.ascontiguousarray(picture), number, INFO.time_base, 1))
    writer.close()
    words = re.findall(rb"([a-z_-]+)=([\w.:+-]+)", path.read_bytes())
    return {name.decode(): value.decode() for name, value in words}


@pytest.mark.parametrize(
    ("typed", "effective"),
    [
        ({}, {"subme": "1", "mbtree": "1", "rc_lookahead": "11", "crf": "18.0"}),
        ({"x264-params": "subme=5"}, {"subme": "5", "mbtree": "1", "rc_lookahead": "11"}),
        ({"x264-params": "rc-lookahead=25"}, {"subme": "1", "rc_lookahead": "25"}),
        ({"rc-lookahead": "30", "bf": "1"}, {"rc_lookahead": "30", "bframes": "1"}),
        ({"mbtree": "0"}, {"mbtree": "0", "subme": "1"}),
        ({"crf": "30"}, {"crf": "30.0", "mbtree": "1"}),
        # Who names a preset gets all of it.
        ({"preset": "slow"}, {"subme": "8", "rc_lookahead": "50", "crf": "18.0"}),
        ({"preset": "superfast"}, {"subme": "1", "mbtree": "0"}),
        ({"preset": "slow", "x264-params": "rc-lookahead=5"}, {"subme": "8", "rc_lookahead": "5"}),
        # A tuning keeps what it is for: no frame is looked ahead, or the grain of the film.
        ({"tune": "zerolatency"}, {"subme": "2", "mbtree": "0", "bframes": "0"}),
        ({"tune": "film"}, {"subme": "2", "deblock": "1:-1:-1", "rc_lookahead": "10"}),
    ],
)
def test_what_is_typed_goes_over_the_usual_settings_of_x264(
    tmp_path: Path, typed: dict[str, str], effective: dict[str, str]
):
    written = encoded(tmp_path, EncodingSettings(encoder_option=typed))
    assert {name: written[name] for name in effective} == effective


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize(
    ("typed", "mode"), [({"b": "300000"}, "abr"), ({"qp": "30"}, "cqp"), ({}, "crf")]
)
def test_a_bit_rate_or_a_quantiser_that_is_typed_is_kept(
    tmp_path: Path, codec: str, typed: dict[str, str], mode: str
):
    written = encoded(tmp_path, EncodingSettings(codec=codec, encoder_option=typed))
    assert written["rc"] == mode


def test_crf_counts_beside_a_preset(tmp_path: Path):
    chosen = EncodingSettings(crf=25, encoder_option={"preset": "medium"})
    written = encoded(tmp_path, chosen)
    assert written["crf"] == "25.0" and written["subme"] == "7"


def test_x264_writes_the_same_bytes_for_the_same_frames(tmp_path: Path):
    """By itself it does not, for most films of faint grain as this one."""
    grain = np.random.default_rng(1).integers(40, 52, (48, 64, 1), dtype=np.uint8)
    frames = [np.repeat(grain, 3, axis=2) for _ in range(12)]
    for number, frame in enumerate(frames):
        frame[8:20, 2 * number : 2 * number + 8] = 200
    written: set[bytes] = set()
    for number in range(12):
        path = tmp_path / str(number)
        encoding = choose_encoding(Path("o.mp4"), EncodingSettings.model_validate({}), INFO)
        writer = VideoWriter(path, tmp_path / "o.mp4", INFO, encoding)
        for time, frame in enumerate(frames):
            writer.write(Frame(frame, time, INFO.time_base, 1))
        writer.close()
        written.add(path.read_bytes())
    assert len(written) == 1
