"""What may change in a published document, and what may not.

The rule: everything that is written under the new document is valid under every one that was published before. A
subscriber who validates by an old copy, or generated code from it, never meets what it does not allow.

| change | |
|---|---|
| a new event type, a new field, better words or examples | allowed: subscribers ignore what they do not know |
| a promise made tighter: a type or an enum narrowed, null no longer used, a limit or a required field added | allowed |
| an event type or a field removed | breaking |
| a required field that may be absent, a type widened (null, or a number where an integer was) | breaking |
| a value added to an enum, a const changed, a limit or a pattern loosened, another format | breaking |

A breaking change is a new version beside the old one: `v2` in the name, in `$id` and in ce_dataschema.
"""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

_WORDS = frozenset({"$schema", "$comment", "title", "description", "examples", "default"})
_STRUCTURE = frozenset({"type", "properties", "required", "items", "enum", "const"})
_LOWER = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems"})  # a higher one is tighter
_UPPER = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems"})  # a lower one is tighter
_ANY = object()


def breaking_changes(published: Json, proposed: Json, at: str = "") -> list[str]:
    """Return what a reader of `published` could stumble over in documents of `proposed`, one sentence each."""
    return [f"{at or 'the document'}: {change}" for change in _here(published, proposed)] + [
        change for name, old, new in _inner(published, proposed) for change in breaking_changes(old, new, f"{at}{name}")
    ]


def _here(old: Json, new: Json) -> Iterator[str]:
    yield from _types(old, new)
    yield from _fields(old, new)
    yield from _values(old, new)
    yield from _limits(old, new)


def _types(old: Json, new: Json) -> Iterator[str]:
    promised, used = _type_set(old), _type_set(new)
    if promised is not None and (used is None or not used <= promised):
        more = "any" if used is None else ", ".join(sorted(used - promised))
        yield f"the type may now be {more}"


def _type_set(schema: Json) -> frozenset[str] | None:
    """The JSON types that a schema allows, an integer being a number; None: any."""
    found = schema.get("type")
    if found is None:
        return None
    names = frozenset([found] if isinstance(found, str) else found)
    return names | {"integer"} if "number" in names else names


def _fields(old: Json, new: Json) -> Iterator[str]:
    for name in sorted(_properties(old).keys() - _properties(new).keys()):
        yield f"the field {name} is gone"
    for name in sorted(set(old.get("required", ())) - set(new.get("required", ()))):
        if name in _properties(new):
            yield f"the field {name} may now be absent"


def _values(old: Json, new: Json) -> Iterator[str]:
    promised = _allowed(old)
    if promised is None:
        return
    used = _allowed(new)
    if used is None:
        yield "any value is now allowed"
        return
    for value in used:
        if value not in promised:
            yield f"the value {value!r} is new"


def _allowed(schema: Json) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    found: list[Any] | None = schema.get("enum")
    return found


def _limits(old: Json, new: Json) -> Iterator[str]:
    for name in sorted(old.keys() - _WORDS - _STRUCTURE):
        promised, used = old[name], new.get(name, _ANY)
        if not _as_tight(name, promised, used):
            yield f"{name} was {promised!r} and is {'no longer there' if used is _ANY else repr(used)}"


def _as_tight(name: str, promised: Any, used: Any) -> bool:
    if used is _ANY:
        return name == "additionalProperties" and promised is True
    if name in _LOWER:
        return bool(used >= promised)
    if name in _UPPER:
        return bool(used <= promised)
    return bool(used == promised) or (name == "additionalProperties" and promised is True)


def _inner(old: Json, new: Json) -> Iterator[tuple[str, Json, Json]]:
    for name in sorted(_properties(old).keys() & _properties(new).keys()):
        yield f".{name}", _properties(old)[name], _properties(new)[name]
    if isinstance(old.get("items"), dict):
        yield "[]", old["items"], new.get("items", {})


def _properties(schema: Json) -> dict[str, Json]:
    found: dict[str, Json] = schema.get("properties", {})
    return found
