"""What may change in a published document, case by case."""

from typing import Any

import pytest

from infra.contracts.breaking import breaking_changes

Json = dict[str, Any]


def document(required: tuple[str, ...] = ("name",), **properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": True}


def field(change: Json) -> Json:
    return document(name=change)


TEXT = {"type": "string"}
ALLOWED = {
    "nothing": (field(TEXT), field(TEXT)),
    "a new field": (field(TEXT), document(name=TEXT, more={"type": "integer"})),
    "a new required field": (field(TEXT), document(("name", "more"), name=TEXT, more=TEXT)),
    "an optional field becomes required": (document((), name=TEXT), field(TEXT)),
    "null is no longer used": (field({"type": ["string", "null"]}), field(TEXT)),
    "a number becomes an integer": (field({"type": "number"}), field({"type": "integer"})),
    "any type becomes one": (field({}), field(TEXT)),
    "a value is no longer used": (field({"enum": ["a", "b"]}), field({"enum": ["a"]})),
    "an enum becomes a const": (field({"enum": ["a", "b"]}), field({"const": "a"})),
    "a lower limit is raised": (field({"minimum": 1}), field({"minimum": 2})),
    "an upper limit is lowered": (field({"maximum": 5}), field({"maximum": 4})),
    "a limit is new": (field(TEXT), field(TEXT | {"maxLength": 9, "pattern": "a"})),
    "other words and examples": (
        field(TEXT | {"description": "old"}) | {"title": "a", "examples": [1]},
        field(TEXT | {"description": "new"}) | {"title": "b", "examples": [2]},
    ),
    "unknown fields are no longer allowed": (field(TEXT), field(TEXT) | {"additionalProperties": False}),
}
BREAKING = {
    "a field is removed": (document(name=TEXT, more=TEXT), field(TEXT), "the document: the field more is gone"),
    "a field is renamed": (field(TEXT), document(("title",), title=TEXT), "the document: the field name is gone"),
    "a required field is optional": (field(TEXT), document((), name=TEXT), "the document: the field name may now be absent"),
    "another type": (field(TEXT), field({"type": "integer"}), ".name: the type may now be integer"),
    "null is new": (field(TEXT), field({"type": ["string", "null"]}), ".name: the type may now be null"),
    "an integer becomes a number": (field({"type": "integer"}), field({"type": "number"}), ".name: the type may now be number"),
    "one type becomes any": (field(TEXT), field({}), ".name: the type may now be any"),
    "a value is new": (field({"enum": ["a"]}), field({"enum": ["a", "b"]}), ".name: the value 'b' is new"),
    "an enum is dropped": (field({"enum": ["a"]}), field(TEXT), ".name: any value is now allowed"),
    "a const is another": (field({"const": "1.0"}), field({"const": "2.0"}), ".name: the value '2.0' is new"),
    "a lower limit is lowered": (field({"minimum": 1}), field({"minimum": 0}), ".name: minimum was 1 and is 0"),
    "an upper limit is raised": (field({"maximum": 5}), field({"maximum": 6}), ".name: maximum was 5 and is 6"),
    "a limit is dropped": (field({"maxLength": 5}), field({}), ".name: maxLength was 5 and is no longer there"),
    "another pattern": (field({"pattern": "a"}), field({"pattern": "b"}), ".name: pattern was 'a' and is 'b'"),
    "another format": (field({"format": "date-time"}), field({}), ".name: format was 'date-time' and is no longer there"),
    "another id": ({"$id": "urn:v1"}, {"$id": "urn:v2"}, "the document: $id was 'urn:v1' and is 'urn:v2'"),
    "unknown fields are allowed": ({"additionalProperties": False}, {"additionalProperties": True}, "additionalProperties"),
    "inside a list": (
        field({"type": "array", "items": document(("kind",), kind=TEXT)}),
        field({"type": "array", "items": document((), kind=TEXT)}),
        ".name[]: the field kind may now be absent",
    ),
    "inside an object": (field(document(name=TEXT)), field(document(name={})), ".name.name: the type may now be any"),
    "entries of any kind": (field({"items": TEXT}), field({}), ".name[]: the type may now be any"),
}  # fmt: skip


@pytest.mark.parametrize(("published", "proposed"), ALLOWED.values(), ids=ALLOWED)
def test_change_is_allowed_when_old_readers_understand_it(published: Json, proposed: Json) -> None:
    """What is written under the new document is valid under the old one."""
    assert breaking_changes(published, proposed) == []


@pytest.mark.parametrize(("published", "proposed", "expected"), BREAKING.values(), ids=BREAKING)
def test_change_is_breaking_when_old_readers_could_stumble(published: Json, proposed: Json, expected: str) -> None:
    """It is told by its place and in one sentence."""
    (found,) = breaking_changes(published, proposed)

    assert expected in found
