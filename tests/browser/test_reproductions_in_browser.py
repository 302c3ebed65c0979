"""The page of reproductions in a real browser: it draws every claim that is a ratio, and complains of nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from roofscape.cli import main
from roofscape.report.figures.reproductions import drawable
from roofscape.reproductions import reproduce


@pytest.fixture(scope="module")
def reproductions_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``roofscape reproduce zero genz --html``."""
    path = tmp_path_factory.mktemp("pages") / "reproductions.html"
    assert main(["reproduce", "zero", "genz", "--html", str(path)]) == 0
    return path


@pytest.mark.parametrize("width", [1280, 390])
def test_every_claim_is_drawn(view: Any, reproductions_page: Path, width: int) -> None:
    page = view(reproductions_page, width)
    assert page.evaluate("document.querySelectorAll('.scatter .points path').length") == len(drawable(reproduce(["zero", "genz"])))
    assert page.complaints() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
