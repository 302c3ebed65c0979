"""From a name, a file or a text to a space."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from explorers.space.file import read_file, read_text
from explorers.space.shipped import SHIPPED, file_of, space_names
from explorers.space.space import DesignSpace


@cache
def _shipped(file: Path) -> DesignSpace:
    return DesignSpace.from_yaml(file)


def outlines() -> list[DesignSpace]:
    """The shipped spaces as their files say them, none of whose formulas is tried: enough to tell names, axes, sizes and objectives."""
    return [read_file(file_of(name), DesignSpace, tried=False) for name in space_names()]


def find_space(name: str | Path) -> DesignSpace:
    """A shipped space by name, or one from the path of its file.

    Raises
    ------
    NameMiss
        With the near matches.
    SpaceError
        With all mistakes of the file.
    """
    file = file_of(name)
    return _shipped(file) if file.parent == SHIPPED else DesignSpace.from_yaml(file)


def read_space(text: str, where: str, *, folder: Path | None = None) -> DesignSpace:
    """A space from the text of its file; `where` is what messages call it, and files that it names are looked for in `folder` first.

    Raises
    ------
    SpaceError
        With all mistakes.
    """
    return read_text(text, where, DesignSpace, folder=folder)
