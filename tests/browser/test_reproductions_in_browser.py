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
    assert page.evaluate("document.querySelectorAll('.figure').length") == 2
    assert page.evaluate("document.querySelectorAll('.scatter .points path').length") == len(drawable(reproduce(["zero", "genz"])))
    assert page.complaints() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.fixture(scope="module")
def energy_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A design with its energy."""
    path = tmp_path_factory.mktemp("pages") / "energy.html"
    assert main(["estimate", "bert-base", "--on", "fusemax", "--prompt", "4096", "--energy", "--html", str(path)]) == 0
    return path


def test_energy_is_drawn_by_where_it_goes(view: Any, energy_page: Path) -> None:
    page = view(energy_page)
    section = "[...document.querySelectorAll('section')].find((s) => s.querySelector('h3')?.textContent === 'Energy')"
    assert page.evaluate(f"{section}.querySelectorAll('.bars .point').length") >= 4
    assert page.evaluate(f"{section}.querySelectorAll('.card').length") == 3
    assert page.complaints() == []
