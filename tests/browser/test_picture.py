"""--png writes a picture that can be opened, of the size that print needs; without the library it says what to install."""

from __future__ import annotations

import struct
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import roofscape as rs
from roofscape.cli import main
from roofscape.report.figures.roofline import ALONG
from roofscape.report.picture import figures
from roofscape.report.subject import Subject
from simulator.tables import design_dicts

ASKED = ["estimate", "llama-3-8b", "--on", "h100-sxm", "--phase", "decode", "--batch", "32", "--no-elasticities"]


def test_a_picture_is_written_whole(tmp_path: Path) -> None:
    for library in ("kaleido", "PIL"):
        if find_spec(library) is None:
            pytest.skip(f"{library} is not installed (extra png)")
    target = tmp_path / "design.png"
    if main([*ASKED, "--png", str(target)]) != 0:
        pytest.skip("no browser for kaleido here")
    head = target.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:24])
    assert width == 2700
    assert height > 1500


def test_a_missing_library_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "kaleido", None)
    monkeypatch.setattr("plotly.graph_objects.Figure.to_image", _fails)
    assert main([*ASKED, "--png", str(tmp_path / "design.png")]) == 2
    assert "roofscape[png]" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def _fails(*_: object, **__: object) -> bytes:
    raise ValueError("Image export requires the Kaleido package")


def test_one_design_is_a_roofline_and_its_operators() -> None:
    question = rs.question("llama-3-8b", "h100-sxm", rs.Decode(batch=32))
    designs = design_dicts(question.estimate({}))
    made = figures(designs, [Subject(lambda: question, "h100-sxm")])
    assert [len(f.data) > 0 for _, f in made] == [True, True]
    assert any(a.name == ALONG for a in made[0][1].layout.annotations)
