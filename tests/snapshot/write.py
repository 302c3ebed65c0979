"""Write the kept predictions anew: ``make snapshot``, after a change of the laws that is meant."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from grid import FILE, HEADER, differences, predictions


def main() -> None:
    """Write the file; show what changed."""
    old = FILE.read_text(encoding="utf-8").splitlines()[1:] if FILE.exists() else []
    new = predictions()
    FILE.write_text("\n".join([HEADER, *new]) + "\n", encoding="utf-8")
    print("\n".join(differences(old, new) or ["nothing has changed"]))


if __name__ == "__main__":
    main()
