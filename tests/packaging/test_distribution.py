"""What is distributed: version, entry point, type markers, data, licence, and the public names with their documentation."""

from __future__ import annotations

import importlib.util
import inspect
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import pytest

import roofscape

PROJECT = Path(__file__).resolve().parents[2]
SETTINGS: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES: list[str] = SETTINGS["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
DATA = sorted(
    f.relative_to(PROJECT).as_posix()
    for package in PACKAGES
    for f in (PROJECT / package).rglob("*")
    if f.is_file() and "__pycache__" not in f.parts and f.suffix != ".pyc"
)


def test_one_version() -> None:
    assert roofscape.__version__ == SETTINGS["project"]["version"]
    try:
        assert metadata.version("roofscape") == roofscape.__version__
    except metadata.PackageNotFoundError:
        pytest.skip("roofscape is not installed (pip install -e .)")


def test_the_entry_point_leads_to_main() -> None:
    module, _, function = SETTINGS["project"]["scripts"]["roofscape"].partition(":")
    assert callable(getattr(import_module(module), function))


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_are_typed_and_documented(package: str) -> None:
    assert (PROJECT / package / "py.typed").is_file()
    assert import_module(package).__doc__


def test_the_core_needs_nothing_heavy() -> None:
    needed = {re.split(r"[<>=\[ ]", d)[0].lower() for d in SETTINGS["project"]["dependencies"]}
    assert needed >= {"numpy", "networkx", "pyyaml"}
    assert not needed & {"torch", "jax", "onnx", "transformers", "matplotlib", "numba", "gymnasium"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The built wheel."""
    if importlib.util.find_spec("build") is None or importlib.util.find_spec("hatchling") is None:
        pytest.skip("'build' and 'hatchling' are not installed here; .ci/wheel builds the wheel and tries it from another folder")
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(PROJECT)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_holds_every_file_of_the_packages(wheel: zipfile.ZipFile) -> None:
    """Specs, models, coefficients, pages' styles and scripts, type markers: nothing is left out, and nothing else comes along."""
    held = {n for n in wheel.namelist() if ".dist-info/" not in n}
    assert sorted(held) == DATA
    for kind in ("hardware_specs/gpu/h100-sxm.yaml", "workloads/models/llama-3-8b.json", "simulator/calibration/matrix.json", "roofscape/py.typed"):
        assert kind in held


def test_the_wheel_says_its_licence_and_python(wheel: zipfile.ZipFile) -> None:
    name = next(n for n in wheel.namelist() if n.endswith("METADATA"))
    text = wheel.read(name).decode()
    assert "License-Expression: Apache-2.0" in text
    assert "Requires-Python: >=3.11" in text
    assert any(n.endswith("licenses/LICENSE") for n in wheel.namelist())


def test_data_is_found_from_the_packages() -> None:
    kinds = {Path(f).suffix for f in DATA}
    assert {".py", ".yaml", ".json", ".typed"} <= kinds


PUBLIC = [n for n in roofscape.__all__ if n != "__version__"]


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_resolve_and_are_documented(name: str) -> None:
    thing = getattr(roofscape, name)
    text = inspect.getdoc(thing)
    assert text, f"{name} has no docstring"
    assert text.splitlines()[0].rstrip().endswith((".", ":")), f"{name}: the first line is a sentence"
    assert name in dir(roofscape)


@pytest.mark.parametrize("name", PUBLIC)
def test_public_functions_and_classes_say_their_parameters(name: str) -> None:
    thing = getattr(roofscape, name)
    if inspect.isclass(thing) and issubclass(thing, BaseException):
        return
    parameters = [p for p in inspect.signature(thing).parameters if p != "self"]
    text = inspect.getdoc(thing) or ""
    if not parameters:
        return
    assert "Parameters\n----------" in text, f"{name} takes {', '.join(parameters)} and does not say what they are"
    for parameter in parameters:
        assert re.search(rf"\b{parameter}\b", text), f"{name} does not say what {parameter} is"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'estimat'"):
        roofscape.estimat  # type: ignore[attr-defined]


def test_the_type_checker_sees_what_the_lazy_import_finds() -> None:
    """The names under TYPE_CHECKING are those of the lazy table."""
    source = Path(inspect.getfile(roofscape)).read_text(encoding="utf-8")
    typed = set(re.findall(r"import (\w+) as \1", source))
    assert typed == set(PUBLIC)
