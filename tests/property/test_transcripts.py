"""Reading what Zoom wrote down is total: whatever the bytes, there are utterances or none, and never an exception."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from processors.meeting_flagging import load_policy, scan
from schemas.texts.folding import fold
from schemas.texts.identifiers import marked
from schemas.texts.redact import MAX_QUOTE_CHARACTERS, mask, mask_spans, quote
from schemas.texts.spoken import write_down
from schemas.texts.transcripts import parse, seconds_covered

POLICY = load_policy()
KINDS = st.sampled_from(["transcript", "captions", "chat"])
PIECES = st.sampled_from(
    [
        "WEBVTT", "\n", "\r\n", "\r", "1", "00:00:01.000 --> 00:00:02.000", "999:59:59.999 --> 00:00:00.000",
        "00:61:00.000 --> 00:62:00.000", "-->", "Ida Tern: ", "<v Bo>", "<", "&#0;", "&amp;", "\ufeff", "\u200b", "\x00",
        "00:00:05\tIda:\t", "00:00:05 From Ida to Everyone:\t", 'Reacted to "x" with 👍', 'Replying to "', "pay me by paypal",
        "4111 1111 1111 1111", "my password is x", "ß", "İ", "ﬁ", "\ud7ff", "NOTE", " ",
    ]
)  # fmt: skip
DOCUMENTS = st.one_of(st.binary(max_size=300), st.lists(PIECES, max_size=30).map(lambda parts: "".join(parts).encode()))


@given(DOCUMENTS, KINDS)
@example(b"\xff\xfe\x00", "transcript")
@example(b"\xef\xbb\xbf\xef\xbb\xbf", "chat")
def test_parse_is_total_when_given_any_bytes(document: bytes, kind: str) -> None:
    """Any bytes give a list of utterances whose times do not run backwards."""
    utterances = parse(document, kind)

    assert all(0 <= one.start_seconds <= one.end_seconds for one in utterances)
    assert seconds_covered(utterances) >= 0


@given(DOCUMENTS, KINDS)
def test_scan_is_total_when_given_any_bytes(document: bytes, kind: str) -> None:
    """Any bytes can be scanned; quotes keep to their length."""
    result = scan(document, kind, POLICY)

    assert all(len(finding["quote"]) <= MAX_QUOTE_CHARACTERS for finding in result.findings)


@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=12).map("".join)))
def test_folding_finds_its_way_back_when_given_any_text(text: str) -> None:
    """Every folded character comes from a place of the original, in order."""
    for folded in (fold(text), write_down(fold(text)), marked(write_down(fold(text)))):
        assert len(folded.begins) == len(folded.ends) == len(folded.text)
        assert list(folded.begins) == sorted(folded.begins)
        assert all(0 <= begin < end <= len(text) for begin, end in zip(folded.begins, folded.ends, strict=True))


@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=12).map("".join)), st.data())
def test_quote_is_total_when_given_any_span(text: str, data: st.DataObject) -> None:
    """A quote around any span is short, and spans to mask do not overlap."""
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    spans = mask_spans(text)

    assert len(quote(text, start, end)) <= MAX_QUOTE_CHARACTERS
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


@pytest.mark.parametrize("gap", ["", " ", "-", "  ", "\u200b", "."])
@given(number=st.sampled_from(["4111111111111111", "5105105105105100", "378282246310005"]), around=st.text(max_size=40))
def test_mask_hides_card_numbers_however_they_are_spaced(gap: str, number: str, around: str) -> None:
    """No spacing of a card number leaves more than its last four digits."""
    spaced = gap.join(number)

    masked = mask(f"{around} {spaced} {around}")

    assert spaced not in masked
    assert number[:6] not in masked
