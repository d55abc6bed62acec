"""What of a call's state is not as it was after the in-order run, named so that it can be looked for: which finding, which field."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

State = Mapping[str, Any]

_SPOKEN = ("quote", "said_before", "said_after")  # people's own words stay out of every report
_NAMING = ("rule_id", "flag_id")  # what tells the items of a list apart
_PLACING = ("source", "session_id", "start_seconds")  # and where there are several of one name
_MOST_CHARACTERS = 300  # of one value


def differences(expected: State, found: State) -> Iterator[str]:
    """Yield each field that differs, with what it is and what it was."""
    for name in ("chat", "flags", "tags"):
        yield from _changes(name, expected[name], found[name])
    for event_id in sorted({*expected["events"], *found["events"]}):
        theirs, ours = expected["events"].get(event_id), found["events"].get(event_id)
        kind = (ours or theirs or {})["type"]
        yield from _changes(f"event {kind}", theirs, ours)


def _changes(where: str, expected: object, found: object) -> Iterator[str]:
    if expected == found:
        return
    match expected, found:
        case dict(), dict():
            for name in [*expected, *(name for name in found if name not in expected)]:
                yield from _changes(f"{where}, {name}", expected.get(name), found.get(name))
        case list(), list() if _are_named([*expected, *found]):
            yield from _changes(where, _by_name(expected), _by_name(found))
        case _:
            yield f"{where}: {_shortened(where, found)} in place of {_shortened(where, expected)}"


def _are_named(items: Sequence[object]) -> bool:
    return all(isinstance(item, dict) and any(name in item for name in _NAMING) for item in items)


def _by_name(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    seen: Counter[str] = Counter()
    named = {}
    for item in items:
        name = next(str(item[name]) for name in _NAMING if name in item)
        places = [str(item[place]) for place in _PLACING if item.get(place) is not None]
        name += f" ({' '.join(places)})" if places else ""
        seen[name] += 1
        named[name if seen[name] == 1 else f"{name} #{seen[name]}"] = item
    return named


def _shortened(where: str, value: object) -> str:
    if where.rpartition(", ")[2] in _SPOKEN:
        return "nothing" if value is None else f"{len(str(value))} characters"
    return "nothing" if value is None else json.dumps(_unspoken(value))[:_MOST_CHARACTERS]


def _unspoken(value: object) -> object:
    match value:
        case dict():
            return {name: _unspoken(one) for name, one in value.items() if name not in _SPOKEN}
        case list():
            return [_unspoken(one) for one in value]
        case _:
            return value
