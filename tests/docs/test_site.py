"""The site builds without a warning and without the network, its links resolve, and its constants are those of the coefficient files."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urldefrag

import pytest

from roofscape import _PUBLIC
from roofscape.cli import COMMANDS
from simulator.calibration import at, names, read, table

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))


@pytest.fixture(scope="module")
def constants() -> ModuleType:
    spec = importlib.util.spec_from_file_location("shown_constants", DOCS / "site" / "shown_constants.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly: a warning is an error."""
    pytest.importorskip("mkdocs", reason="the extra 'docs' is not installed")
    pytest.importorskip("mkdocstrings", reason="the extra 'docs' is not installed")
    where = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(where)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    return where


class Links(HTMLParser):
    """What a page links to, what it loads, and what it can be linked at."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.places: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {k: v for k, v in attrs if v}
        self.places |= {given[k] for k in ("id", "name") if k in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in ("script", "img", "link"):
            self.loaded += [given[k] for k in ("src", "href") if k in given and given.get("rel") != "canonical"]


@pytest.mark.parametrize("page", sorted((DOCS / "laws").glob("*.md")), ids=lambda p: p.stem)
def test_a_page_of_a_law_has_its_formula_and_where_it_comes_from(page: Path) -> None:
    if page.stem == "index":
        return
    words = page.read_text(encoding="utf-8")
    in_a_table = "| formula | reference |" in words
    assert in_a_table or re.search(r"^    \S.*( = | <= |minimise)", words, re.MULTILINE), "no formula"
    assert in_a_table or "**Reference" in words, "no reference"


def test_links_resolve(site: Path) -> None:
    pages = {page: Links(page) for page in site.rglob("*.html") if page.name != "404.html"}
    assert len(pages) == len([p for p in PAGES if "pictures" not in p.parts]) + 6  # five that are generated, and search
    broken = []
    for page, found in pages.items():
        for link in found.links:
            if re.match(r"(https?|mailto):", link):
                continue
            path, place = urldefrag(unquote(link))
            target = (page.parent / path).resolve() if path else page
            if not target.exists() or (place and target in pages and place not in pages[target].places):
                broken.append(f"{page.relative_to(site)}: {link}")
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        away = [source for source in Links(page).loaded if re.match(r"(https?:)?//", source)]
        assert away == [], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_reference_has_everything(site: Path) -> None:
    api = (site / "reference" / "api.html").read_text(encoding="utf-8")
    assert [n for n, m in _PUBLIC.items() if f'id="{m}.{n}"' not in api] == []
    cli = Links(site / "reference" / "cli.html")
    assert set(COMMANDS) <= cli.places
    assert "--activation-dtype" in (site / "reference" / "cli.html").read_text(encoding="utf-8")
    specs = (site / "reference" / "specs.html").read_text(encoding="utf-8")
    assert all(f"execution: {e}" in specs for e in ("kernel", "host", "spatial", "near_memory", "streaming"))
    tables = (site / "reference" / "tables.html").read_text(encoding="utf-8")
    assert "tpot_s" in tables and "interval90" in tables


def test_constants_are_those_of_today(site: Path) -> None:
    shown = (site / "laws" / "matrix.html").read_text(encoding="utf-8")
    assert f"<td><code>tile_switch</code></td>\n<td>{table('matrix')['tile_switch']:.4g}</td>" in shown
    assert read("matrix")["provenance"]["date"] in shown


def test_every_coefficient_file_has_a_page(constants: ModuleType) -> None:
    marks = [m for page in PAGES for m in constants.MARK.finditer(page.read_text(encoding="utf-8"))]
    assert {m[2] for m in marks if m[1] == "provenance"} == set(names())
    for mark in marks:
        for path in mark[3].split():
            assert at(table(mark[2]), path) is not None


def test_a_mark_is_refused_where_nothing_is(constants: ModuleType) -> None:
    with pytest.raises(KeyError):
        constants.filled("<!-- constants: matrix no_such_entry -->")
    with pytest.raises(KeyError, match="no coefficient file"):
        constants.filled("<!-- constants: no_such_file -->")


def test_pages_hold_no_copy_of_a_constant() -> None:
    """A fitted number in the text of a law would go stale in silence."""
    fitted = {f"{x:g}" for name in names() for x in numbers(table(name)) if len(f"{x:g}".replace(".", "").lstrip("0")) >= 4}
    for page in (DOCS / "laws").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        said = set(re.findall(r"(?<![\w.,])\d+\.\d+(?![\w.])", text))
        assert said & fitted == set(), page.name


def numbers(tree: object) -> list[float]:
    if isinstance(tree, dict):
        return [x for value in tree.values() for x in numbers(value)]
    if isinstance(tree, list):
        return [x for value in tree for x in numbers(value)]
    return [tree] if isinstance(tree, float) else []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(DOCS).with_suffix("").as_posix())
def test_files_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:magnitudes|hardware_specs|workloads|simulator|explorers|roofscape|tests|notebooks|docs)/[\w./-]+\.\w+)`", text)
    assert [f for f in named if not (ROOT / f).exists() and "NAME" not in f] == []
    linked = [link for link in re.findall(r"\]\(([^)#:\s]+)[^)]*\)", text) if "reference/" not in link and page.parent.name != "reference"]
    assert [link for link in linked if not (page.parent / link).exists()] == []
