"""The documentation's Python runs, its commands work, and the files that it writes are read: each page is one user's walk."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from roofscape.cli import COMMANDS, main
from simulator.engines import TILE_LAWS

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = sorted(p for p in DOCS.rglob("*.md") if p.name not in ("validation.md", "measuring.md"))
BLOCK = re.compile(r"^```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
WALKED = ("estimate", "compare", "specs", "workloads")  # commands that are quick wherever they run


def blocks(page: Path) -> list[re.Match[str]]:
    return list(BLOCK.finditer(page.read_text(encoding="utf-8")))


def test_there_are_blocks() -> None:
    assert len(PAGES) >= 26
    assert sum(b["language"] == "python" for p in PAGES for b in blocks(p)) >= 25


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """What a page registers or imports from its own files is taken back."""
    laws, modules = dict(TILE_LAWS), set(sys.modules)
    yield
    TILE_LAWS.clear()
    TILE_LAWS.update(laws)
    for name in {"mixer", "folds", "waves"} & (set(sys.modules) - modules):
        del sys.modules[name]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(DOCS).with_suffix("").as_posix())
def test_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Blocks in their order: titled ones become files, Python runs in one namespace, commands leave with 0."""
    if "import onnx" in page.read_text(encoding="utf-8"):
        pytest.importorskip("onnx", reason="reading ONNX files is an extra: pip install 'roofscape[onnx]'")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    names: dict[str, object] = {"__name__": page.stem}
    for block in blocks(page):
        if block["title"]:
            (tmp_path / block["title"]).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / block["title"]).write_text(block["code"], encoding="utf-8")
        elif block["language"] == "python":
            exec(compile(block["code"], f"{page.name}", "exec"), names)
        elif block["language"] == "sh":
            for line in block["code"].splitlines():
                run(line.partition("  #")[0], capsys)


def run(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One command of a page."""
    words = shlex.split(line)
    if not words or words[0] != "roofscape":
        return
    assert words[1] in COMMANDS, line
    if words[1] in WALKED:
        assert main(words[1:]) == 0, line
        assert capsys.readouterr().out, line
