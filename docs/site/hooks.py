"""What mkdocs calls while it builds the site: pages that are generated, constants that are filled in, links that leave the folder."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from pygments.formatters import HtmlFormatter

sys.path.insert(0, str(Path(__file__).parent))

from api_pages import module_page, public_page
from cli_page import cli_page
from shown_constants import filled
from spec_page import spec_page, table_page

GENERATED = {
    "reference/cli.md": cli_page,
    "reference/api.md": public_page,
    "reference/modules.md": module_page,
    "reference/specs.md": spec_page,
    "reference/tables.md": table_page,
}
OUTSIDE = re.compile(r"\[([^\]]+)\]\((?:\.\./)+(?!concepts|laws|walkthroughs|reference|index|validation|measuring)([^)]+)\)")


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add the pages that are written by code, and the colours of code."""
    for path, page in GENERATED.items():
        files.append(File.generated(config, path, content=page()))
    files.append(File.generated(config, "stylesheets/code.css", content=HtmlFormatter().get_style_defs(".highlight")))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in constants; name files of the repository, which are not part of the site, instead of linking them."""
    return OUTSIDE.sub(r"\1 (`\2`)", filled(markdown))
