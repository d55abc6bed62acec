"""Who may start a call from where: the marketplace's rules, as one pure function.

Every freelancer may on the page of an active order. Leveled freelancers may from the inbox too, and so may Rising Talent,
about the service that holds the status and no other. A client never may.
"""

from dataclasses import dataclass
from enum import StrEnum

ACTIVE = "active"  # the one state of an order whose page offers a call


class Role(StrEnum):
    """Which side of the conversation asks."""

    FREELANCER = "freelancer"
    CLIENT = "client"


class Level(StrEnum):
    """What the marketplace thinks of a freelancer."""

    NEW = "new"
    RISING_TALENT = "rising_talent"
    LEVEL_1 = "level_1"
    LEVEL_2 = "level_2"
    TOP_RATED = "top_rated"


LEVELED = frozenset({Level.LEVEL_1, Level.LEVEL_2, Level.TOP_RATED})


class Surface(StrEnum):
    """Where the button was pressed."""

    ORDER_PAGE = "order_page"
    INBOX = "inbox"


class Rule(StrEnum):
    """The rule that decided. The first three allow."""

    ACTIVE_ORDER = "active_order"
    LEVELED_INBOX = "leveled_inbox"
    RISING_TALENT_INBOX = "rising_talent_inbox"
    CLIENTS_NEVER = "clients_never"
    ORDER_NOT_ACTIVE = "order_not_active"
    LEVEL_TOO_LOW = "level_too_low"
    SERVICE_WITHOUT_STATUS = "service_without_status"


class Way(StrEnum):
    """What would be possible instead."""

    FREELANCER_STARTS = "freelancer_starts"
    ACTIVE_ORDER_PAGE = "active_order_page"
    INBOX = "inbox"
    INBOX_STATUS_SERVICE = "inbox_status_service"


RULE_TEXTS = {
    Rule.ACTIVE_ORDER: "Every freelancer may start a call on the page of an active order.",
    Rule.LEVELED_INBOX: "Leveled freelancers may start a call from the inbox.",
    Rule.RISING_TALENT_INBOX: "Rising Talent may start a call from the inbox about the service that holds the status.",
    Rule.CLIENTS_NEVER: "A client cannot start a call.",
    Rule.ORDER_NOT_ACTIVE: "From an order's page a call can be started while the order is active.",
    Rule.LEVEL_TOO_LOW: "From the inbox, Leveled freelancers and Rising Talent may start a call.",
    Rule.SERVICE_WITHOUT_STATUS: "Rising Talent may start a call from the inbox only about the service that holds the status.",
}
WAY_TEXTS = {
    Way.FREELANCER_STARTS: "The freelancer can start the call.",
    Way.ACTIVE_ORDER_PAGE: "The call can be started on the page of an active order.",
    Way.INBOX: "The call can be started from the inbox.",
    Way.INBOX_STATUS_SERVICE: "The call can be started from the inbox about the service that holds the status.",
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody wants to start a call. `order_state` is None without an order, and is the marketplace's own word."""

    role: Role
    level: Level
    surface: Surface
    order_state: str | None
    service_holds_status: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether they may, by which rule, and for a refusal what would be possible."""

    rule: Rule
    possible: tuple[Way, ...] = ()

    @property
    def is_allowed(self) -> bool:
        return not self.possible


def may_start(attempt: Attempt) -> Verdict:
    """Judge an attempt. Total: every attempt has a verdict, and every refusal names what would be possible."""
    if attempt.role is not Role.FREELANCER:
        return Verdict(Rule.CLIENTS_NEVER, (Way.FREELANCER_STARTS,))
    if attempt.surface is Surface.ORDER_PAGE:
        return _from_order_page(attempt)
    return _from_inbox(attempt)


def _from_order_page(attempt: Attempt) -> Verdict:
    if attempt.order_state == ACTIVE:
        return Verdict(Rule.ACTIVE_ORDER)
    if attempt.level in LEVELED:
        return Verdict(Rule.ORDER_NOT_ACTIVE, (Way.INBOX, Way.ACTIVE_ORDER_PAGE))
    if attempt.level is Level.RISING_TALENT:
        return Verdict(Rule.ORDER_NOT_ACTIVE, (Way.INBOX_STATUS_SERVICE, Way.ACTIVE_ORDER_PAGE))
    return Verdict(Rule.ORDER_NOT_ACTIVE, (Way.ACTIVE_ORDER_PAGE,))


def _from_inbox(attempt: Attempt) -> Verdict:
    if attempt.level in LEVELED:
        return Verdict(Rule.LEVELED_INBOX)
    if attempt.level is not Level.RISING_TALENT:
        return Verdict(Rule.LEVEL_TOO_LOW, (Way.ACTIVE_ORDER_PAGE,))
    if attempt.service_holds_status:
        return Verdict(Rule.RISING_TALENT_INBOX)
    return Verdict(Rule.SERVICE_WITHOUT_STATUS, (Way.INBOX_STATUS_SERVICE, Way.ACTIVE_ORDER_PAGE))
