"""The command line that learners share: data in, provenance shown, a coefficient file written if asked."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulator.calibration.fitting import write

Learner = Callable[[Path, int], dict[str, Any]]  # a folder of tables, rows of each group at most -> the file


def learn_file(table: str, description: str | None, learner: Learner) -> None:
    """Learn a coefficient file, show where it comes from, and write it if asked."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rows", type=int, default=500, help="rows of each group (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="write the coefficient file")
    options = parser.parse_args()
    file = learner(options.data, options.rows)
    print(json.dumps(file["provenance"], indent=1))
    if options.write:
        write(table, file)
