"""Every page as people see it: on the running product, in Chromium, from the start of a call to the audit of its review.

With PICTURES=FOLDER (`make pictures`) it takes a picture of each page, light and dark, wide and narrow.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from infra.clock import SystemClock
from infra.local.ports import free_ports
from infra.local.stack import Stack
from infra.settings import Address
from tests.contract.node_packages import installed
from tests.contract.s3_fixtures import require_seaweedfs
from tests.e2e.pages.browser import Visitor, launched
from tests.e2e.pages.marketplace import CLIENT, Marketplace
from tests.e2e.pages.walk import WHY, Walk

pytestmark = [pytest.mark.s3, pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def marketplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Marketplace]:
    """A back end, with the whole product running behind it."""
    require_seaweedfs()
    receiver, zoom, portal = (Address("127.0.0.1", port) for port in free_ports(3))
    folder = tmp_path_factory.mktemp("pages") / "run"
    stack = Stack(folder, SystemClock(), lambda _: None, receiver=receiver, zoom=zoom, portal=portal, kafka=False)
    try:
        stack.start()
        yield Marketplace(stack.environment)
    finally:
        stack.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def visitor(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Visitor]:
    """Open another person's browser."""
    axe = installed(Path(__file__).parent / "axe", tmp_path_factory.mktemp("node"))
    source = (axe / "node_modules" / "axe-core" / "axe.min.js").read_text()
    pictures = os.environ.get("PICTURES")
    return lambda: Visitor(browser.new_context(), source, Path(pictures) if pictures else None)


def test_a_call_goes_from_its_start_to_the_audit_of_its_review(
    marketplace: Marketplace, visitor: Callable[[], Visitor]
) -> None:
    """Each page is looked at: no error in its console, no report of its policy, nothing grave that axe-core finds, nothing
    wider than the window. What was opened is on record."""
    walk = Walk(marketplace, visitor)
    walk.start_and_hold("the-walk")
    walk.watch_and_report()
    lead = walk.sign_in()
    walk.find_and_claim(lead)
    walk.look_into(lead)
    walk.decide(lead)
    walk.hold_by_hand(lead)

    record = walk.audit()

    for said in (CLIENT, walk.call_id, "quote.uncovered", "transcript.uncovered", WHY, "The police asked us"):
        assert said in record
