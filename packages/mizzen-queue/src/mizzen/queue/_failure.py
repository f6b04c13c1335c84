"""What a failure looks like in the store: one line that tells it, then its traceback."""

from __future__ import annotations

import traceback

_LONGEST_TRACEBACK = 16_000


def told(exc: BaseException, own_frames: int, first: str | None = None) -> str:
    """The text of *exc*; *own_frames*, the outermost ones, say nothing about the job."""
    line = first or f"{type(exc).__name__}: {_text(exc)}".replace("\n", " ").rstrip(": ")
    return _storable(f"{line}\n{_traceback(exc, own_frames)}")


def _traceback(exc: BaseException, own_frames: int) -> str:
    frames = exc.__traceback__
    for _ in range(own_frames):
        frames = frames.tb_next if frames is not None and frames.tb_next is not None else frames
    text = "".join(traceback.format_exception(type(exc), exc, frames))
    if len(text) > _LONGEST_TRACEBACK:
        half = _LONGEST_TRACEBACK // 2
        text = f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
    return text


def _text(exc: BaseException) -> str:
    try:
        return str(exc)
    except Exception:
        return "(its message can't be shown)"


def _storable(text: str) -> str:
    """Without what a database refuses in text: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}").encode(errors="backslashreplace").decode()
