"""What a policy is once it has been loaded: rules with compiled patterns, and a version that is a hash of its content.

How a rule is written:

| field | meaning |
|---|---|
| id | never reused, never renamed: decisions and statistics hang on it |
| title, explanation | for the analyst: what it is, and what not to conclude from it |
| category | one of CATEGORIES |
| severity | 1 a note … 5 danger to life |
| ground | what a person or group is attacked for, one of GROUNDS, where a rule is about one |
| confidence | 0 … 1: how often a hit is what the title says |
| mode | `live`; `shadow` (found, never flags, never shown); `off` |
| flags | `scored` (default): together with the other findings; `always`: this finding alone makes a flag |
| signal | metadata rules: which fact raises it (SIGNALS); such a rule has no patterns |
| channels | text rules: `transcript` (captions too), `chat` |
| any | text rules: RE2 patterns over folded text, one must match; `{name}` stands for lists/name.txt, `<phone>` for a mark (identifiers.py) |
| validate | text rules: what the matched text must pass (validators.py); such a rule sees numbers in place of marks |
| max_per_day | so many calls a day at most get flagged by this rule; its further findings are in shadow, with an alarm |
| near | `any`, `within_seconds`, `adds`: such words by anybody close by raise the confidence |
| asked | `any`, `within_seconds`: only as an answer to such words, which somebody else said so long before at most |
| unless | one or several of `any`, `within_tokens`, `drops`, `side`: such words around the hit (or `side: before` it) lower the severity by the most that one of them says, at 0 there is no hit |
| learned | instead of `any`: `at_least`, `likely`, `certain`: how likely the model must find a text, for severity 1, 2 and the rule's own |
| match, no_match | text rules: lines it must and must not hit; checked before a policy is used |
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from schemas.errors import PipelineError
from schemas.texts.identifiers import Match

if TYPE_CHECKING:
    from processors.meeting_flagging.learned.model import Model

CATEGORIES = (
    "inappropriate_language", "offensive_comment", "hate_harassment", "sexual", "violence_threat", "prohibited_service",
    "off_platform", "personal_data", "payment_details", "suspicious_link", "remote_access", "uncomfortable",
    "metadata", "report",
)  # fmt: skip  # the marketplace's own policy, one id per item, and two for what nobody said
SIGNALS = (
    "recording_missing", "recording_stopped", "recording_paused", "recording_trashed", "recording_deleted",
    "link_posted", "live_streaming", "reported",
)  # fmt: skip  # what metadata and reports can raise
CHANNELS = ("transcript", "chat")
GROUNDS = (
    "gender", "gender_identity", "sexual_orientation", "disability", "mental_illness", "appearance", "body_size",
    "race", "religion", "accent", "dialect", "national_origin",
)  # fmt: skip  # those that the marketplace's policy protects
MODES = ("live", "shadow", "off")
FLAGS = ("scored", "always")
SIDES = ("around", "before")  # where words lie that make a hit less grave

Finding = dict[str, Any]  # JSON-able: the fields of schemas.events.flags.FindingSchema, and `mode`, `flags`


class PolicyError(PipelineError):
    """The policy must not be used; the text names file, line and rule. The one in use stays."""


class PatternSet(Protocol):
    """What we use of a compiled RE2 set."""

    def Match(self, text: str) -> list[int] | None: ...  # noqa: N802 # RE2's own name


class Pattern(Protocol):
    """What we use of a compiled RE2 pattern."""

    @property
    def pattern(self) -> str: ...
    def finditer(self, text: str, pos: int = 0) -> Iterator[Match]: ...
    def search(self, text: str) -> Match | None: ...


@dataclass(frozen=True, slots=True)
class Near:
    """Words close by, by anybody, that make a hit more certain."""

    pattern: Pattern
    within_seconds: float
    adds: float


@dataclass(frozen=True, slots=True)
class Unless:
    """Words around a hit that make it less grave, or none."""

    pattern: Pattern
    within_tokens: int
    drops: int
    side: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Words that somebody else must have said just before: a hit is the answer to them."""

    pattern: Pattern
    within_seconds: float


RIGHT_AT_CERTAIN = 0.7  # then one finding of severity 3 is just enough for a flag (scoring.FLAG_SCORE)


def _odds(chance: float) -> float:
    return chance / max(1.0 - chance, 1e-12)


@dataclass(frozen=True, slots=True)
class Learned:
    """How likely the learned model must find a text: `at_least` to be a note (severity 1), `likely` for severity 2 at
    most, `certain` for the rule's own severity.

    Chosen by category on clean meetings (docs/trust-and-safety.md, "The learned model").
    """

    at_least: float
    likely: float
    certain: float

    def severity(self, chance: float, most: int) -> int:
        """The severity of a text that is so likely, `most` being the rule's own."""
        return most if chance >= self.certain else min(most, 2 if chance >= self.likely else 1)

    def confidence(self, chance: float) -> float:
        """How often a finding in a call is right: RIGHT_AT_CERTAIN at `certain`, and as its odds are from there."""
        odds = _odds(RIGHT_AT_CERTAIN) * _odds(chance) / _odds(self.certain)
        return odds / (1.0 + odds)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `place` is its file and line; `version` a hash of everything that decides what it finds."""

    id: str
    version: str
    place: str
    title: str
    explanation: str
    category: str
    severity: int
    confidence: float
    mode: str
    flags: str
    signal: str | None
    ground: str | None
    channels: tuple[str, ...]
    pattern: Pattern | None
    validator: str | None
    max_per_day: int | None
    near: Near | None
    asked: Asked | None
    unless: tuple[Unless, ...]
    learned: Learned | None
    match: tuple[str, ...]
    no_match: tuple[str, ...]

    def finding(self, source: str, **evidence: Any) -> Finding:
        """Return a finding of this rule; evidence that is not given is None."""
        return {
            "rule_id": self.id,
            "rule_version": self.version,
            "category": self.category,
            "ground": self.ground,
            "severity": self.severity,
            "confidence": self.confidence,
            "explanation": self.explanation,
            "mode": self.mode,
            "flags": self.flags,
            "source": source,
            "speaker": None,
            "start_seconds": None,
            "end_seconds": None,
            "quote": None,
            "quote_from": None,
            "quote_to": None,
            "said_before": None,
            "said_after": None,
            "nearest": [],
            "telling": [],
            **evidence,
        }


@dataclass(frozen=True, slots=True)
class TextRules:
    """Rules to run over one text. `matching` tells the numbers of those that match: most talk is passed over at once."""

    rules: tuple[Rule, ...]
    matching: PatternSet


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules that are not off. `version` is a hash of every policy file's content; `text` is by channel; `model` is
    there when a rule asks it."""

    version: str
    rules: tuple[Rule, ...]
    text: Mapping[str, TextRules]
    model: "Model | None" = None

    def learned(self, channel: str) -> dict[str, Rule]:
        """The rules that ask the learned model about this channel, by category."""
        return {rule.category: rule for rule in self.rules if rule.learned and channel in rule.channels}

    def signal_rule(self, signal: str) -> Rule | None:
        """The rule that this signal raises; None when the policy has none."""
        return next((rule for rule in self.rules if rule.signal == signal), None)
