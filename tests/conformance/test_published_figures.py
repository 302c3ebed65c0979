"""The values that move predictions, against pages other than those that the specs cite."""

from __future__ import annotations

import pytest

from hardware_specs.audit import DISAGREEING, ONE_PAGE, SINGLE, audit
from hardware_specs.catalog import THIS_MACHINE, chip_names, citation_of, find, link_names
from hardware_specs.second_sources import SAME, figures_of, moving, pages, why_kept

NAMES = [name for name in (*chip_names(), *link_names()) if name != THIS_MACHINE]
READ = sorted(pages().figures)


def test_most_chips_are_confirmed_by_a_second_page(capsys: pytest.CaptureFixture[str]) -> None:
    """The table: of each machine, how many of its values another page says too, and how many only one does."""
    rows = []
    for name in NAMES:
        entry = find(name)
        values = moving(entry)
        confirmed = [path for path, value in values.items() if any(f.agrees(value) for f in figures_of(entry, path))]
        rows.append((name, len(confirmed), len(values)))
    with capsys.disabled():
        print(f"\n{'machine or link':28s} confirmed  of\n" + "\n".join(f"{name:28s} {count:9d} {of:3d}" for name, count, of in rows if count))
    assert sum(count >= 5 for _, count, _ in rows) >= 85
    assert sum(count for _, count, _ in rows) >= 800


@pytest.mark.parametrize("name", READ)
def test_another_page_says_the_same_or_the_reason_is_written_down(name: str) -> None:
    entry = find(name)
    values = moving(entry)
    assert set(pages().figures[name]) <= set(values)
    for path, value in values.items():
        citation = citation_of(path, entry)
        for figure in figures_of(entry, path):
            explained = why_kept(entry, path) or (citation is not None and "ources disagree" in citation.source)
            assert figure.agrees(value) or explained, f"{path}: {figure.source} has {figure.text}"


def test_reasons_are_written_for_values_that_do_differ() -> None:
    """None is left over from a value that was corrected since."""
    for name, reasons in pages().kept.items():
        entry = find(name)
        for path in reasons:
            assert any(not f.agrees(moving(entry)[path]) for f in figures_of(entry, path)), f"{name}: {path}"


def test_pages_agree_more_often_than_not() -> None:
    figures = [(figure, moving(find(name))[path]) for name in READ for path, those in pages().figures[name].items() for figure in those]
    assert sum(f.agrees(value) for f, value in figures) / len(figures) > 0.9
    assert SAME <= 0.02


def test_what_stands_on_one_page_is_listed_and_what_stands_on_two_is_not() -> None:
    assert [f for f in audit([find("h100-sxm")]) if f.source == ONE_PAGE] == []
    (alone,) = [f for f in audit([find("h100-nvl")]) if f.doubt == SINGLE and f.source == ONE_PAGE]
    assert "sm.matrix.fp64" in alone.fields
    assert not {"sm.matrix.bf16", "hbm.bandwidth", "hbm.capacity", "sm.multiprocessors", "tdp"} & set(alone.fields)


def test_a_page_that_differs_is_listed_with_why_the_spec_does_not_follow_it() -> None:
    told = [f.source for f in audit([find("l4")]) if f.doubt == DISAGREEING and f.fields == ("sm.multiprocessors",)]
    assert any("60" in text and "58 multiprocessors" in text for text in told)


def test_a_chip_like_another_has_its_pages_for_the_values_that_it_shares() -> None:
    assert figures_of(find("h100-pcie-paired"), "hbm.bandwidth") == figures_of(find("h100-pcie"), "hbm.bandwidth") != ()
    assert figures_of(find("gh200-144gb"), "hbm.capacity") != figures_of(find("gh200"), "hbm.capacity")
