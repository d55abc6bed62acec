"""Bytes to try: nearly right, because what is nowhere near is refused at the first look."""

from typing import Any

from hypothesis import strategies as st

from tests.fuzz.seeds import SEEDS, WORDS, body_of

ENCODED = [word.encode("utf-8", "surrogatepass") for word in WORDS]
_NUMBERS = st.one_of(st.integers(), st.integers(-(10**40), 10**40), st.floats(), st.sampled_from([0, -1, 2**63, 1e308]))
_TEXTS = st.one_of(st.text(max_size=30), st.sampled_from(WORDS))
_LEAVES = st.one_of(st.none(), st.booleans(), _NUMBERS, _TEXTS)
VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXTS, inner, max_size=4)),
    max_leaves=8,
)


@st.composite
def changed_documents(draw: st.DrawFn, documents: tuple[Any, ...]) -> bytes:
    """A right JSON document of which some values are replaced, removed or added to."""
    document = draw(st.sampled_from(documents))
    for _ in range(draw(st.integers(0, 3))):
        document = _changed(draw, document)
    return body_of(document)


@st.composite
def changed_bytes(draw: st.DrawFn, texts: tuple[bytes, ...]) -> bytes:
    """A right text with pieces cut out, doubled, and others put in."""
    text = bytearray(draw(st.sampled_from(texts)))
    for _ in range(draw(st.integers(0, 4))):
        start, end = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 2)))
        piece = draw(st.one_of(st.binary(max_size=12), st.sampled_from(ENCODED), st.just(b"\0")))
        text[start : draw(st.sampled_from([start, end]))] = draw(st.sampled_from([piece, bytes(text[start:end]) * 2]))
    return bytes(text)


def bytes_for(target: str) -> st.SearchStrategy[bytes]:
    """Return what to try on a target: its seeds, changed, and anything at all."""
    seeds = SEEDS[target]
    ways: list[st.SearchStrategy[bytes]] = [st.binary(max_size=200), _pieces()]
    if seeds.documents:
        ways.append(changed_documents(seeds.documents))
        ways.append(changed_documents(seeds.documents).map(lambda body: b"\0" * seeds.zeros + body))
    if seeds.texts:
        ways.append(changed_bytes(seeds.texts))
    return st.one_of(ways)


def _pieces() -> st.SearchStrategy[bytes]:
    words = st.one_of(st.sampled_from(ENCODED), st.binary(max_size=8))
    return st.lists(words, max_size=10).map(b"\0".join)


def _changed(draw: st.DrawFn, value: Any) -> Any:
    """Walk down a random way and put something else at its end."""
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        name = draw(st.sampled_from(sorted(value)))
        return {**value, name: _changed(draw, value[name])}
    if isinstance(value, list) and value and draw(st.integers(0, 9)):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], _changed(draw, value[place]), *value[place + 1 :]]
    return draw(st.one_of(VALUES, st.just([value]), st.just(str(value))))
