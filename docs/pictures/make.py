"""Take the README's pictures anew: ``python docs/pictures/make.py`` (needs chromium and the extra 'test')."""

from __future__ import annotations

import base64
import importlib.util
import io
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

from roofscape import cli
from roofscape.commands import demo
from roofscape.report import terminal

HERE = Path(__file__).resolve().parent
CLIENT = HERE.parents[1] / "tests" / "browser" / "conftest.py"
PAGES = {  # picture -> command, width and height in pixels, colour scheme
    "page-desktop": (("estimate", "llama-3-70b", "--on", "8xh100-sxm", "--batch", "32"), 1180, 1560, "light"),
    "page-phone": (("estimate", "llama-3-8b", "--on", "h100-sxm", "--batch", "8"), 390, 1560, "dark"),
}


def client() -> Any:
    """The browser's client, which lives with the tests."""
    spec = importlib.util.spec_from_file_location("browser_client", CLIENT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def take_pages(folder: Path) -> None:
    """Screenshots of pages, as PNG."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        sys.exit("no chromium on this machine; install Debian's package chromium")
    tools = client()
    browser = tools.Browser(program, folder / "profile")
    for name, (arguments, width, height, scheme) in PAGES.items():
        file = folder / f"{name}.html"
        cli.main([*arguments, "--html", str(file)])
        view = tools.View(browser, file, width, scheme)
        view.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        view.evaluate("new Promise((done) => setTimeout(done, 500))")
        (HERE / f"{name}.png").write_bytes(base64.b64decode(view.call("Page.captureScreenshot", format="png")["data"]))
        view.close()
    browser.close()


def take_terminal(folder: Path) -> None:
    """What ``roofscape demo`` prints, as SVG with its colours."""
    sheet = Console(record=True, width=108, force_terminal=True, color_system="truecolor", file=io.StringIO(), highlight=False)

    def written(*words: object) -> None:
        sheet.print(" ".join(map(str, words)).replace(str(folder.absolute()) + "/", ""), markup=False)

    terminal.console = lambda: sheet  # type: ignore[attr-defined]
    vars(demo)["print"] = written
    cli.main(["demo", "--html", str(folder / "roofscape-demo.html")])
    svg = sheet.export_svg(title="roofscape demo")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace("Fira Code", "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas")
    (HERE / "terminal.svg").write_text(re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        take_pages(Path(made))
        take_terminal(Path(made))
    for picture in sorted(HERE.glob("*.[ps][nv]g")):
        print(f"{picture.name}: {picture.stat().st_size / 1e3:.0f} kB")
