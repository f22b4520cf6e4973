"""Pictures of the pages for the documentation: docs/screenshots/*.png, made anew.

python -m tools.screenshots      # needs Chromium, its driver, selenium and Pillow
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from PIL import Image

from gpugraph import learn
from gpugraph.viz.run import graph_of
from tests.browser import Page, chromium

OUT = Path(__file__).parent.parent / "docs" / "screenshots"
SIZE = 1400, 1000


def shot(browser: Page, page: Path, fragment: str, name: str, dark: bool = False) -> None:
    """Open a page in some state, and keep what is seen, in 128 colours."""
    browser.dark(dark)
    browser.open(page, fragment, *SIZE)
    time.sleep(0.8)
    browser.check()
    file = OUT / f"{name}.png"
    browser.driver.save_screenshot(str(file))
    with Image.open(file) as picture:
        small = picture.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    small.save(file, optimize=True)


def main() -> None:
    """Make them all."""
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        pages = {}
        for name, values in {"lenet5": True, "resnet50": False, "unet": False}.items():
            pages[name] = Path(folder) / f"{name}.html"
            graph_of(name, stats=values, images=values, time=values).save(pages[name])
        learn.build(folder)
        for browser in chromium():
            shot(browser, pages["lenet5"], "#overlay=macs&step=9", "viewer-lenet5")
            shot(browser, pages["resnet50"], "", "viewer-resnet50", dark=True)
            shot(browser, pages["unet"], "", "viewer-unet")
            for name in ("receptive-fields", "backward-1d"):
                shot(browser, Path(folder) / f"{name}.html", "", f"learn-{name}")
    for file in sorted(OUT.iterdir()):
        print(file.name, f"{file.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
