"""Where Optuna's studies are kept: in a journal, which one machine may read and write, or in a database that many share.

A kept study goes on where it stopped, on this machine or another: designs that are in it count, and are not told again. Everybody who opens
the same place, space, explorer and seed works on one study.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from explorers.space.file import space_tree
from explorers.space.space import DesignSpace
from explorers.store import space_hash
from magnitudes.errors import InputError
from magnitudes.files import check_writable

SPACE_HASH = "space_hash"
IS_URL = "://"


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


def _storage(place: str) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    if IS_URL in place:
        return place
    check_writable(place)
    if Path(place).is_dir():
        raise InputError(f"{place} is a folder; --study takes a journal's path, such as {place}/studies.journal, or a database's URL")
    return JournalStorage(JournalFileBackend(place))


def _shown(place: str) -> str:
    """A place without the password that a URL may carry."""
    scheme, mark, rest = place.partition(IS_URL)
    return f"{scheme}{mark}{rest.rpartition('@')[2]}" if mark else place


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
