"""The walk through every page: a call is started, held, recorded, watched, reported, flagged, looked into and decided."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from playwright.sync_api import Page, expect

from infra.clock import SystemClock
from tests.e2e.pages.browser import Visitor
from tests.e2e.pages.marketplace import CLIENT, FREELANCER, Marketplace, wait_for

WHY = "The client asked us to look at what was said"


@dataclass
class Walk:
    """What the steps share. `visitor` opens another person's browser."""

    marketplace: Marketplace
    visitor: Callable[[], Visitor]
    call_id: str = ""

    def start_and_hold(self, key: str) -> None:
        """Start a call through the portal, see its invitation, hold it, and see that its recording is announced."""
        self.call_id, meeting = self.marketplace.start_call(key)
        before = self.visitor()
        before.page.goto(self.marketplace.page_of(self.call_id, FREELANCER))
        wait_for("the page of a call that is arranged", lambda: _shows(before.page, "Your call"))
        before.look("call-arranged")
        self._end(before)
        self.marketplace.hold(meeting, "four-rules")
        wait_for("the recording in the chat", lambda: any("available until" in one for one in self._messages()))

    def watch_and_report(self) -> None:
        """The client watches the recording, reads along, and reports the call."""
        client = self.visitor()
        page = client.page
        page.goto(self.marketplace.page_of(self.call_id, CLIENT))
        wait_for("the recording on the page", lambda: _shows(page, "Read the transcript"))
        client.look("call")
        with page.expect_response(lambda answer: "X-Amz-Signature" in answer.url) as media:
            page.locator("video").first.evaluate("player => { player.play().catch(() => null) }")
        assert media.value.status in (200, 206), media.value.status
        page.reload()
        page.get_by_role("link", name="Read the transcript").first.click()
        client.look("call-transcript")
        page.go_back()
        page.get_by_text("Report a problem with this call").click()
        client.look("call-report")
        page.get_by_label("What is it about?").select_option("off_platform")
        page.get_by_label("What happened?").fill("They asked me to pay outside of the platform.")
        page.get_by_role("button", name="Send the report").click()
        expect(page.get_by_role("heading", name="Your reports")).to_be_visible()
        client.look("call-reported")
        assert client.problems == []
        page.goto(f"{self.marketplace.portal_url}/calls/nobodys-call")
        client.problems[:] = [one for one in client.problems if "status of 4" not in one]  # it is what was asked for
        client.look("refused")
        self._end(client)

    def sign_in(self) -> Visitor:
        """A lead signs in with a one-time link."""
        lead = self.visitor()
        lead.page.goto(f"{self.marketplace.portal_url}/reviews")
        lead.look("sign-in")
        lead.page.goto(self.marketplace.command("portal", "sign-in", "--role", "lead").strip().split()[-1])
        lead.look("sign-in-once")
        lead.page.get_by_role("button", name="Sign in").click()
        return lead

    def find_and_claim(self, lead: Visitor) -> None:
        """The flag is in the queue, found by its order, and is claimed."""
        page = lead.page

        def is_flagged() -> bool:
            page.goto(f"{self.marketplace.portal_url}/reviews?search=order-17")
            return page.get_by_role("button", name="Claim").count() > 0

        wait_for("the flag in the queue", is_flagged)
        page.goto(f"{self.marketplace.portal_url}/reviews")
        lead.look("queue")
        page.goto(f"{self.marketplace.portal_url}/reviews?search=order-17")
        page.get_by_role("button", name="Claim").first.click()
        expect(page.get_by_role("heading", name="Findings")).to_be_visible()

    def look_into(self, lead: Visitor) -> None:
        """Quotes and transcript are uncovered, and the recording opens with a reason, paused where the finding is."""
        page = lead.page
        page.get_by_role("button", name="Show what was said").first.click()
        expect(page.locator("blockquote").first).to_be_visible()
        page.get_by_role("button", name="Show the transcript").click()
        expect(page.locator("mark").first).to_be_visible()
        page.get_by_label("Why you open it").fill(WHY)
        page.get_by_role("button", name="Open the recording").click()
        expect(page.locator("#player video, #player audio").first).to_be_visible()
        assert page.locator("#player video, #player audio").first.evaluate("player => player.paused")
        self._read_hold(page, re.compile("Held: read back"))
        lead.look("case")

    def decide(self, lead: Visitor) -> None:
        """The case is confirmed; with it the hold that came with it goes."""
        page = lead.page
        page.get_by_label("Confirm: it breaks the rules").check()
        page.get_by_label("What is to be done").select_option("warning")
        page.locator("#note").fill("Asked twice for a payment outside, plainly.")
        page.get_by_role("button", name="Decide", exact=True).click()
        expect(page.get_by_text("Asked twice for a payment outside, plainly.").first).to_be_visible()
        self._read_hold(page, re.compile("Not held"))

    def hold_by_hand(self, lead: Visitor) -> None:
        """A lead keeps the recordings for longer, with a reason and a day."""
        page = lead.page
        page.get_by_text("Hold it by hand").click()
        held = page.locator("form", has=page.locator("[name=review_at]"))
        held.locator("[name=reason]").fill("The police asked us to keep it")
        held.locator("[name=review_at]").fill(f"{SystemClock().now() + timedelta(days=90):%Y-%m-%d}")
        held.get_by_role("button", name="Hold the recordings").click()
        self._read_hold(page, re.compile("Held: read back"))
        lead.look("case-decided")
        page.goto(f"{self.marketplace.portal_url}/reviews/leads")
        expect(page.get_by_text("The police asked us to keep it")).to_be_visible()
        lead.look("leads")
        page.goto(f"{self.marketplace.portal_url}/reviews/rules")
        lead.look("rules")
        self._end(lead)

    def audit(self) -> str:
        """What is on record of it all, once it is proven that nobody changed it."""
        self.marketplace.command("portal", "audit", "verify")
        return self.marketplace.command("portal", "audit", "export")

    def _messages(self) -> list[str]:
        return self.marketplace.messages()

    def _read_hold(self, page: Page, said: re.Pattern[str]) -> None:
        def stands() -> bool:
            page.reload()
            page.wait_for_load_state("networkidle")
            return page.get_by_text(said).count() > 0

        if page.get_by_text(said).count() == 0:
            wait_for(f"the hold to be told as {said.pattern}", stands)

    def _end(self, visitor: Visitor) -> None:
        assert visitor.problems == []
        visitor.page.context.close()


def _shows(page: Page, text: str) -> bool:
    page.reload()
    return page.get_by_text(text).count() > 0
