"""How starting and joining calls is described to programs."""

from marshmallow import Schema, fields, validate

from portal.api import Operation
from portal.calls.schemas import (
    KEY,
    MAX_KEY_CHARACTERS,
    CallStartedSchema,
    JoinSchema,
    StartCallSchema,
    ViewerSchema,
)


class _Key(Schema):
    idempotency_key = fields.String(
        required=True,
        data_key="Idempotency-Key",
        validate=[validate.Regexp(KEY), validate.Length(min=1, max=MAX_KEY_CHARACTERS)],
        metadata={"description": "Another one for each call; repeat a request that got no answer with the same."},
    )


_STARTED = CallStartedSchema()
OPERATIONS = (
    Operation(
        "post", "/api/calls", "startCall", "Start a call",
        "Every freelancer may from an active order's page; Leveled freelancers and Rising Talent from the inbox too. "
        "Repeat it with the same key until it is answered: a call is never made twice.",
        ("calls",), headers=_Key(), body=StartCallSchema(),
        answers={
            201: ("Started.", _STARTED),
            200: ("Started before, with this key.", _STARTED),
            403: ("Not allowed: `rule` says which rule, `possible` what would be.", None),
            409: ("Another request with this key is at work: Retry-After.", None),
        },
    ),
    Operation(
        "get", "/api/calls/{call_id}/join", "joinCall", "The link by which one of the two joins",
        "Each party's own where the Zoom plan allows it; the freelancer also gets a fresh link with the host's rights.",
        ("calls",), query=ViewerSchema(),
        answers={
            200: ("The links.", JoinSchema()),
            409: ("The call's host is in another call by now.", None),
            410: ("Thirty days after it was started, nobody can join.", None),
        },
    ),
)  # fmt: skip
