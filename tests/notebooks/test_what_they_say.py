"""The sentences of notebooks that rest on numbers hold for the numbers that are kept beside them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"


def printed(name: str) -> str:
    """All text that a notebook's cells put out."""
    outputs = [o for c in json.loads((FOLDER / name).read_text(encoding="utf-8"))["cells"] for o in c.get("outputs", [])]
    return "\n".join("".join(o.get("text", o.get("data", {}).get("text/plain", ""))) for o in outputs)


def figures(name: str) -> list[Any]:
    outputs = [o for c in json.loads((FOLDER / name).read_text(encoding="utf-8"))["cells"] for o in c.get("outputs", [])]
    return [o["data"]["application/vnd.plotly.v1+json"] for o in outputs if "application/vnd.plotly.v1+json" in o.get("data", {})]


def test_there_are_four() -> None:
    assert [f.stem for f in sorted(FOLDER.glob("*.ipynb"))] == ["01_what_if", "02_reading_a_roofline", "03_bring_your_own", "04_shapes_matter"]


@pytest.mark.parametrize(("name", "count"), [("02_reading_a_roofline.ipynb", 6), ("03_bring_your_own.ipynb", 2), ("04_shapes_matter.ipynb", 2)])
def test_figures_have_data_and_titled_axes(name: str, count: int) -> None:
    found = figures(name)
    assert len(found) == count
    for figure in found:
        assert figure["data"]
        assert figure["layout"]["xaxis"]["title"]["text"]


def test_waterlines_order_the_models() -> None:
    text = printed("02_reading_a_roofline.ipynb")
    resnet, mobile, decode, prompt = (
        int(re.search(rf"{what} (\d+)% of the peak", text)[1])  # type: ignore[index]
        for what in (r"ResNet-50, 32 images: at best", r"MobileNetV2, 32 images: at best", r"decode step of 32 at best", r"prompt of 2,048 at best")
    )
    assert decode < 15 and mobile < 15 < resnet < prompt
    assert "3x3" in text


def test_the_frontier_is_what_the_text_says() -> None:
    rows = {line.split()[0]: line.count("●") for line in printed("02_reading_a_roofline.ipynb").splitlines() if "●" in line}
    assert rows["mobilenet-v4-conv-small"] == rows["mobilenet-v4-conv-medium"] == 7
    assert 0 < rows["efficientnet-b0"] < 7


def test_decoder_1_waits_for_latency() -> None:
    text = printed("03_bring_your_own.ipynb")
    assert re.search(r"decoder-1 .* latency ", text)
    assert re.search(r"edge-1 .* tile", text)
    assert "2 mistakes" in text and "did you mean bandwidth" in text


def test_257_is_a_bad_chunk_about_as_bad_as_published() -> None:
    said = re.search(r"published \+32 %, of which the estimator says (\d+)% to (\d+)%", printed("04_shapes_matter.ipynb"))
    assert said
    least, most = int(said[1]), int(said[2])
    assert 33 <= least <= most <= 150
