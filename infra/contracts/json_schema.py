"""JSON Schema (draft 2020-12) out of marshmallow schemas, by apispec's converter."""

import inspect
import re
from collections.abc import Mapping
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema, fields

from infra.contracts.examples import read_examples
from schemas.events import PUBLIC_EVENTS, data_schema

Json = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def event_schema(event_type: str) -> Json:
    """Return the JSON Schema of a public event type's data, with its examples. Its `$id` is the events' ce_dataschema."""
    schema = PUBLIC_EVENTS[event_type]
    return {
        "$schema": DIALECT,
        "$id": data_schema(event_type),
        "title": event_type,
        "description": promise_of(schema),
        **convert(schema),
        "examples": list(read_examples(event_type).values()),
    }


def convert(schema: Schema) -> Json:
    """Return what a document of this schema looks like; nested schemas stand where they are used."""
    document: Json = _converter().schema2jsonschema(schema)  # type: ignore[no-untyped-call]  # apispec 6.10.1
    return document


def promise_of(schema: Schema) -> str:
    """Return a schema's docstring as one line."""
    return re.sub(r"\s+", " ", inspect.getdoc(type(schema)) or "").strip()


def _converter() -> OpenAPIConverter:
    plugin = MarshmallowPlugin(schema_name_resolver=lambda _: "")  # no name: no component of its own
    APISpec(title="", version="", openapi_version="3.1.0", plugins=[plugin])  # 3.1: null is a type, as in 2020-12
    converter = plugin.converter
    if converter is None:
        raise AssertionError("apispec gives a plugin its converter when a spec is made")
    converter.add_attribute_function(_constant)  # type: ignore[no-untyped-call]  # apispec 6.10.1
    return converter


def _constant(_: OpenAPIConverter, field: fields.Field[Any], **__: Any) -> Mapping[str, Any]:
    """apispec 6.10.1 has no rule for Constant: without this, any value would fit."""
    return {"const": field.constant} if isinstance(field, fields.Constant) else {}
