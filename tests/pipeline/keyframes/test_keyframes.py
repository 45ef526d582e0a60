"""Key frames: which are chosen, that none is painted twice, and what is carried between them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.config import Settings
from stylize_video.pipeline.core.errors import SettingsError, SinkError, SourceError, StylizeError
from stylize_video.pipeline.core.frame import Frame, Rgb
from stylize_video.pipeline.keyframes.paint import PaintTask, find_paintings
from stylize_video.pipeline.keyframes.propagate import propagate
from stylize_video.pipeline.keyframes.run import Pairs
from stylize_video.pipeline.keyframes.select import (
    KeyframeScheduler,
    listed_times,
    select_keyframes,
)
from stylize_video.pipeline.render import stylize
from stylize_video.pipeline.temporal.flow import Dis
from stylize_video.pipeline.temporal.trajectory import measure_flow_pair, no_motion

from ...helpers.command import run_command
from ...helpers.pictures import psnr
from ...helpers.scenes import texture
from ...helpers.video import MakeClip, Pictures, read_video

WIDTH, HEIGHT = 160, 96


def pan(count: int, step: float = 2.0, seed: int = 0) -> Pictures:
    """A camera that moves over a picture, ``step`` px a frame."""
    wide = cv2.GaussianBlur(texture(seed, 640, 240), (0, 0), 1.2)
    shots = [
        cv2.getRectSubPix(wide, (WIDTH, HEIGHT), (120 + step * n, 110.0)) for n in range(count)
    ]
    return [np.ascontiguousarray(shot, np.uint8) for shot in shots]


def frames(pictures: Pictures, cuts: tuple[int, ...] = (0,)) -> list[Frame]:
    return [Frame(p, n, Fraction(1, 25), 1, n in cuts) for n, p in enumerate(pictures)]


def negative(rgb: Rgb) -> Rgb:
    return 255 - rgb


class Negatives:
    """A backend that paints negatives, and counts."""

    key = "negative"
    learn_key = "the identity"

    def __init__(self, fails_after: int | None = None) -> None:
        self.tasks: list[PaintTask] = []
        self.pairs: list[tuple[Path, Path]] = []
        self._fails_after = fails_after

    def painter(self, settings: Settings, mask: Rgb | None) -> Negatives:
        return self

    def paint(self, task: PaintTask, checkpoint: Path) -> Rgb:
        if len(self.tasks) == self._fails_after:
            raise StylizeError("the power went")
        self.tasks.append(task)
        return negative(task.rgb)

    def learn(self, pairs: Pairs, name: str, out: Path, checkpoint: Path) -> None:
        from ...helpers.onnx_files import write_contract_model

        self.pairs = list(pairs)
        write_contract_model(out)

    def on_frame(self, frame: Frame) -> None:
        pass

    def on_painted(self, done: int, total: int) -> None:
        pass


def rendered(
    clip: Path, out: Path, backend: Negatives, **settings: object
) -> tuple[Pictures, list[Fraction]]:
    values = {"method": "gatys", "crf": 0, "overwrite": True, **settings}
    asked = Settings.model_validate({k: v for k, v in values.items() if v is not None})
    stylize(clip, out, asked, backend=backend)
    return read_video(out)


# ---- choosing ----


def test_ways_add_up():
    shown = pan(7)
    way = no_motion(HEIGHT, WIDTH)
    for before, now in pairwise(shown):
        way = measure_flow_pair(now, before, Dis()).backward.chain(way)
    inside = way.vectors[10:-10, 10:-30]
    assert np.abs(inside[..., 0] - 12).mean() < 0.3  # six frames of two pixels
    assert np.abs(inside[..., 1]).mean() < 0.3
    assert way.trust[10:-10, -8:].max() == 0  # the first frame does not show the right edge
    assert way.trust[20:-20, 20:-40].mean() > 0.7


def test_a_key_begins_each_shot_and_comes_when_much_is_new(tmp_path: Path):
    pictures = pan(40, 4.0) + pan(20, 0.0, seed=1)
    keys = list(
        select_keyframes(
            frames(pictures, (0, 40)), KeyframeScheduler(1.2), Dis(), tmp_path, lambda frame: None
        )
    )
    assert [key.first for key in keys].count(True) == 2
    assert keys[0].number == 1
    numbers = [key.number for key in keys]
    assert 41 in numbers
    assert 4 <= len(keys) <= 8  # the pan shows a new picture after 40 frames; the still none
    assert not [n for n in numbers if n > 41]
    np.testing.assert_array_equal(keys[0].rgb, pictures[0])


def test_a_key_comes_after_so_many_seconds(tmp_path: Path):
    still_shot = frames(pan(50, 0.0))
    keys = list(
        select_keyframes(still_shot, KeyframeScheduler(0.8), Dis(), tmp_path, lambda frame: None)
    )
    assert [key.number for key in keys] == [1, 21, 41]


def test_listed_keys_are_those_listed(tmp_path: Path):
    due = KeyframeScheduler(2, listed_times("0,0.41,1.2"))
    keys = list(select_keyframes(frames(pan(50, 5.0)), due, Dis(), tmp_path, lambda frame: None))
    assert [key.number for key in keys] == [1, 11, 31]


def test_what_is_neither_a_folder_nor_times_is_one_line(make_clip: MakeClip, tmp_path: Path):
    with pytest.raises(SettingsError, match="neither a folder of painted frames nor times"):
        listed_times("first")
    (tmp_path / "painted").mkdir()
    with pytest.raises(SourceError, match="holds no pictures"):
        find_paintings(tmp_path / "painted")
    cv2.imwrite(str(tmp_path / "painted/blue.png"), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(SourceError, match=r"blue\.png has no number"):
        find_paintings(tmp_path / "painted")


# ---- painting ----


def test_a_later_key_is_given_the_one_before_carried_there(make_clip: MakeClip, tmp_path: Path):
    shown = pan(24)
    backend = Negatives()
    rendered(make_clip(frames=shown), tmp_path / "out.mp4", backend, key_every=0.2)
    first, second, third = backend.tasks[:3]
    assert not first.earlier
    assert [len(second.earlier), len(third.earlier)] == [1, 2]
    moved, trust = second.earlier[0].painted, second.earlier[0].trust
    wanted = negative(second.rgb)
    seen = trust > 0.8
    assert seen.mean() > 0.5
    assert psnr(moved[seen], wanted[seen]) > 28


def test_nothing_is_painted_twice(make_clip: MakeClip, tmp_path: Path):
    """What is done when the power goes is found by the next run."""
    clip, out = make_clip(frames=pan(24)), tmp_path / "out.mp4"
    broken = Negatives(fails_after=2)
    with pytest.raises(StylizeError, match="the power went"):
        rendered(clip, out, broken, key_every=0.2)
    assert not out.exists()
    again = Negatives()
    rendered(clip, out, again, key_every=0.2)
    once_more = Negatives()
    rendered(clip, out, once_more, key_every=0.2)
    whole = Negatives()
    rendered(clip, tmp_path / "other.mp4", whole, key_every=0.2)
    assert len(broken.tasks) + len(again.tasks) == len(whole.tasks)
    assert not once_more.tasks
    assert out.read_bytes() == (tmp_path / "other.mp4").read_bytes()


def test_what_a_killed_run_left_is_cleared_away(make_clip: MakeClip, tmp_path: Path):
    left = tmp_path / "out.keyframes/.work"
    left.mkdir(parents=True)
    (left / "000001.png").write_bytes(b"half")
    rendered(make_clip(frames=pan(4)), tmp_path / "out.mp4", Negatives())
    assert [path.suffix for path in left.parent.iterdir()] == [".png"]


def test_passes_go_to_and_fro(make_clip: MakeClip, tmp_path: Path):
    backend = Negatives()
    rendered(make_clip(frames=pan(24)), tmp_path / "out.mp4", backend, key_every=0.2, key_passes=2)
    half = len(backend.tasks) // 2
    forward, backward = backend.tasks[:half], backend.tasks[half:]
    assert [x.rgb.tobytes() for x in backward] == [x.rgb.tobytes() for x in forward[::-1]]
    assert all(x.own is None for x in forward)
    assert all(x.own is not None for x in backward)
    assert [len(x.earlier) for x in backward][:2] == [0, 1]
    carried = backward[1].earlier[0]
    seen = carried.trust > 0.8
    assert psnr(carried.painted[seen], negative(backward[1].rgb)[seen]) > 28


def test_masks_are_shown_beside_the_key_frames(make_clip: MakeClip, tmp_path: Path):
    mask = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    mask[:, : WIDTH // 2] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    backend = Negatives()
    rendered(
        make_clip(frames=pan(6)),
        tmp_path / "out.mp4",
        backend,
        content_mask=str(tmp_path / "mask.png"),
        style_mask=[str(tmp_path / "mask.png")],
    )
    np.testing.assert_array_equal(backend.tasks[0].mask, mask)


# ---- carrying ----


def test_a_carried_pan_is_as_if_every_frame_were_painted(make_clip: MakeClip, tmp_path: Path):
    shown = pan(30)
    found, times = rendered(make_clip(frames=shown), tmp_path / "out.mp4", Negatives())
    assert len(found) == 30
    assert len(set(times)) == 30
    for number, (picture, source) in enumerate(zip(found, shown, strict=True)):
        assert psnr(picture, negative(source)) > 26, number


def test_two_shots_never_mix(make_clip: MakeClip, tmp_path: Path):
    dark, bright = pan(15), [np.full((HEIGHT, WIDTH, 3), 240, np.uint8)] * 15
    found, _ = rendered(make_clip(frames=dark + bright), tmp_path / "out.mp4", Negatives())
    for picture in found[15:]:
        assert np.abs(picture.astype(int) - 15).mean() < 4


def test_an_object_that_comes_in_leaves_no_ghost(tmp_path: Path):
    """No key frame shows it: it is shown as itself in the painting's colours."""
    ground = pan(1)[0]
    shown = [ground.copy() for _ in range(9)]
    for n, picture in enumerate(shown):
        if n in (3, 4, 5):
            picture[30:60, 20 * n - 20 : 20 * n + 10] = (230, 30, 30)
    cv2.imwrite(str(tmp_path / "1.png"), negative(ground)[..., ::-1])
    cv2.imwrite(str(tmp_path / "9.png"), negative(ground)[..., ::-1])
    stage = propagate(frames(shown), find_paintings(tmp_path), Dis())
    found = [frame.rgb for frame in stage]
    inside = found[4][36:54, 66:84]
    assert np.abs(inside.astype(int) - (25, 225, 225)).mean() < 60
    for n in (1, 7):
        assert psnr(found[n], negative(ground)) > 35


def test_painted_frames_of_an_artist_play_without_a_backend(make_clip: MakeClip, tmp_path: Path):
    shown = pan(20)
    folder = tmp_path / "painted"
    folder.mkdir()
    for n in (1, 20):
        large = cv2.resize(negative(shown[n - 1]), None, fx=2, fy=2)
        cv2.imwrite(str(folder / f"frame-{n:03d}.png"), large[..., ::-1])
    out = tmp_path / "out.mp4"
    done = run_command(
        "run", make_clip(frames=shown), out, "--keyframes", folder, "--crf", "0", "--quiet"
    )
    assert done.returncode == 0, done.stderr
    found, _ = read_video(out)
    for picture, source in zip(found, shown, strict=True):
        assert psnr(picture, negative(source)) > 24


def test_carried_by_a_net_it_is_that_net_that_plays(make_clip: MakeClip, tmp_path: Path):
    shown = pan(20)
    backend = Negatives()
    style = tmp_path / "learned.onnx"
    found, _ = rendered(
        make_clip(frames=shown),
        tmp_path / "out.mp4",
        backend,
        between="net",
        save_style=style,
        key_every=0.4,
        steady="off",
    )
    assert style.is_file()
    assert len(backend.pairs) == len(backend.tasks)
    assert psnr(found[3], shown[3]) > 35  # this backend's net gives the picture back


def test_a_net_is_learned_once(make_clip: MakeClip, tmp_path: Path):
    clip = make_clip(frames=pan(6))
    first, second = Negatives(), Negatives()
    for backend in (first, second):
        rendered(clip, tmp_path / "out.mp4", backend, between="net", steady="off")
    assert first.pairs
    assert not second.pairs


def test_a_long_way_to_the_next_key_frame_is_not_held(tmp_path: Path):
    """Memory does not grow with it: a frame comes out as it goes in."""
    shown = frames(pan(6, 1.0))
    cv2.imwrite(str(tmp_path / "1.png"), negative(shown[0].rgb)[..., ::-1])
    taken: list[int] = []

    def source() -> Generator[Frame]:
        for frame in shown:
            taken.append(frame.pts)
            yield frame

    with closing(propagate(source(), find_paintings(tmp_path), Dis())) as found:
        next(found)
        assert taken == [0]
        next(found)
        assert taken == [0, 1]


def test_what_came_before_a_break_is_shown(tmp_path: Path):
    shown = frames(pan(6, 1.0))
    for n in (1, 40):
        cv2.imwrite(str(tmp_path / f"{n}.png"), negative(shown[0].rgb)[..., ::-1])

    def source() -> Generator[Frame]:
        yield from shown
        raise SourceError("it breaks off")

    carrier = propagate(source(), find_paintings(tmp_path), Dis())
    kept: list[Frame] = []
    with pytest.raises(SourceError, match="breaks off"):
        for frame in carrier:
            kept.append(frame)  # noqa: PERF402 - extend drops what came before the error
    assert len(kept) == 6


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"save_style": "s.onnx"}, "--between net"),
        ({"save_style": "s.pt", "between": "net"}, "must end in .onnx"),
        ({"save_style": "no/s.onnx", "between": "net"}, "folder does not exist"),
        ({"method": "auto", "between": "net"}, "learns from key frames"),
        ({"method": "auto", "keyframes": "0,1.5"}, "--method gatys"),
        ({"keyframes": "paintd/"}, "neither a folder"),
    ],
)
def test_what_does_not_go_together_is_told_before_any_work(
    make_clip: MakeClip, tmp_path: Path, asked: dict[str, str], told: str
):
    if "save_style" in asked:
        asked = asked | {"save_style": str(tmp_path / asked["save_style"])}
    backend = Negatives()
    with pytest.raises(SettingsError, match=told):
        rendered(make_clip(frames=pan(3)), tmp_path / "o.mp4", backend, **asked)
    assert not backend.tasks


def test_a_style_that_exists_is_kept(make_clip: MakeClip, tmp_path: Path):
    (tmp_path / "s.onnx").write_bytes(b"mine")
    with pytest.raises(SinkError, match="--overwrite"):
        rendered(
            *(make_clip(frames=pan(3)), tmp_path / "o.mp4", Negatives()),
            between="net",
            save_style=tmp_path / "s.onnx",
            overwrite=False,
        )
    assert (tmp_path / "s.onnx").read_bytes() == b"mine"


def test_two_paintings_of_one_frame_are_refused(tmp_path: Path):
    for name in ("000001-aa.png", "1.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(SourceError, match="both frame 1"):
        find_paintings(tmp_path)


def test_the_last_number_counts_after_a_name(tmp_path: Path):
    for name in ("shot1_0001.png", "shot1_0002.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((4, 4, 3), np.uint8))
    assert sorted(find_paintings(tmp_path)) == [1, 2]


def test_paintings_of_other_frames_are_told(tmp_path: Path):
    cv2.imwrite(str(tmp_path / "900.png"), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(SettingsError, match="No key frame lies between"):
        list(propagate(frames(pan(3)), find_paintings(tmp_path), Dis()))


def test_key_frames_are_numbered_by_the_film_whatever_start_is(make_clip: MakeClip, tmp_path: Path):
    shown, folder = pan(20), tmp_path / "painted"
    folder.mkdir()
    cv2.imwrite(str(folder / "000011.png"), negative(shown[10])[..., ::-1])
    clip = make_clip(frames=shown)
    part = {"start": "0.3", "end": "0.5"}  # frames 10 to 15, counted from 1
    out = tmp_path / "out.mp4"
    found, _ = rendered(clip, out, Negatives(), method=None, keyframes=str(folder), **part)
    assert psnr(found[1], negative(shown[10])) > 36
    backend = Negatives()
    rendered(clip, tmp_path / "own.mp4", backend, **part)
    numbers = {int(p.name[:6]) for p in (tmp_path / "own.keyframes").glob("*.png")}
    assert min(numbers) == 10 and max(numbers) <= 15


def test_a_painting_of_another_shape_is_refused(make_clip: MakeClip, tmp_path: Path):
    folder = tmp_path / "painted"
    folder.mkdir()
    cv2.imwrite(str(folder / "000001.png"), np.zeros((96, 96, 3), np.uint8))
    with pytest.raises(SettingsError, match=r"000001.png is 96x96, but the film is 160x96"):
        rendered(
            make_clip(frames=pan(3)), tmp_path / "out.mp4", Negatives(), method=None,
            keyframes=str(folder),
        )  # fmt: skip
