"""Who may start a call from where: every combination there is."""

from itertools import product

import pytest

from portal.calls.rules import RULE_TEXTS, WAY_TEXTS, Attempt, Level, Role, Rule, Surface, Verdict, Way, may_start

F, C = Role.FREELANCER, Role.CLIENT
PAGE, INBOX = Surface.ORDER_PAGE, Surface.INBOX
NEW, RISING, ONE, TWO, TOP = Level.NEW, Level.RISING_TALENT, Level.LEVEL_1, Level.LEVEL_2, Level.TOP_RATED
STATES = ("active", "completed", "cancelled", "Active", "", None)  # the word itself counts, and no other
HOLDS = (True, False)

ALLOWED_ON_PAGE = Verdict(Rule.ACTIVE_ORDER)
LEVELED = Verdict(Rule.LEVELED_INBOX)
NEVER = Verdict(Rule.CLIENTS_NEVER, (Way.FREELANCER_STARTS,))
TOO_LOW = Verdict(Rule.LEVEL_TOO_LOW, (Way.ACTIVE_ORDER_PAGE,))
# Role, levels, surface, order's states, whether the service holds the status -> the verdict.
TABLE = [
    (F, (NEW, RISING, ONE, TWO, TOP), PAGE, ("active",), HOLDS, ALLOWED_ON_PAGE),
    (F, (NEW,), PAGE, STATES[1:], HOLDS, Verdict(Rule.ORDER_NOT_ACTIVE, (Way.ACTIVE_ORDER_PAGE,))),
    (F, (RISING,), PAGE, STATES[1:], HOLDS, Verdict(Rule.ORDER_NOT_ACTIVE, (Way.INBOX_STATUS_SERVICE, Way.ACTIVE_ORDER_PAGE))),
    (F, (ONE, TWO, TOP), PAGE, STATES[1:], HOLDS, Verdict(Rule.ORDER_NOT_ACTIVE, (Way.INBOX, Way.ACTIVE_ORDER_PAGE))),
    (F, (ONE, TWO, TOP), INBOX, STATES, HOLDS, LEVELED),
    (F, (RISING,), INBOX, STATES, (True,), Verdict(Rule.RISING_TALENT_INBOX)),
    (F, (RISING,), INBOX, STATES, (False,), Verdict(Rule.SERVICE_WITHOUT_STATUS, (Way.INBOX_STATUS_SERVICE, Way.ACTIVE_ORDER_PAGE))),
    (F, (NEW,), INBOX, STATES, HOLDS, TOO_LOW),
    (C, tuple(Level), PAGE, STATES, HOLDS, NEVER),
    (C, tuple(Level), INBOX, STATES, HOLDS, NEVER),
]  # fmt: skip
CASES = [
    (Attempt(role, *each), verdict)
    for role, levels, surface, states, holds, verdict in TABLE
    for each in product(levels, (surface,), states, holds)
]


@pytest.mark.parametrize(("attempt", "verdict"), CASES)
def test_a_combination_has_its_verdict(attempt: Attempt, verdict: Verdict) -> None:
    """Which rule decides, and what would be possible."""
    assert may_start(attempt) == verdict


def test_the_table_has_every_combination_once() -> None:
    """Nothing is left to chance."""
    every = {Attempt(*each) for each in product(Role, Level, Surface, STATES, HOLDS)}

    assert len(CASES) == len(every)
    assert {attempt for attempt, _ in CASES} == every


def test_a_refusal_always_says_what_would_be_possible() -> None:
    """And every rule and way has its text."""
    allowing = {Rule.ACTIVE_ORDER, Rule.LEVELED_INBOX, Rule.RISING_TALENT_INBOX}

    for attempt, _ in CASES:
        verdict = may_start(attempt)
        assert verdict.is_allowed == (verdict.rule in allowing)
    assert set(RULE_TEXTS) == set(Rule)
    assert set(WAY_TEXTS) == set(Way)
