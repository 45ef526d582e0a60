"""Open style files: what all nets are opened with, and what a file says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..core.errors import ModelError
from ..imaging.resize import StrokeScale
from ..nets.contract import VERSION, ModelCard, metadata_of
from ..nets.runtime import onnxruntime
from ..nets.session import open_session

MAX_WORKERS = 4
"""Frames painted side by side on a CPU: quicker than one frame on all cores, because no core waits
for the others at every operator. Each frame has its own activations, so the number is bounded."""


MEASURED_PIXELS = 1_000_000
"""Pixels of a picture that a style is measured on, about."""

QUICKLY_MEASURED_PIXELS = MEASURED_PIXELS // 4
"""The same where time is short: live, and each time the light has changed."""


@dataclass(frozen=True)
class NetOptions:
    """How nets are run, whichever they are."""

    device: str = "auto"
    """See ``session.open_session``."""
    threads: int = 0
    """CPU cores that a net may use; 0: all."""
    precision: str = "auto"
    """``float``, ``half`` or ``int8``, of nets compiled for a shot; see ``precision_on``."""
    scale: StrokeScale | None = None
    """Size of the strokes; ``None``: as the frame's size gives them."""
    tile: int = 0
    """Longest side of what is painted at once, px; 0: the whole."""
    live: bool = False
    """Frames come one at a time: each gets all cores, and a shot is measured on fewer pixels."""

    @property
    def measured_pixels(self) -> int:
        """Pixels of a picture that a shot is measured on, about."""
        return QUICKLY_MEASURED_PIXELS if self.live else MEASURED_PIXELS


def open_file(path: Path, device: str, threads: int) -> tuple[onnxruntime.InferenceSession, str]:
    """A session of a file, and the device that really runs it.

    Raises:
        ModelError: the file is missing, or is not ONNX.
        DeviceError: the device can't be had.
    """
    if not path.is_file():
        raise ModelError(f"style model {path} does not exist")
    try:
        return open_session(path, device, threads)
    except ModelError as error:
        raise ModelError(f"{path} is not an ONNX file that can be read: {error}") from error


def session_metadata(session: onnxruntime.InferenceSession, path: Path) -> dict[str, str]:
    """What the file of a session says of itself.

    Args:
        session: of the file.
        path: the file; it is read where ONNX Runtime can't read its text, which is not UTF-8.
    """
    try:
        return session.get_modelmeta().custom_metadata_map
    except UnicodeDecodeError:
        import onnx  # takes a while, and most runs need none of it

        return metadata_of(onnx.load(path, load_external_data=False).metadata_props)


def card_of(metadata: dict[str, str], path: Path) -> ModelCard | None:
    """What a file says of itself; ``None`` for a file that does not keep the contract.

    Raises:
        ModelError: its contract is broken, or newer than this program.
    """
    try:
        card = ModelCard.from_metadata(metadata)
    except ValueError as error:
        raise ModelError(f"{path} is no style model of this contract: {error}") from error
    if card is not None and card.contract > VERSION:
        raise ModelError(
            f"{path} keeps contract {card.contract}, this program knows {VERSION}; "
            "update it: pip install -U stylize-video"
        )
    return card
