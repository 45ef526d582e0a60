"""Films at addresses: read by ranges, written as a whole, and never half-written there."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from stylize_video.cli.output import default_output
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.core.config import checked
from stylize_video.pipeline.core.errors import SinkError, SourceError
from stylize_video.pipeline.live.names import is_live
from stylize_video.pipeline.media.inputs import open_source
from stylize_video.pipeline.media.remote import RemotePlace

from ...helpers.command import one_line, run_command
from ...helpers.video import MakeClip, moving_scene, read_video, write_clip

fsspec: Any = pytest.importorskip("fsspec")

STEP = 2500  # of 1/30000 s: twelve frames a second


def settings(**values: Any) -> Settings:
    return checked(Settings, {"style": "udnie", "device": "cpu", "chunk_seconds": 4} | values, "")


@pytest.fixture
def memory() -> Iterator[Any]:
    """The store ``memory://``, empty."""
    store = fsspec.filesystem("memory")
    store.store.clear()
    yield store
    store.store.clear()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds with a tone, which are divided."""
    return write_clip(
        tmp_path_factory.mktemp("film") / "in.mp4", moving_scene(120, 128, 80), step=STEP
    )


@pytest.fixture(scope="module")
def painted(film: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The film, painted from file to file."""
    out = tmp_path_factory.mktemp("painted") / "out.mp4"
    stylize(film, out, settings())
    return out.read_bytes()


def test_a_film_at_an_address_is_painted_to_another(
    memory: Any, here: Path, film: Path, painted: bytes
):
    memory.pipe_file("/films/in.mp4", film.read_bytes())
    seen: list[list[str]] = []
    result = stylize(
        "memory://films/in.mp4",
        "memory://films/out.mp4",
        settings(),
        on_frame=lambda frame: seen.append(sorted(memory.store)),
    )
    assert result.output == "memory://films/out.mp4" and result.frames == 120
    assert memory.cat_file("/films/out.mp4") == painted
    assert all(names == ["/films/in.mp4"] for names in seen)
    assert sorted(memory.store) == ["/films/in.mp4", "/films/out.mp4"]
    assert list(here.iterdir()) == []


def test_what_is_there_is_replaced_only_with_overwrite(
    memory: Any, here: Path, make_clip: MakeClip
):
    clip = make_clip()
    memory.pipe_file("/out.mp4", b"precious")
    with pytest.raises(SinkError, match=r"output memory://out.mp4 exists; add --overwrite"):
        stylize(clip, "memory://out.mp4", settings())
    stylize(clip, "memory://out.mp4", settings(overwrite=True))
    assert len(memory.cat_file("/out.mp4")) > 1000


def test_what_appears_there_during_the_run_is_not_replaced(
    memory: Any, here: Path, make_clip: MakeClip, caplog: pytest.LogCaptureFixture
):
    result = stylize(
        make_clip(),
        "memory://out.mp4",
        settings(),
        on_frame=lambda frame: memory.pipe_file("/out.mp4", b"precious"),
    )
    assert memory.cat_file("/out.mp4") == b"precious"
    assert len(read_video(Path(result.output))[0]) == result.frames
    assert "output memory://out.mp4 exists" in caplog.text


@pytest.mark.parametrize(
    ("source", "output", "why"),
    [
        ("memory://no.mp4", "out.mp4", "memory://no.mp4 does not exist"),
        ("memory://film.mp4", "memory://film.mp4", "is the input itself"),
        ("memory://film.mp4", "memory://frames", "is a folder; only a film"),
        ("memory://film.mp4", "memory://frames/%05d.png", "is a folder; only a film"),
        ("memory://film.mp4", "memory://out.mp5", "'.mp5' is no known kind"),
        (
            "memory://film.mp4",
            "s4://bucket/out.mp4",
            "'s4://' is no known kind of address; did you",
        ),
        ("rtps://camera/one", "out.mp4", "did you mean 'rtsps'"),
        ("memory://picture.png", "out.mp4", "is a picture: only films are read from an address"),
        ("memory://text.mp4", "out.mp4", "is not a video that FFmpeg can read"),
        ("file:///nowhere/in.mp4", "out.mp4", "does not exist"),
        ("memory://film.mp4", "file:///nowhere/out.mp4", "there is no /nowhere"),
    ],
)
def test_what_can_not_be_read_or_written_is_said(
    memory: Any, here: Path, film: Path, source: str, output: str, why: str
):
    memory.pipe_file("/film.mp4", film.read_bytes())
    memory.pipe_file("/text.mp4", b"no film" * 1000)
    with pytest.raises((SourceError, SinkError)) as error:
        stylize(source, output, settings(overwrite=True))
    assert why in str(error.value) and "\n" not in str(error.value)
    assert list(here.iterdir()) == []


def test_without_fsspec_a_line_says_what_to_install(
    here: Path, film: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(SourceError, match=r"pip install 'stylize-video\[cluster\]'"):
        stylize("s3://bucket/in.mp4", "out.mp4", settings())
    with pytest.raises(SinkError, match=r"pip install 'stylize-video\[cluster\]'"):
        stylize(film, "s3://bucket/out.mp4", settings())


def test_a_stopped_run_puts_nothing_there_and_the_next_one_goes_on(
    memory: Any, here: Path, film: Path, painted: bytes, caplog: pytest.LogCaptureFixture
):
    stop, seen = threading.Event(), list[object]()

    def count(frame: object) -> None:
        seen.append(frame)
        if len(seen) == 70:
            stop.set()

    result = stylize(film, "memory://out.mp4", settings(), on_frame=count, stop=stop)
    assert result.stopped and len(read_video(Path(result.output))[0]) == 70
    assert not memory.store
    stylize(film, "memory://out.mp4", settings())
    assert "frames are painted already" in caplog.text
    assert memory.cat_file("/out.mp4") == painted
    assert list(here.iterdir()) == []


def test_an_upload_that_fails_loses_nothing(
    memory: Any, here: Path, film: Path, painted: bytes, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:

        def fail(here: str, there: str) -> None:
            memory.pipe_file(there, b"half of it")
            raise RuntimeError("the line is dead\nsays the store")

        patch.setattr(type(memory), "put_file", lambda self, *names: fail(*names))
        with pytest.raises(SinkError) as error:
            stylize(film, "memory://out.mp4", settings())
    assert "memory://out.mp4 can't be written: the line is dead; " in str(error.value)
    assert "120 frames are painted: run the same command again" in str(error.value)
    assert not memory.store
    seen: list[object] = []
    stylize(film, "memory://out.mp4", settings(), on_frame=seen.append)
    assert not seen and memory.cat_file("/out.mp4") == painted
    assert list(here.iterdir()) == []


def test_a_source_that_is_replaced_is_noticed(memory: Any, here: Path, film: Path):
    memory.pipe_file("/in.mp4", film.read_bytes())
    seen: list[object] = []

    def replace(frame: object) -> None:
        seen.append(frame)
        if len(seen) == 70:
            memory.pipe_file("/in.mp4", film.read_bytes() + b"more")

    result = stylize("memory://in.mp4", "out.mp4", settings(), on_frame=replace)
    assert any("memory://in.mp4" in line and "overwritten" in line for line in result.losses)


def test_a_source_that_has_changed_begins_again(
    memory: Any, here: Path, film: Path, caplog: pytest.LogCaptureFixture
):
    memory.pipe_file("/in.mp4", film.read_bytes())
    seen: list[object] = []

    def die(frame: object) -> None:
        seen.append(frame)
        if len(seen) == 70:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stylize("memory://in.mp4", "out.mp4", settings(), on_frame=die)
    memory.pipe_file("/in.mp4", film.read_bytes())
    stylize("memory://in.mp4", "out.mp4", settings())
    assert "begins again (the source has changed)" in caplog.text


def test_one_picture_can_be_put_there(memory: Any, here: Path, tmp_path: Path):
    import cv2

    cv2.imwrite(str(tmp_path / "in.png"), moving_scene(1)[0])
    stylize(tmp_path / "in.png", "memory://out.png", checked(Settings, {"style": "udnie"}, ""))
    assert memory.cat_file("/out.png")[1:4] == b"PNG"


def test_names_say_what_is_live():
    plain = settings()
    assert not is_live("s3://bucket/in.mp4", "gs://bucket/out.mp4", plain)
    assert not is_live("in.mp4", "S3://bucket/out.mp4", plain)
    assert is_live("in.mp4", "rtmp://here/x", plain)
    assert is_live("http://camera/x", "s3://bucket/out.mp4", plain)
    assert is_live("s3://bucket/in.mp4", "window", plain)


def test_a_name_for_the_output_is_one_of_the_current_folder(here: Path):
    assert default_output("s3://bucket/films/in.mov", settings()) == "in-udnie.mov"


def test_the_work_is_found_again_by_the_address():
    names = [RemotePlace(f"memory://{n}/out.mp4").local.name for n in ("a", "b", "a")]
    assert names[0] == names[2] != names[1]
    assert all(name.startswith("out-") and name.endswith(".mp4") for name in names)


class Sparse(fsspec.AbstractFileSystem):
    """A store of one film with a box of two gigabytes in its middle; counts what it sends."""

    protocol = "sparse"
    cachable = False
    pieces: tuple[bytes, int, bytes] = (b"", 0, b"")
    sent: ClassVar[list[int]] = []

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        head, gap, tail = self.pieces
        return {"name": path, "type": "file", "size": len(head) + gap + len(tail)}

    def cat_file(self, path: str, *, start: int, end: int, **kwargs: Any) -> bytes:
        head, gap, tail = self.pieces
        assert end - start <= 1 << 20
        self.sent.append(end - start)
        data = head[start:end]
        begin = len(head) + gap
        data += bytes(max(0, min(end, begin) - max(start, len(head))))
        return data + tail[max(0, start - begin) : max(0, end - begin)]


GAP = 2 << 30


def divided(film: bytes, gap: int = GAP) -> tuple[bytes, bytes]:
    """An MP4 before its index, with the head of a box of the size ``gap``; and its index."""
    place = 0
    while film[place + 4 : place + 8] != b"moov":
        place += int.from_bytes(film[place : place + 4], "big")
    box = (1).to_bytes(4, "big") + b"free" + gap.to_bytes(8, "big")
    return film[:place] + box, film[place:]


def test_a_large_film_is_read_by_ranges(here: Path, film: Path, painted: bytes):
    fsspec.register_implementation("sparse", Sparse, clobber=True)
    head, index = divided(film.read_bytes())
    Sparse.pieces, Sparse.sent = (head, GAP - 16, index), []
    stylize("sparse://film.mp4", "out.mp4", settings())
    assert (here / "out.mp4").read_bytes() == painted
    assert sum(Sparse.sent) < 20 << 20


def test_frames_are_those_of_the_file(memory: Any, film: Path):
    memory.pipe_file("/in.mp4", film.read_bytes())
    far, near = open_source("memory://in.mp4"), open_source(str(film))
    assert far.seeks
    pairs = zip(far.frames(), near.frames(), strict=True)
    assert all(a.pts == b.pts and (a.rgb == b.rgb).all() for a, b in pairs)


def test_the_command_prints_the_address(here: Path, film: Path, tmp_path: Path):
    address = f"file://{tmp_path}/out.mp4"
    done = run_command(f"file://{film}", address, "--style", "udnie", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert f"wrote {address}: 120 frames" in done.stdout + done.stderr
    assert len(read_video(tmp_path / "out.mp4")[0]) == 120
    assert "exists" in one_line(run_command(film, address, "--style", "udnie"))


@pytest.fixture(scope="module")
def s3() -> Iterator[Server]:
    """A real server of S3 on this computer, with the bucket ``films``."""
    pytest.importorskip("s3fs")
    pytest.importorskip("moto", reason="a local S3 server: pip install 'moto[s3,server]'")
    with pytest.MonkeyPatch.context() as patch:
        server = Server()
        patch.setenv("AWS_ENDPOINT_URL", server.url)
        patch.setenv("AWS_ACCESS_KEY_ID", "someone")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        store = fsspec.filesystem("s3", skip_instance_cache=True)
        store.mkdir("films")
        server.store = store
        yield server
        server.close()


class Server:
    """Counts the bytes of the objects that it sends."""

    def __init__(self) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        app = DomainDispatcherApplication(create_backend_app)

        def counting(environ: Any, respond: Any) -> Any:
            for part in app(environ, respond):
                self.sent += len(part) if environ["REQUEST_METHOD"] == "GET" else 0
                yield part

        self.sent = 0
        self.store: Any = None
        self._server = make_server("127.0.0.1", 0, counting, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def test_a_film_is_read_from_s3_and_written_to_it(
    s3: Server, here: Path, film: Path, painted: bytes
):
    head, index = divided(film.read_bytes(), gap=100 << 20)
    s3.store.pipe_file("films/in.mp4", head + bytes((100 << 20) - 16) + index)
    s3.sent = 0
    result = stylize("s3://films/in.mp4", "s3://films/made/out.mp4", settings())
    assert result.output == "s3://films/made/out.mp4"
    assert s3.sent < 10 << 20
    s3.store.invalidate_cache()
    assert s3.store.cat_file("films/made/out.mp4") == painted
    assert s3.store.info("films/made/out.mp4")["ContentType"] == "video/mp4"
    assert list(here.iterdir()) == []


def test_what_s3_refuses_is_said(s3: Server, here: Path, film: Path):
    with pytest.raises(SinkError, match=r"s3://nobucket/out.mp4: there is no nobucket"):
        stylize(film, "s3://nobucket/out.mp4", settings())
    with pytest.raises(SourceError, match=r"s3://films/none.mp4 does not exist"):
        stylize("s3://films/none.mp4", "out.mp4", settings())
    s3.store.pipe_file("films/there.mp4", b"precious")
    with pytest.raises(SinkError, match=r"s3://films/there.mp4 exists; add --overwrite"):
        stylize(film, "s3://films/there.mp4", settings())


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (["s3://films/a.mp4", "in.mp4", "--to", "made"], "s3://films/a.mp4 is no file; with --to"),
        (["in.mp4", "--to", "s3://films/made"], "is no folder; give one"),
    ],
)
def test_a_batch_is_of_this_computer(here: Path, film: Path, typed: list[str], why: str):
    (here / "in.mp4").symlink_to(film)
    done = run_command(*typed, "--style", "udnie", "--end", "0.2")
    assert done.returncode == 1 and why in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(here.glob("s3*"))
