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


def test_all_are_known() -> None:
    assert [f.stem for f in sorted(FOLDER.glob("*.ipynb"))] == [
        "01_what_if", "02_reading_a_roofline", "03_bring_your_own", "04_shapes_matter", "05_better_memory", "06_design_a_chip",
        "07_a_race", "08_against_a_trace",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("02_reading_a_roofline.ipynb", 6),
        ("03_bring_your_own.ipynb", 2),
        ("04_shapes_matter.ipynb", 2),
        ("05_better_memory.ipynb", 1),
        ("06_design_a_chip.ipynb", 1),
        ("07_a_race.ipynb", 1),
    ],
)
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


def test_capacity_buys_more_than_bandwidth_where_batches_are_small() -> None:
    said = re.search(r"twice the bandwidth (\d\.\d+)x; twice the capacity and three times the batch (\d\.\d+)x", printed("05_better_memory.ipynb"))
    assert said
    assert 1.0 < float(said[1]) < float(said[2])


def test_the_roofline_s_best_design_is_not_the_best() -> None:
    text = printed("06_design_a_chip.ipynb")
    assert re.search(r"gap [\d.]+e[-+]\d+: no design is better", text)
    loss = re.search(r"([\d.]+)% above the best there", text)
    assert loss
    assert float(loss[1]) > 5.0


def test_the_trace_is_predicted_as_well_as_validation_says() -> None:
    said = re.search(r"mean over (\d+) groups: ([\d.]+)%", printed("08_against_a_trace.ipynb"))
    assert said
    assert int(said[1]) > 40
    assert float(said[2]) <= 12.0


def test_the_race_tells_all_and_learning_beats_drawing() -> None:
    text = printed("07_a_race.ipynb")
    assert float(re.search(r"better by more than ([\d.e-]+) of it", text)[1]) <= 1e-3  # type: ignore[index]
    for name in ("random", "annealing", "genetic", "pbt", "ppo", "sac", "ippo", "mappo", "vdn"):
        assert re.search(rf"^{name} +\d", text, re.MULTILINE), name
    found = {f"{a} {b}": float(p) for a, b, p in re.findall(r"(\w+) above (\w+) after 2,000: p = ([\d.e-]+)", text)}
    assert found["ppo random"] < 0.05
    assert found["ippo random"] < 0.05
    assert "50 runs of ppo, sac, ippo, mappo, vdn" in text
