from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from stylize_video.pipeline.core.files import digest
from stylize_video.pipeline.core.frame import Rgb
from stylize_video.pipeline.imaging.resize import resize_area
from stylize_video.pipeline.media.inputs import open_source
from stylize_video.pipeline.people.find import NETS, find_faces, find_people
from stylize_video.pipeline.people.nets import _room, sha256_of_nets

from ...helpers.scenes import texture


def test_the_files_are_those_that_are_listed():
    listed = sha256_of_nets()
    assert set(listed) == {net for nets in NETS.values() for net in nets}
    for name, sha256 in listed.items():
        assert digest([(_room() / f"{name}.onnx").read_bytes()]) == sha256


@pytest.mark.parametrize("find", [find_people, find_faces])
def test_where_nobody_is_nobody_is_found(find):
    assert find(texture(3, 320, 180), (90, 160)).max() == 0


@pytest.fixture(scope="module")
def juggler(clips_of_everyone: Path) -> Rgb:
    frame = next(open_source(str(clips_of_everyone / "05_default_juggle.mp4")).frames())
    return resize_area(frame.rgb, (360, 640))


@pytest.fixture(scope="module")
def clips_of_everyone(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue("shared") / "videos"


@pytest.mark.real_data
def test_a_person_is_found_from_head_to_foot(juggler: Rgb):
    found = find_people(juggler, (180, 320)) > 0.5
    rows, columns = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    assert rows[0] < 20 and rows[-1] > 160 and columns[0] > 120 and columns[-1] < 230
    assert 0.04 < found.mean() < 0.12


@pytest.mark.real_data
def test_somebody_far_away_is_found_too(juggler: Rgb):
    """A third of the frame's height, in its lower left."""
    small = np.ascontiguousarray(np.tile(juggler[:, :80].mean(1, keepdims=True), (1, 640, 1)))
    frame = small.astype(np.uint8)
    frame[220:346, 40:264] = resize_area(juggler, (126, 224))
    found = find_people(frame, (180, 320)) > 0.5
    there = np.zeros_like(found)
    there[110:173, 20:132] = True
    assert found[there].any() and not found[~there].any()


@pytest.mark.real_data
def test_a_face_is_where_the_head_is(juggler: Rgb):
    people, faces = (find(juggler, (180, 320)) for find in (find_people, find_faces))
    rows, columns = np.nonzero(faces > 0.5)
    top = np.flatnonzero((people > 0.5).any(1))[0]
    assert top - 4 < rows.min() and rows.max() < top + 40
    assert columns.max() - columns.min() < 40 and faces.max() == 1
