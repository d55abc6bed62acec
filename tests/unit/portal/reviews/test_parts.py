"""The parts of the analysts' pages: what is vendored, what is reckoned."""

from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

import portal
from portal.reviews.statistics import wilson
from portal.reviews.words import clock_of, span
from tests.unit.portal.reviews.review_world import World

STATIC = Path(portal.__file__).parent / "static"
TEMPLATES = STATIC.parent / "templates"
HTMX_SHA256 = "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"  # of dist/htmx.min.js, 4.0.1


def test_what_is_vendored_is_what_was_published() -> None:
    """The file of the package, byte for byte, with its licence beside it."""
    assert sha256((STATIC / "vendor" / "htmx.min.js").read_bytes()).hexdigest() == HTMX_SHA256
    assert "Zero-Clause BSD" in (STATIC / "vendor" / "htmx.LICENSE").read_text()


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_no_page_needs_what_the_policy_forbids(path: Path) -> None:
    """No script, style or handler within a page: the Content-Security-Policy would stop it."""
    text = path.read_text()

    assert "<script>" not in text
    assert "<style" not in text
    assert " style=" not in text
    assert " on" + "click=" not in text
    assert "hx-on" not in text


def test_pages_load_nothing_from_elsewhere(world: World) -> None:
    """Script, style and picture come from the portal itself."""
    page = world.analyst().get("/flag-1")

    assert "https://" not in page.text
    assert "'unsafe" not in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("hits", "tries", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (1, 1, 0.2065, 1.0), (81, 263, 0.2553, 0.3662)],
)  # fmt: skip  # Newcombe 1998, table I, and arithmetic by hand
def test_the_interval_is_wilsons(hits: int, tries: int, low: float, high: float) -> None:
    """Between 0 and 1 at the ends too."""
    assert wilson(hits, tries) == pytest.approx((low, high), abs=0.0002)


def test_times_are_written_for_people() -> None:
    """Two units at most."""
    assert [span(timedelta(minutes=minutes)) for minutes in (5, 65, 60 * 50)] == ["5 min", "1 h 5 min", "2 d 2 h"]
    assert [clock_of(seconds) for seconds in (7, 312.4, 3727)] == ["0:07", "5:12", "1:02:07"]
