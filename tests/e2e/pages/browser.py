"""A real browser for the tests of pages: Debian's Chromium, which tells of everything that a page did wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, sync_playwright

from tests.conftest import missing

CHROMIUM = "/usr/bin/chromium"  # Debian's
ARGUMENTS = (
    "--no-sandbox",  # CI is root, whom Chromium's sandbox refuses
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-pings",
)
WAIT_MILLISECONDS = 30_000  # a page is there in a second; a loaded machine is slower
WIDTHS = {"wide": 1280, "narrow": 390}  # a laptop, a phone
GRAVE = ("serious", "critical")  # of axe-core's four impacts

Scheme = Literal["light", "dark"]


class Visitor:
    """One person's browser, with what it had to complain about: `problems` is empty on good pages."""

    def __init__(self, context: BrowserContext, axe: str, pictures: Path | None) -> None:
        self.problems: list[str] = []
        self._axe = axe
        self._pictures = pictures
        self._context = context
        self._context.set_default_timeout(WAIT_MILLISECONDS)
        self._context.add_init_script(
            "addEventListener('securitypolicyviolation', e => console.error('policy: ' + e.violatedDirective))"
        )
        self.page: Page = context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", self._failed)

    def look(self, name: str) -> None:
        """Look for what people with disabilities could not use, light and dark, wide and narrow; take pictures if wanted."""
        for scheme in ("light", "dark"):
            for width_name, width in WIDTHS.items():
                self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # colours at once
                self.page.set_viewport_size({"width": width, "height": 800})
                self._check(f"{name}, {scheme}, {width_name}")
                if self._pictures is not None:
                    path = self._pictures / f"{name}-{width_name}-{scheme}.png"
                    self.page.screenshot(path=path, full_page=True, animations="disabled")
                    make_small(path)
        self.page.set_viewport_size({"width": WIDTHS["wide"], "height": 800})

    def _check(self, where: str) -> None:
        self.page.evaluate(self._axe)
        found: list[dict[str, Any]] = self.page.evaluate("axe.run().then(result => result.violations)")
        for one in found:
            if one["impact"] in GRAVE:
                places = "; ".join(node["html"][:120] for node in one["nodes"][:3])
                self.problems.append(f"{where}: {one['id']}: {one['help']}: {places}")
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            self.problems.append(f"{where}: it is {wide} px wider than the window")

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(f"{self.page.url}: {message.text}")

    def _failed(self, error: Error) -> None:
        self.problems.append(f"{self.page.url}: {error.message}")


def make_small(path: Path) -> None:
    """Keep 128 colours, which is all that the pages have: a third of the bytes."""
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


@contextmanager
def launched() -> Iterator[Browser]:
    """Run Chromium; skip where it is not installed."""
    if not Path(CHROMIUM).exists():
        missing("Chromium is not installed: make install-system installs it (as root, on Debian)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
