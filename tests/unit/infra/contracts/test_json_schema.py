"""Marshmallow schemas become the JSON Schema that they stand for."""

from marshmallow import INCLUDE, Schema, fields

from infra.contracts.json_schema import convert, event_schema, promise_of
from schemas.events import PUBLIC_EVENTS, data_schema


class Inner(Schema):
    class Meta:
        unknown = INCLUDE

    kind = fields.Constant("inner", required=True)


class Outer(Schema):
    """Promises
    something."""

    class Meta:
        unknown = INCLUDE

    version = fields.Constant(3)
    inner = fields.List(fields.Nested(Inner), required=True)
    maybe = fields.Integer(allow_none=True)


def test_constant_keeps_its_value_when_converted() -> None:
    """A Constant is a const, nested ones too; apispec alone would allow any value."""
    document = convert(Outer())

    assert document["properties"]["version"]["const"] == 3
    assert document["properties"]["inner"]["items"]["properties"]["kind"]["const"] == "inner"


def test_null_is_a_type_when_none_is_allowed() -> None:
    """As JSON Schema 2020-12 has it."""
    assert convert(Outer())["properties"]["maybe"] == {"type": ["integer", "null"]}


def test_description_is_one_line_when_the_docstring_is_wrapped() -> None:
    """Line breaks of the source are none of the reader's business."""
    assert promise_of(Outer()) == "Promises something."


def test_every_object_may_grow_when_published() -> None:
    """Event schemas only grow, so no object of a public schema forbids a new field."""
    objects = [part for name in PUBLIC_EVENTS for part in _objects(event_schema(name))]

    assert len(objects) > len(PUBLIC_EVENTS)
    assert all(part["additionalProperties"] is True for part in objects)


def test_every_field_says_what_it_means_when_published() -> None:
    """A subscriber need not ask."""
    silent = [
        (name, field)
        for name in PUBLIC_EVENTS
        for part in _objects(event_schema(name))
        for field, schema in part["properties"].items()
        if not schema.get("description")
    ]

    assert silent == []


def test_schema_is_named_as_the_events_name_it() -> None:
    """`$id` is the ce_dataschema that records carry; title, description and examples are there."""
    for name in PUBLIC_EVENTS:
        document = event_schema(name)

        assert (document["$id"], document["title"]) == (data_schema(name), name)
        assert document["description"]
        assert document["examples"]


def _objects(schema: object) -> list[dict]:  # type: ignore[type-arg]  # any JSON
    if isinstance(schema, list):
        return [found for inner in schema for found in _objects(inner)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" else []
    return own + [found for name, inner in schema.items() if name != "examples" for found in _objects(inner)]
