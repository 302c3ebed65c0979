"""Files are written whole or not at all: under a name beside their own, brought to the disk, then renamed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from magnitudes.errors import InputError

UNFINISHED = ".*.part"  # what a writer that was killed leaves, as a glob
STREAMS = ("/dev/stdin", "/dev/stdout", "/dev/stderr")  # lead to what the shell opened, which must not be replaced
NAME_KEPT = 150  # characters of a file's name that its unfinished one keeps: names end at 255


@contextmanager
def whole(path: str | Path, remedy: str = "free some space or choose another place", error: type[InputError] = InputError) -> Iterator[Path]:
    """Where to write a file, which becomes `path` when the block ends.

    Readers see the file as it was or as it will be, also where the power goes. Nothing is left where the block fails. A link stays one:
    what it leads to is replaced.

    Parameters
    ----------
    path : str or Path
    remedy : str
        What to do where it cannot be written, for the message.
    error : type
        How it is refused.

    Yields
    ------
    Path
        A file that does not exist yet, in the folder of `path`.

    Raises
    ------
    InputError
        As `error`, naming `path` and the reason.
    """
    try:
        check_writable(path)
    except InputError as refused:
        raise error(str(refused)) from None
    target = Path(path).resolve()
    unfinished = target.with_name(f".{target.name[:NAME_KEPT]}-{os.getpid()}-{os.urandom(3).hex()}.part")
    try:
        yield unfinished
        _to_disk(unfinished)
        unfinished.replace(target)
    except OSError as failed:
        unfinished.unlink(missing_ok=True)
        raise error(f"cannot write {path}: {reason(failed)}; {remedy}") from failed
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def write_whole(path: str | Path, content: str | bytes, remedy: str = "free some space or choose another place", error: type[InputError] = InputError) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    InputError
        As `whole` says.
    """
    with whole(path, remedy, error) as unfinished:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)


def check_writable(path: str | Path | None) -> None:
    """Refuse a path that cannot be written, before the work is done.

    Raises
    ------
    InputError
    """
    if path is None:
        return
    try:
        target = Path(path).resolve()
        if target.is_dir():
            raise InputError(f"cannot write {path}: it is a folder; name a file in it")
        if not target.parent.is_dir():
            raise InputError(f"cannot write {path}: there is no folder {target.parent}; create it first")
        if Path(path).absolute().as_posix() in STREAMS or (target.exists() and not target.is_file()):
            raise InputError(f"cannot write {path}: it is a device or a pipe, which cannot be replaced by a whole file; name a file")
        if not os.access(target.parent, os.W_OK) or (target.exists() and not os.access(target, os.W_OK)):
            raise InputError(f"cannot write {path}: no permission; choose another place")
    except (OSError, RuntimeError) as error:  # a name too long to ask about, links that lead to each other
        raise InputError(f"cannot write {path}: {reason(error)}; choose another place") from error


def _to_disk(path: Path) -> None:
    """Wait until what was written is on the disk: some disks say only then that they are full."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def reason(failed: Exception) -> str:
    """Why something could not be written, as people say it."""
    if isinstance(failed, OSError) and failed.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full"
    return getattr(failed, "strerror", None) or str(failed).splitlines()[0]
