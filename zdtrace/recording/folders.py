"""Folders that hold several recordings, as campaigns and schedules leave them."""

from __future__ import annotations

from pathlib import Path

from zdtrace.errors import RecordingError
from zdtrace.recording.manifest import FILE_NAME
from zdtrace.recording.store import Recording, open_recording


def open_recordings(path: Path) -> tuple[Recording, ...]:
    """Return the recording at `path`, or those in the folder, by name. Raises RecordingError when there is none."""
    if path.is_dir() and not (path / FILE_NAME).exists():
        inside = sorted(each.parent for each in path.glob(f"*/{FILE_NAME}"))
        if not inside:
            raise RecordingError(
                f"`{path}` is not a recording and holds none", hint="`zdtrace import FILE… --into REC` makes one"
            )
        return tuple(map(open_recording, inside))
    return (open_recording(path),)
