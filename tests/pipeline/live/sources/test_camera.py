"""With a camera made of numbers: no machine that tests has one."""

from __future__ import annotations

import time
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.errors import SourceError
from stylize_video.pipeline.core.frame import Frame, as_rgb
from stylize_video.pipeline.live.names import is_camera
from stylize_video.pipeline.live.sources import camera
from stylize_video.pipeline.live.sources.camera import CameraSource, camera_index


class Device:
    """What ``cv2.VideoCapture`` gives: 640x360 whatever is asked for, 100 frames a second."""

    def __init__(self, index: int, backend: int) -> None:
        self.index, self.requested, self.count, self.open = index, dict[int, float](), 0, index == 1
        self.unplugged_after = 40
        self.missing: set[int] = set()

    def isOpened(self) -> bool:  # noqa: N802
        return self.open

    def set(self, what: int, value: float) -> bool:
        self.requested[what] = value
        return False

    def read(self) -> tuple[bool, Any]:
        time.sleep(0.01)
        self.count += 1
        if self.count > self.unplugged_after or self.count in self.missing:
            return False, None
        return True, np.full((360, 640, 3), (10, 20, self.count), np.uint8)

    def release(self) -> None:
        self.open = False


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> list[Device]:
    made: list[Device] = []

    def opened(index: int, backend: int) -> Device:
        made.append(Device(index, backend))
        return made[-1]

    monkeypatch.setattr(cv2, "VideoCapture", opened)
    return made


def test_what_is_a_camera():
    assert [is_camera(x) for x in ("0", "12", "camera:Logi", "camera:3")] == [True] * 4
    assert [is_camera(x) for x in ("123", "0.mp4", "in.mp4", "", "rtsp://0")] == [False] * 5


def test_mjpeg_is_requested_and_the_rate_measured(device: list[Device]):
    source = CameraSource("1", "1280x720", 50)
    requested = device[0].requested
    assert requested[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")
    assert (requested[cv2.CAP_PROP_FRAME_WIDTH], requested[cv2.CAP_PROP_FRAME_HEIGHT]) == (
        1280,
        720,
    )
    assert requested[cv2.CAP_PROP_FPS] == 50
    # What it says of itself is not believed.
    assert (source.info.width, source.info.height) == (640, 360)
    assert 40 < source.info.rate <= 100
    source.close()
    assert not device[0].open


def test_frames_are_rgb_and_stamped_with_their_capture(device: list[Device]):
    source = CameraSource("camera:1", None)
    frames = [x for x in islice(source.items(), 3) if isinstance(x, Frame)]
    assert as_rgb(frames[0].picture)[0, 0].tolist() == [12, 20, 10]
    assert [b.captured - a.captured for a, b in pairwise(frames)] == (
        pytest.approx([0.01, 0.01], abs=0.02)
    )
    assert float(frames[0].time) == pytest.approx(frames[0].captured, abs=1e-5)
    source.close()


def test_a_failed_frame_is_skipped_and_an_unplugged_camera_is_an_error(device: list[Device]):
    source = CameraSource("1", None)
    device[0].missing = {20, 21}
    with pytest.raises(SourceError, match="camera 1 gives no picture"):
        for _ in source.items():
            pass
    assert device[0].count == 43
    source.close()


def test_one_that_is_not_there_is_one_line(device: list[Device], monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(SourceError, match="camera 5 can't be opened"):
        CameraSource("5", None)
    monkeypatch.setattr(camera, "list_cameras", lambda: {0: "Logitech C920", 2: "Screen"})
    assert camera_index("camera:c920") == 0
    with pytest.raises(SourceError, match=r"no such camera; here are 0 \(Logitech C920\), 2"):
        camera_index("camera:Sony")


def test_names_are_read_where_linux_keeps_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for index, name in ((0, "Built-in"), (10, "OBS")):
        folder = tmp_path / f"video{index}"
        folder.mkdir()
        (folder / "name").write_text(name + "\n")
    monkeypatch.setattr(camera, "Path", lambda path: tmp_path)
    assert camera.list_cameras() == {0: "Built-in", 10: "OBS"}
