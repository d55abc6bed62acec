"""How an area describes its requests for programs: the OpenAPI document is made of these, and of nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from marshmallow import Schema

Answers = Mapping[int, tuple[str, Schema | None]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One request below `/api/`. `scopes` are those of which a service token needs one; `browser`: a participant's
    session does as well. Refusals that many requests share need not be named (see portal.openapi)."""

    method: str
    path: str
    name: str
    summary: str
    meaning: str
    scopes: tuple[str, ...] = ()
    browser: bool = False
    query: Schema | None = None
    body: Schema | None = None
    headers: Schema | None = None
    answers: Answers = field(default_factory=dict)
