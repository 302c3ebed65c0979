"""Start-up: help is instant, a cold estimate quick, and nothing heavy is imported before it is wanted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# Seconds of processor time in a new process: wall time on an idle machine, and the same on a loaded one. Twice what is promised, for slow machines.
HELP_S, ESTIMATE_S = 2 * 0.3, 2 * 1.0

RUN = """
import resource, sys
from roofscape.cli import main
try:
    main({arguments!r})
except SystemExit:
    pass
use = resource.getrusage(resource.RUSAGE_SELF)
print(use.ru_utime + use.ru_stime, file=sys.stderr)
"""
LOADED = """
import json, sys
{code}
print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""
HEAVY = {"torch", "plotly", "pandas", "pyarrow", "scipy", "networkx", "rich", "matplotlib", "IPython", "onnx", "transformers"}


def processor_s(arguments: list[str]) -> float:
    """Processor time of a command in a new process; the best of three."""
    times = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", RUN.format(arguments=arguments)], capture_output=True, text=True, check=True, timeout=120)
        times.append(float(done.stderr.splitlines()[-1]))
    return min(times)


def loaded_by(code: str) -> set[str]:
    """Top-level modules of a process that ran `code`."""
    done = subprocess.run([sys.executable, "-c", LOADED.format(code=code)], capture_output=True, text=True, check=True, timeout=120)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_is_instant() -> None:
    assert processor_s(["--help"]) < HELP_S


def test_a_cold_estimate_is_quick() -> None:
    assert processor_s(["estimate", "llama-3-8b", "--on", "h100-sxm", "--batch", "8"]) < ESTIMATE_S


def test_help_imports_no_numpy() -> None:
    loaded = loaded_by("from roofscape.cli import main\ntry:\n    main(['estimate', '--help'])\nexcept SystemExit:\n    pass")
    assert not loaded & (HEAVY | {"numpy", "yaml"})


@pytest.mark.parametrize(
    "code",
    ["import roofscape", "import magnitudes, hardware_specs, workloads, simulator, explorers",
     "import roofscape as rs; rs.estimate('llama-3-8b', on='h100-sxm')",
     "import roofscape as rs; [getattr(rs, n) for n in rs.__all__]"],
)  # fmt: skip
def test_the_core_imports_nothing_heavy(code: str) -> None:
    assert not loaded_by(code) & HEAVY


def test_the_command_is_installed_and_refuses_with_two() -> None:
    command = Path(sys.executable).parent / "roofscape"
    if not command.exists():
        pytest.skip("roofscape is not installed beside this Python (pip install -e .)")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.startswith("roofscape ")
    refused = subprocess.run([command, "estimate", "llama-3-8b", "--on", "h1000"], capture_output=True, text=True, check=False, timeout=120)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr


def test_a_closed_pipe_is_no_error() -> None:
    """``roofscape workloads | head -1`` ends quietly."""
    with subprocess.Popen([sys.executable, "-m", "roofscape.cli", "specs", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
