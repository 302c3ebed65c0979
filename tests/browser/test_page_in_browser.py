"""The page in a real browser: it draws, it complains of nothing, and its sliders show what the estimator returned."""

from __future__ import annotations

import itertools
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

import roofscape as rs
from magnitudes.units import parse

WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
VISIBLE = "[...document.querySelectorAll('.figure')].filter((f) => f.offsetParent !== null)"


def grid_of(view: Any, name: str) -> Any:
    return json.loads(view.evaluate("document.getElementById('grids').textContent"))[name]


def shown(view: Any, panel: str, output: str) -> float:
    return float(view.evaluate(f"document.querySelector('{panel} [data-output={output}]').dataset.value"))


@pytest.mark.parametrize(("width", "scheme"), list(itertools.product(WIDTHS, SCHEMES)))
def test_every_figure_is_drawn_without_complaints(view: Any, decode_page: Path, width: int, scheme: str) -> None:
    page = view(decode_page, width, scheme)
    drawn = page.evaluate(f"{VISIBLE}.map((f) => f.querySelectorAll('svg.main-svg .trace, svg.main-svg .point').length)")
    assert len(drawn) == 6  # what-if curve, roofline, time by bound, operators, memory, elasticities
    assert all(count > 0 for count in drawn), drawn
    assert page.complaints() == []
    assert [url[:5] for url in page.requests() if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_sticks_out_sideways(view: Any, compare_page: Path, width: int) -> None:
    page = view(compare_page, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_operator_is_on_the_roofline(view: Any, decode_page: Path) -> None:
    page = view(decode_page)
    section = "[...document.querySelectorAll('section')].find((s) => s.querySelector('h3')?.textContent === {!r})"
    rows = page.evaluate(section.format("Operators") + ".querySelectorAll('tbody tr').length")
    assert rows == page.evaluate(section.format("Roofline") + ".querySelectorAll('.scatter .points path').length")


def test_names_on_a_phone_touch_neither_an_edge_nor_each_other(view: Any, experts_page: Path) -> None:
    page = view(experts_page, 390)
    box = "((e) => { const b = e.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; })"
    figure = "[...document.querySelectorAll('.figure')].find((f) => f.querySelector('.annotation-text'))"
    page.wait_for(f"{figure}.querySelectorAll('.textpoint text').length > 0")
    names, roofs = (page.evaluate(f"[...{figure}.querySelectorAll('{which}')].map({box})") for which in (".textpoint text", ".annotation-text"))
    assert len(names) >= 3  # experts' products of both phases
    for i, (left, top, right, bottom) in enumerate(names):
        assert left >= 0 and right <= 390
        for other in (*names[i + 1 :], *roofs):
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top, (names[i], other)


@pytest.mark.parametrize("moves", [{}, {"batch": 0, "context": -1}, {"format": 1}, {"hbm.bandwidth:factor": -1, "sm.matrix:factor": 0, "batch": -1}])
def test_sliders_show_what_the_estimator_returns(view: Any, decode_page: Path, moves: dict[str, int]) -> None:
    page = view(decode_page)
    axes = grid_of(page, "grid-0")["axes"]
    design: dict[str, float] = {}
    dtype = "bf16"
    for i, axis in enumerate(axes):
        if axis["path"] not in moves:
            continue
        place = moves[axis["path"]] % len(axis["texts"])
        page.slide(".what-if", i, place)
        words = page.evaluate(f"document.querySelectorAll('.what-if output')[{i}].textContent")
        assert words == axis["texts"][place]
        if axis["path"] == "format":
            dtype = words
        else:
            design[axis["path"]] = float(words.split("×")[1].rstrip(")") if "×" in words else words.replace(",", ""))
    asked = rs.question("llama-3-8b", "h100-sxm", rs.Decode(batch=32.0, context=2048.0), data_types=(dtype,)).estimate(design)
    assert math.isclose(shown(page, ".what-if", "tpot_s"), asked.tpot_s, rel_tol=1e-12)
    assert math.isclose(shown(page, ".what-if", "throughput_token_per_s"), asked.throughput_token_per_s, rel_tol=1e-12)
    assert math.isclose(shown(page, ".what-if", "memory_byte"), asked.memory.total_byte, rel_tol=1e-12)
    told = page.evaluate("document.querySelector('.what-if [data-ends=tpot_s]').textContent")
    span = asked.interval90("tpot_s")
    assert span is not None
    numbers = re.fullmatch(r"90 %: (\S+ \S+) to (\S+ \S+?)( \(extrapolated\))?", told)
    assert numbers is not None, told
    assert [parse(n, "tpot_s") for n in numbers.groups()[:2]] == pytest.approx([span.low_s, span.high_s], rel=5e-3)  # three digits are shown
    assert bool(numbers[3]) == span.extrapolated
    assert page.evaluate("document.querySelector('.what-if [data-bound]').textContent") == asked.bound
    assert page.evaluate("document.querySelector('.what-if [data-feasible]').textContent") == ("yes" if asked.feasible else "no")
    assert page.complaints() == []


def test_the_reset_returns_to_the_estimate(view: Any, decode_page: Path) -> None:
    page = view(decode_page)
    before = shown(page, ".what-if", "tpot_s")
    page.slide(".what-if", 1, 0)
    assert shown(page, ".what-if", "tpot_s") != before
    page.evaluate("document.querySelector('.what-if .reset').click()")
    assert shown(page, ".what-if", "tpot_s") == before


def test_another_design_is_drawn_when_it_is_chosen(view: Any, compare_page: Path) -> None:
    page = view(compare_page)
    options = page.evaluate("[...document.querySelectorAll('#design option')].map((o) => o.textContent)")
    assert options == ["8xh100-sxm", "tpu-v5e", "l40s"]
    for i, name in enumerate(options):
        page.evaluate(f"(() => {{ const c = document.getElementById('design'); c.value = 'design-{i}'; c.dispatchEvent(new Event('change')); }})()")
        panel = f"#design-{i} .what-if"
        asked = rs.estimate("llama-3-8b", on=name, scenario=rs.Inference(batch=16.0))
        assert asked.ttft_s is not None
        assert math.isclose(shown(page, panel, "ttft_s"), asked.ttft_s, rel_tol=1e-12)
        assert page.evaluate(f"document.querySelector('{panel} [data-feasible]').textContent") == ("yes" if asked.feasible else "no")
        drawn = page.evaluate(f"{VISIBLE}.map((f) => f.querySelectorAll('svg.main-svg .trace, svg.main-svg .point').length)")
        assert all(count > 0 for count in drawn), drawn
    assert page.complaints() == []


def test_figures_follow_the_colour_scheme(view: Any, decode_page: Path) -> None:
    page = view(decode_page, scheme="light")
    ink = "getComputedStyle(document.querySelector('.figure[data-figure] .xtick text')).fill"
    paper = "getComputedStyle(document.body).backgroundColor"
    light = (page.evaluate(ink), page.evaluate(paper))
    page.media("", "dark")
    page.wait_for(f"{ink} !== {light[0]!r}")
    assert page.evaluate(paper) != light[1]
    page.media("print", "dark")
    page.wait_for(f"{ink} === 'rgb(0, 0, 0)'")
    assert page.evaluate(paper) == "rgb(255, 255, 255)"


def test_figures_fit_the_paper_that_they_are_printed_on(view: Any, decode_page: Path) -> None:
    page = view(decode_page, scheme="dark")
    page.media("print", "dark")
    page.wait_for("document.documentElement.classList.contains('printing')")
    widths = page.evaluate(f"{VISIBLE}.map((f) => f.querySelector('svg.main-svg').getBoundingClientRect().right)")
    assert all(right <= page.evaluate("document.body.getBoundingClientRect().right") + 1 for right in widths)
    assert page.evaluate("document.body.clientWidth") == 700
    page.media("", "dark")
    page.wait_for("!document.documentElement.classList.contains('printing')")


def test_it_prints_on_a_few_pages(view: Any, decode_page: Path) -> None:
    page = view(decode_page, scheme="dark")
    paper = page.pdf()
    pages = len(re.findall(rb"/Type\s*/Page\b", paper))
    assert paper.startswith(b"%PDF")
    assert 2 <= pages <= 6
    assert not page.evaluate("document.documentElement.classList.contains('printing')")
    assert page.complaints() == []
