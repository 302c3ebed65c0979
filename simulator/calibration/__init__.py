"""Fitted library properties: coefficient files, each with the data, date and error that it came from.

A spec says what a chip is; these files say what kernel libraries make of it. No file holds a property of a single device.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


@cache
def table(name: str) -> dict[str, Any]:
    """The coefficients of one law."""
    return dict(_read(name)["coefficients"])


@cache
def provenance(name: str) -> dict[str, Any]:
    """What a law's coefficients were fitted on, when, and how far off they are on devices left out."""
    return dict(_read(name)["provenance"])


def names() -> list[str]:
    """All coefficient files."""
    return sorted(f.stem for f in FOLDER.glob("*.json"))


def _read(name: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))
