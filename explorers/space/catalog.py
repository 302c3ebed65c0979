"""From a name to a space: the shipped ones, or the user's own file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from explorers.space.file import load_space
from explorers.space.space import DesignSpace
from magnitudes.names import NameMiss, nearest

SHIPPED = Path(__file__).parent.parent / "spaces"


def space_names() -> list[str]:
    """Names of the shipped spaces."""
    return sorted(f.stem for f in SHIPPED.glob("*.yaml"))


@cache
def _shipped(name: str) -> DesignSpace:
    return load_space(SHIPPED / f"{name}.yaml")


def outlines() -> list[DesignSpace]:
    """The shipped spaces as their files say them, none of whose formulas is tried: enough to tell names, axes, sizes and objectives."""
    return [load_space(SHIPPED / f"{name}.yaml", tried=False) for name in space_names()]


def find_space(name: str | Path) -> DesignSpace:
    """A shipped space by name, or one from the path of its file.

    Raises
    ------
    NameMiss
        With the near matches.
    SpaceError
        With all mistakes of the file.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return load_space(path)
    if str(name) not in space_names():
        raise NameMiss("space", str(name), nearest(str(name), space_names()), f"(shipped: {', '.join(space_names())}; or the path of a YAML file)")
    return _shipped(str(name))
