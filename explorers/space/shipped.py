"""Which spaces are shipped, and the file that a name means."""

from __future__ import annotations

from pathlib import Path

from magnitudes.names import NameMiss, nearest

SHIPPED = Path(__file__).parent.parent / "spaces"


def space_names() -> list[str]:
    """Names of the shipped spaces."""
    return sorted(f.stem for f in SHIPPED.glob("*.yaml"))


def file_of(name: str | Path) -> Path:
    """The file of a shipped space, by its name; the path of any other as it is.

    Raises
    ------
    NameMiss
        With the near matches.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return path
    if str(name) not in space_names():
        raise NameMiss("space", str(name), nearest(str(name), space_names()), f"(shipped: {', '.join(space_names())}; or the path of a YAML file)")
    return SHIPPED / f"{name}.yaml"
