"""Black is not measured: behind a title and beside a picture it stays dark."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.config import Settings
from stylize_video.pipeline.core.frame import Picture, Rgb, Yuv, YuvMatrix
from stylize_video.pipeline.render import stylize
from stylize_video.pipeline.styles.measured import parts_to_measure
from stylize_video.pipeline.styles.per_shot import paint_picture

from ...helpers.open_styles import open_file
from ...helpers.scenes import texture
from ...helpers.video import MakeClip, read_video
from ...helpers.yuv import to_yuv420


def title() -> Rgb:
    """White letters on black."""
    rgb = np.zeros((360, 640, 3), np.uint8)
    for row, text in enumerate(("DIRECTED BY", "NOBODY", "IN PARTICULAR")):
        place = (60, 120 + 80 * row)
        cv2.putText(rgb, text, place, cv2.FONT_HERSHEY_DUPLEX, 2, (255, 255, 255), 4, cv2.LINE_AA)
    return rgb


def barred(picture: Rgb, rows: int) -> Rgb:
    return np.pad(picture, ((rows, rows), (0, 0), (0, 0)))


@pytest.mark.parametrize("name", ["udnie", "starry-night", "edtaonisl"])
def test_black_behind_a_title_stays_dark(name: str):
    painted = paint_picture(open_file(name), title())
    corner = painted[300:, 500:]
    assert corner.mean() < 70
    assert painted.max() > 180


def test_bars_do_not_change_the_picture_between_them():
    picture = texture(3, 640, 256)
    alone = paint_picture(open_file("udnie"), picture)
    between = paint_picture(open_file("udnie"), barred(picture, 64))[64:-64]
    middle = (slice(48, -48), slice(48, -48))
    assert abs(float(alone[middle].mean()) - float(between[middle].mean())) < 4
    assert abs(float(alone[middle].std()) / float(between[middle].std()) - 1) < 0.08


@pytest.mark.parametrize("canvas", [0.0, 1.0])
def test_a_film_fades_from_black_and_to_black(canvas: float, tmp_path: Path, make_clip: MakeClip):
    """A net would paint fog of black frames: their statistics are not the shot's."""
    gains = np.clip(8 - np.abs(np.linspace(-9, 9, 37)), 0, 6) / 6
    photo = texture(3, 320, 192)
    clip = make_clip("fade.mp4", [(photo * gain).astype(np.uint8) for gain in gains])
    stylize(clip, tmp_path / "out.mkv", Settings(canvas=canvas))
    light = [frame.mean() for frame in read_video(tmp_path / "out.mkv")[0]]
    assert max(light[0], light[1], light[-2], light[-1]) < 8
    assert min(light[12:-12]) > 60
    assert np.diff(light[:10]).min() > -8


def noise(picture: Picture) -> np.ndarray:
    height, width = picture.shape[:2]
    return np.zeros((-(-height // 4), -(-width // 4), 4), np.uint8)


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("size", [(256, 640), (250, 637)])
def test_blocks_are_of_what_is_seen_and_one_of_black(planar: bool, size: tuple[int, int]):
    picture: Picture = barred(texture(3, size[1], size[0]), 64)
    if planar:
        picture = to_yuv420(picture[:, : size[1] // 2 * 2], YuvMatrix(1, 1))
    ((part, canvas),) = parts_to_measure([(picture, noise(picture))], 32, 200_000)
    height, width = part.shape[:2]
    assert height % 32 == width % 32 == 0
    assert canvas.shape == (height // 4, width // 4, 4)
    grey = part.y if isinstance(part, Yuv) else part.max(axis=2)
    blocks = grey.reshape(height // 32, 32, width // 32, 32).mean(axis=(1, 3))
    assert (blocks < 20).sum() == 1
    assert height * width > 0.8 * 256 * 640


def test_a_black_frame_of_a_shot_is_left_out_and_all_parts_have_one_size():
    shown = [barred(texture(s, 320, 128), 64 + 16 * s) for s in range(2)]
    shown[1] = shown[1][16:-16]
    pictures = [np.zeros_like(shown[0]), *shown]
    parts = parts_to_measure([(p, noise(p)) for p in pictures], 32, 200_000)
    assert len(parts) == 2
    assert parts[0][0].shape == parts[1][0].shape


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("size", [(250, 640), (256, 640)])
def test_large_frames_of_a_shot_share_what_is_measured(planar: bool, size: tuple[int, int]):
    """Each row of one of them, in bands of both; black is no part of it."""
    shot: list[Picture] = [np.full((*size, 3), 60 + 90 * t, np.uint8) for t in range(2)]
    if planar:
        shot = [to_yuv420(np.asarray(picture), YuvMatrix(1, 1)) for picture in shot]
    ((part, canvas),) = parts_to_measure([(p, noise(p)) for p in shot], 32, 200_000)
    assert part.shape == shot[0].shape
    assert canvas.shape == noise(part).shape
    grey = part.y if isinstance(part, Yuv) else part[..., 0]
    levels = [np.asarray(p.y if isinstance(p, Yuv) else p[..., 0])[0, 0] for p in shot]
    rows = grey[:, 0]
    assert np.array_equal(np.unique(grey), np.sort(levels))
    assert abs(np.mean(rows == levels[0]) - 0.5) < 0.05


def test_between_bars_large_frames_share_the_blocks():
    shot: list[Picture] = [
        barred(np.full((256, 640, 3), 60 + 90 * t, np.uint8), 64) for t in (0, 1)
    ]
    ((part, _),) = parts_to_measure([(p, noise(p)) for p in shot], 32, 200_000)
    blocks = part[::32, ::32, 0].ravel()
    assert (blocks == 0).sum() == 1
    assert abs(np.mean(blocks == 60) - 0.5) < 0.05
    assert part.shape[0] * part.shape[1] > 0.8 * 256 * 640


def test_small_frames_are_each_measured_whole_and_four_large_ones_in_pairs():
    shot = [(p, noise(p)) for p in (texture(s, 320, 256) for s in range(4))]
    for (whole, _), (picture, _) in zip(parts_to_measure(shot, 32, 400_000), shot, strict=True):
        assert np.array_equal(whole, picture)
    pairs = parts_to_measure(shot, 32, 100_000)
    assert [part.shape for part, _ in pairs] == [(256, 320, 3)] * 2
    assert np.array_equal(pairs[1][0][:64], shot[2][0][:64])
    assert np.array_equal(pairs[1][0][64:128], shot[3][0][64:128])


@pytest.mark.parametrize("shape", [(360, 640, 3), (20, 20, 3), (31, 400, 3)])
def test_black_pictures_and_small_ones_are_measured_whole(shape: tuple[int, int, int]):
    black = np.zeros(shape, np.uint8)
    ((part, _),) = parts_to_measure([(black, noise(black))], 32, 10**6)
    assert np.array_equal(part, black)


def test_most_limits_the_blocks():
    picture = barred(texture(3, 640, 256), 64)
    ((part, _),) = parts_to_measure([(picture, noise(picture))], 32, 20_000)
    assert part.shape[0] * part.shape[1] <= 20_000
