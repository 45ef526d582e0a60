"""Films that are stored elsewhere, read and written through fsspec: ``s3://bucket/film.mp4``.

A source is read by the byte ranges that FFmpeg asks for, and never as a whole. An output is made
here, and appears there when it is complete. Accounts and endpoints are fsspec's own business.
"""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from av.codec.hwaccel import HWAccel
from av.container import InputContainer

from ..core.address import NETWORK, file_name, scheme_of
from ..core.errors import SinkError, SourceError, StylizeError, nearest, reason
from ..core.files import digest, neighbour
from .container import open_container
from .source_file import StoredFile

_BLOCK = 1 << 20  # bytes: one request; a film of 8 Mbit/s needs one a second
_BLOCKS = 32  # that are remembered: several readers are at different places, and all read the index

# Stores in which an object appears when its upload is complete; elsewhere it is renamed then.
_WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "oci", "r2", "hf"})
_HIDDEN = "hidden"  # the store does not say what is there
_STAMPS = (
    "ETag",
    "etag",
    "md5Hash",
    "LastModified",
    "last_modified",
    "mtime",
    "updated",
    "created",
)


class RemoteFile(StoredFile):
    """A stored film, as a ``MediaFile``.

    Args:
        name: its address.

    Raises:
        SourceError: it is not there, or can't be reached.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._files, self._path = _opened(name, SourceError)
        with _reaching(name, SourceError, "read"):
            found = self._files.info(self._path)
        if found["type"] == "directory" or found.get("size") is None:
            raise SourceError(f"{name} is no file; give the address of a film")
        self._found = _Found.of(found)
        self._block = lru_cache(_BLOCKS)(self._fetch)

    @property
    def fingerprint(self) -> str:
        """Changes with its bytes, as far as the store says."""
        return digest([repr((self._path, self._found)).encode()])

    @property
    def size(self) -> int:
        """See ``StoredFile``."""
        return self._found.size

    @property
    def is_truncated(self) -> bool:
        """See ``MediaFile``."""
        now = self._now()
        return now is not None and now.size < self.size

    @property
    def is_overwritten(self) -> bool:
        """See ``MediaFile``: another file has its address."""
        return self._now() not in (None, self._found)

    def open(self, hwaccel: HWAccel | None = None) -> InputContainer:
        """See ``MediaFile.open``."""
        reader: Any = self.reader()
        reader.name = self.name  # its ending helps to find the format
        return open_container(reader, hwaccel=hwaccel)

    def read_at(self, offset: int, count: int) -> bytes:
        """See ``StoredFile.read_at``."""
        end = min(offset + count, self.size)
        parts: list[bytes] = []
        while offset < end:
            number, skip = divmod(offset, _BLOCK)
            part = self._block(number)[skip : skip + end - offset]
            if not part:  # it has become shorter
                break
            parts.append(part)
            offset += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _fetch(self, number: int) -> bytes:
        start = number * _BLOCK
        end = min(start + _BLOCK, self.size)
        try:
            return self._files.cat_file(self._path, start=start, end=end)
        except Exception as error:
            raise OSError(errno.EIO, reason(error)) from error  # as of a disk

    def _now(self) -> _Found | None:
        """What is there now; ``None``: nothing, or it can't be reached, which reading will say."""
        try:
            self._files.invalidate_cache()
            return _Found.of(self._files.info(self._path))
        except Exception:  # noqa: BLE001 - every store has errors of its own
            return None


@dataclass(frozen=True)
class _Found:
    """What a store says of a file, by which a change is seen."""

    size: int
    stamp: str

    @classmethod
    def of(cls, found: dict[str, Any]) -> _Found:
        stamps = (str(found[name]) for name in _STAMPS if found.get(name))
        return cls(int(found["size"]), next(stamps, ""))


class RemotePlace:
    """Where an output is put when it is complete.

    Args:
        name: its address.

    Raises:
        SinkError: there is no such kind of store.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._files, self._path = _opened(name, SinkError)

    @property
    def local(self) -> Path:
        """A name in the current folder: the work is done beside it, and a fragment stays there."""
        name = Path(file_name(self.name))
        return neighbour(name, f"{name.stem}-{digest([self.name.encode()])[:8]}", name.suffix)

    def check(self, overwrite: bool) -> None:
        """Refuse a place that can't be written, as far as that is known without writing to it.

        Raises:
            SinkError: something is there, its folder is not, or it can't be reached.
        """
        name = self.name
        there = self._kind(self._path)
        if there == _HIDDEN and not overwrite:
            raise SinkError(
                f"output {name} can't be looked at; add --overwrite to write it whatever is there"
            )
        if there == "directory":
            raise SinkError(f"output {name} is a folder; give the name of a film in it")
        if there and not overwrite:
            raise SinkError(f"output {name} exists; add --overwrite to replace it")
        if self._folder and not self._kind(self._folder):
            raise SinkError(f"output {name}: there is no {self._folder}")

    def put(self, result: Path) -> None:
        """Upload a finished file. It appears when it is complete.

        Raises:
            SinkError: it can't be written there; the file is where it was.
        """
        named = result.with_name(file_name(self.name))  # the ending tells the store what it is
        result.rename(named)
        try:
            self._upload(named)
        except BaseException:
            named.rename(result)
            raise

    def _upload(self, result: Path) -> None:
        with _reaching(self.name, SinkError, "written"):
            if scheme_of(self.name) in _WHOLE:
                self._files.put_file(str(result), self._path)
                return
            folder, _, name = self._path.rpartition("/")
            part = f"{folder}/.{name}.part"
            try:
                self._files.put_file(str(result), part)
                self._files.mv(part, self._path)
            except BaseException:
                with suppress(Exception):
                    self._files.rm_file(part)
                raise

    @property
    def _folder(self) -> str:
        """What must be there: the bucket, or the folder; empty: a store that has neither."""
        if scheme_of(self.name) in _WHOLE:
            return self._path.partition("/")[0]
        return "" if scheme_of(self.name) == "memory" else self._path.rpartition("/")[0]

    def _kind(self, path: str) -> str:
        """``file``, ``directory`` or ``_HIDDEN``; empty: nothing is there."""
        with _reaching(self.name, SinkError, "reached"):
            try:
                self._files.invalidate_cache()
                return str(self._files.info(path)["type"])
            except FileNotFoundError:
                return ""
            except PermissionError:
                return _HIDDEN


def _opened(name: str, kind: type[StylizeError]) -> tuple[Any, str]:
    """What reads the store of an address, and the path in it."""
    try:
        import fsspec
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise kind(
            f"{name} is an address, which needs fsspec; type: pip install 'stylize-video[cluster]'"
        ) from error
    scheme = scheme_of(name)
    known = {*fsspec.available_protocols(), *fsspec.registry}
    if scheme not in known:
        hint = nearest(scheme, known | {*NETWORK})
        raise kind(f"{name}: '{scheme}://' is no known kind of address{hint}")
    with _reaching(name, kind, "reached"):
        return url_to_fs(name)


@contextmanager
def _reaching(name: str, kind: type[StylizeError], what: str) -> Generator[None]:
    """Turn the failures of a store, each of which has its own, into one line.

    Args:
        name: the address.
        kind: of the error.
        what: could not be done.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise kind(f"{name} does not exist") from error
    except ImportError as error:  # the text says of which package
        hint = "type: pip install 'stylize-video[cluster]', or what your store needs"
        raise kind(f"{name}: {reason(error)}; {hint}") from error
    except Exception as error:
        raise kind(f"{name} can't be {what}: {reason(error)}") from error
