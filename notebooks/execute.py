"""Run notebooks in place: ``python notebooks/execute.py [FILE...]`` runs those that are named, or all beside this file.

What would change from run to run or from machine to machine (times of execution, the interpreter's version) is not kept.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

HERE = Path(__file__).parent
LIMIT_S = 120  # for one cell


def executed(file: Path) -> Any:
    """The notebook with fresh outputs.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        With the cell and its traceback.
    """
    notebook = nbformat.read(file, as_version=4)
    with TemporaryDirectory() as folder:  # of its own: sockets of kernels that start at the same time would have the same names
        transport = "ipc" if os.name == "posix" else "tcp"  # no port where it can be had without
        kernel = AsyncKernelManager(kernel_name="python3", transport=transport, connection_file=f"{folder}/kernel.json")
        NotebookClient(notebook, km=kernel, timeout=LIMIT_S, record_timing=False, resources={"metadata": {"path": str(HERE.parent)}}).execute()
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def main(names: list[str]) -> None:
    """Run and write each notebook."""
    for file in [Path(n) for n in names] or sorted(HERE.glob("*.ipynb")):
        nbformat.write(executed(file), file)
        print(f"{file.name}: {file.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
