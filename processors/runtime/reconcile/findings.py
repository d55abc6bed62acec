"""What a reconciliation found: each step's findings, added up to the report."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(slots=True)
class Findings:
    """Counts by what they are about, and what a person may have to look at.

    `lost`: events of Zoom's log that ours did not have, by type; `unusable` ones no topic takes, by reason.
    `closed` and `discovered`: sessions whose end only REST knew, and those that nobody had told of at all.
    `announced`: files that no event had named. `unarchived`: files on Zoom that are not in the archive, by object key,
    each with why. `missing` and `short`: objects that their receipt says are there. `never_ended`: sessions.
    `unseen`: what could not be looked at although it should have been, with why; `left_out`: what no setting allows.
    """

    deliveries: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    unusable: dict[str, int] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)
    discovered: list[str] = field(default_factory=list)
    never_ended: list[str] = field(default_factory=list)
    announced: list[str] = field(default_factory=list)
    unarchived: dict[str, str] = field(default_factory=dict)
    objects: int = 0
    missing: list[str] = field(default_factory=list)
    short: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    unseen: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def add(self, other: "Findings") -> None:
        """Take in what another step found."""
        for one in fields(self):
            mine, theirs = getattr(self, one.name), getattr(other, one.name)
            if one.name in ("lost", "unusable"):
                mine = dict(Counter(mine) + Counter(theirs))
            elif isinstance(mine, dict):
                mine = {**mine, **theirs}
            elif isinstance(mine, list):
                mine = [*mine, *(each for each in theirs if each not in mine)]
            else:
                mine = mine + theirs
            setattr(self, one.name, mine)

    @property
    def needs_a_person(self) -> bool:
        """Whether something is wrong that this run could not put right."""
        waiting = all(why == ON_ITS_WAY for why in self.unarchived.values())
        return bool(self.missing or self.short or self.never_ended or self.unseen or self.unusable) or not waiting


ON_ITS_WAY = "on its way"  # asked for; the archive has it soon


@dataclass(frozen=True, slots=True)
class Report:
    """The findings of a whole run. `dry_run`: nothing was written, `would` be."""

    since: str
    until: str
    dry_run: bool
    findings: Findings

    def document(self) -> dict[str, Any]:
        """The report as JSON."""
        found = {one.name: getattr(self.findings, one.name) for one in fields(self.findings)}
        lost = sum(self.findings.lost.values())
        return {
            "since": self.since,
            "until": self.until,
            "dry_run": self.dry_run,
            "needs_a_person": self.findings.needs_a_person,
            "events_lost": lost,
            "events_recovered": 0 if self.dry_run else lost,
            **found,
        }

    def lines(self) -> Iterator[str]:
        """The report for people: counts first, then what to look at, one line each."""
        found, would = self.findings, "would be " if self.dry_run else ""
        lost = sum(found.lost.values())
        by_type = ", ".join(f"{count} {name}" for name, count in sorted(found.lost.items()))
        yield f"from {self.since} to {self.until}"
        brought = f" and {would}recovered" if lost else ""
        yield f"events: {found.deliveries} deliveries in Zoom's log, {lost} lost{brought}{_of(by_type)}"
        yield f"calls: {len(found.closed)} ends {would}inferred, {len(found.discovered)} sessions nobody told of, {len(found.never_ended)} never ended"
        yield f"recordings: {len(found.announced)} files {would}announced, {len(found.unarchived)} on Zoom and not archived"
        yield f"objects: {found.objects} looked at, {len(found.missing)} missing, {len(found.short)} short or different"
        for name, why in (*found.left_out.items(), *found.unseen.items()):
            yield f"not looked at: {name}: {why}"
        for reason, count in sorted(found.unusable.items()):
            yield f"unusable: {count} deliveries: {reason}"
        for session in found.never_ended:
            yield f"never ended: session {session}"
        for key, why in sorted(found.unarchived.items()):
            yield f"not archived: {key}: {why}"
        yield from (f"missing: {key}" for key in found.missing)
        yield from (f"short or different: {key}" for key in found.short)


def _of(text: str) -> str:
    return f" ({text})" if text else ""
