"""Files are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from magnitudes.errors import InputError


def check_writable(path: str | None) -> None:
    """Refuse a path that cannot be written, before the work is done.

    Raises
    ------
    InputError
    """
    if path is None:
        return
    folder = Path(path).absolute().parent
    try:
        if Path(path).is_dir():
            raise InputError(f"cannot write {path}: it is a folder; name a file in it")
        if not folder.is_dir():
            raise InputError(f"cannot write {path}: there is no folder {folder}; create it first")
        if not os.access(folder, os.W_OK) or (Path(path).exists() and not os.access(path, os.W_OK)):
            raise InputError(f"cannot write {path}: no permission; choose another place")
    except OSError as error:  # a name too long to ask about
        raise InputError(f"cannot write {path}: {error.strerror}; choose another place") from error


def write_whole(path: str, content: str | bytes) -> None:
    """Write a file under a temporary name and rename it.

    Raises
    ------
    InputError
        If it cannot be written; nothing is left behind then.
    """
    check_writable(path)
    target = Path(path).absolute()
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; choose another place") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise InputError(f"cannot write {path}: {error.strerror}; free some space or choose another place") from error
