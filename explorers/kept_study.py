"""Where Optuna's studies are kept: in a journal, which one machine may read and write, or in a database that many share.

A kept study goes on where it stopped, on this machine or another: designs that are in it count, and are not told again. Everybody who opens
the same place, space, explorer and seed works on one study.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from explorers.space.file import space_tree
from explorers.space.space import DesignSpace
from explorers.store import space_hash
from magnitudes.errors import InputError
from magnitudes.files import check_writable, reason

SPACE_HASH = "space_hash"
IS_URL = "://"
TAIL = 1 << 16  # bytes of a journal that are looked through at once


def open_study(place: str, space: DesignSpace, explorer: str, seed: int, sampler: Any) -> Any:
    """The study of an explorer on a space, new or as far as it got.

    Parameters
    ----------
    place : str
        A journal's path, or a database's URL, such as ``postgresql://host/studies`` or ``sqlite:///studies.db``; empty: in memory only.
    explorer : str
        The name that tells studies of one place apart, with the space's name and the seed.
    sampler
        Optuna's.

    Raises
    ------
    InputError
        If the place cannot be read or written, or holds a study of another space under that name.
    """
    import optuna

    directions = [optuna.study.StudyDirection.MINIMIZE] * len(space.objectives)
    if not place:
        return optuna.create_study(directions=directions, sampler=sampler)
    name, own = f"{space.name}/{explorer}/{seed}", space_hash(space_tree(space))
    try:
        study = optuna.create_study(storage=_storage(place), study_name=name, directions=directions, sampler=sampler, load_if_exists=True)
    except InputError:
        raise
    except Exception as error:  # every driver of a database has errors of its own
        raise InputError(f"{_shown(place)}: no place for studies ({_first_line(error)}); --study takes a journal's path or a database's URL") from error
    if study.user_attrs.setdefault(SPACE_HASH, own) != own:
        raise InputError(f"{_shown(place)} keeps a study of another space named {space.name}; give another --study, or the space its old file")
    study.set_user_attr(SPACE_HASH, own)
    return study


@contextmanager
def kept_whole(place: str) -> Iterator[None]:
    """A place that can no longer be written is named with what to do; what was told before is kept.

    Raises
    ------
    InputError
    """
    from optuna.exceptions import StorageInternalError

    try:
        yield
    except (OSError, StorageInternalError) as error:
        raise InputError(f"cannot write {_shown(place)}: {reason(error)}; what was told is kept: make room and run the same command again to go on") from error


def _storage(place: str) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

    if IS_URL in place:
        return place
    check_writable(place)
    if Path(place).is_dir():
        raise InputError(f"{place} is a folder; --study takes a journal's path, such as {place}/studies.journal, or a database's URL")
    path = Path(place).absolute()  # its lock is a link beside it, which leads nowhere from a relative path
    lock = JournalFileSymlinkLock(str(path))
    _drop_torn_line(path, lock)
    return JournalStorage(JournalFileBackend(str(path), lock))


def _drop_torn_line(path: Path, lock: Any) -> None:
    """Cut off a line that a killed writer, or a full disk, left without its end: whatever came behind it could not be read."""
    if not path.is_file() or _whole_byte(path) == path.stat().st_size:
        return
    lock.acquire()  # whoever writes now ends the line first
    try:
        os.truncate(path, _whole_byte(path))
    finally:
        lock.release()


def _whole_byte(path: Path) -> int:
    """Where the last whole line of a file ends."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - TAIL)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0


def _shown(place: str) -> str:
    """A place without the password that a URL may carry."""
    scheme, mark, rest = place.partition(IS_URL)
    return f"{scheme}{mark}{rest.rpartition('@')[2]}" if mark else place


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
