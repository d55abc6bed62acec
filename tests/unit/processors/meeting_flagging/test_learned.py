"""The learned detector: what it reads, what it finds in which cues, what it shows, and that it was built from the corpus."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from processors.meeting_flagging import SHIPPED, Policy, PolicyError, load_policy
from processors.meeting_flagging.labelled import read_labelled
from processors.meeting_flagging.learned.concepts import read_concepts
from processors.meeting_flagging.learned.detector import find_learned, hear
from processors.meeting_flagging.learned.files import load_reader
from processors.meeting_flagging.learned.grounds import ground_of
from processors.meeting_flagging.learned.model import MODEL, TEXT_CATEGORIES
from processors.meeting_flagging.learned.training import CORPUS, as_bytes, build, read_lines, sources
from processors.meeting_flagging.learned.words import pieces, stretches, words_of
from processors.meeting_flagging.rules import GROUNDS, Finding, Learned
from schemas.texts.transcripts import Utterance
from tests.unit.processors.shipped_policy import POLICY

ASKS_FOR_CONTROL = "install any desk and read me the nine digit code so I can control your computer"


def found_in(*cues: tuple[str, str], policy: Policy = POLICY) -> list[Finding]:
    """What the model finds in cues of five seconds, one after another, each of a speaker."""
    said = [Utterance(who, 5.0 * place, 5.0 * place + 4.5, text) for place, (who, text) in enumerate(cues)]
    assert policy.model is not None
    return find_learned(hear(said, policy.model), policy.learned("transcript"), "transcript")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("it's john's, at 10pm!", ["it's", "john's", ",", "at", "10", "pm", "!"]),
        ("s t u p i d idea", ["stupid", "idea"]),
        ("i am a b tester", ["i", "am", "a", "b", "tester"]),
        ("w0men and tr@sh", ["women", "and", "trash"]),
        ("you you you go", ["you", "go"]),
        ("{laughter} yes [inaudible]", ["yes"]),
    ],
)
def test_words_are_put_back_together(text: str, words: list[str]) -> None:
    """Spaced and swapped letters are read as what they stand for; stutters count once, a transcriber's marks not at all."""
    assert words_of(text) == words


def test_pieces_of_a_word_know_its_borders() -> None:
    """A word's runs of letters tell its beginning and its end from its middle."""
    assert pieces("ab") == [" a", "ab", "b ", " ab", "ab ", " ab "]


def test_stretches_hold_the_whole_text() -> None:
    """A long text is cut after sentences or when it is too long, and nothing of it is lost."""
    text = "one two three four. five six " + "seven " * 30

    spans = list(stretches(text, 9))

    assert "".join(text[first:last] for first, last in spans) == text.rstrip()
    assert all(len(text[first:last].split()) <= 9 for first, last in spans)


def test_concepts_take_phrases_beginnings_and_misspellings() -> None:
    """The longest phrase counts, a star stands for any ending, and a hated word is known when two letters are swapped."""
    concepts = read_concepts("tool: any desk\nhostile: despise, pollut*\n# a remark\n")

    tagged = concepts.tagged(["any", "desk", "despsie", "polluted", "desk"])

    assert [names for names, _ in tagged] == [("tool",), ("hostile",), ("hostile",), ()]


@pytest.mark.parametrize("text", ["no colon", "name:", ": word"])
def test_concepts_written_wrongly_are_refused(text: str) -> None:
    """A line without a name or without words is a mistake."""
    with pytest.raises(ValueError, match="a concept is"):
        read_concepts(text)


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads that give way to each other after a few instructions."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty_threads")
def test_files_scanned_at_once_are_judged_as_each_alone() -> None:
    """What the model makes of a text depends on nothing that another thread reads at the same time."""
    texts = [line.text for line in read_labelled(CORPUS / "a.jsonl")]
    talks = [[("Ann", text) for text in texts[first : first + 20]] for first in range(0, 240, 20)]
    alone = [found_in(*talk) for talk in talks]

    fresh = load_policy()  # which has not met a word yet
    with ThreadPoolExecutor(6) as threads:
        at_once = list(threads.map(lambda talk: found_in(*talk, policy=fresh), talks))

    assert at_once == alone


def test_finding_names_what_it_is_like() -> None:
    """A finding names its category's rule, the nearest examples of the corpus and the words that told, and its span."""
    [finding] = found_in(("Ann", "hello there"), ("Ben", ASKS_FOR_CONTROL))
    labels = {line.id: line.label for path in CORPUS.glob("*.jsonl") for line in read_labelled(path)}

    assert (finding["rule_id"], finding["start_seconds"], finding["end_seconds"]) == ("model.remote_access", 5.0, 9.5)
    assert [labels[one] for one in finding["nearest"]] == ["remote_access"] * 3
    assert finding["telling"]
    assert finding["quote"][finding["quote_from"] : finding["quote_to"]] == ASKS_FOR_CONTROL
    assert not [one for one in finding["nearest"] if one.startswith("t-")]


def test_phrase_cut_by_cues_is_found_in_exactly_those() -> None:
    """What is said over two cues of one speaker is found in both, whatever the other one says in between."""
    first, second = "install any desk and read me the nine", "digit code so I can control your computer"
    findings = found_in(("Ben", "hello"), ("Ben", first), ("Ann", "yeah"), ("Ben", second), ("Ann", "what a day"))

    whole = [one for one in findings if one["rule_id"] == "model.remote_access"]
    assert {one["start_seconds"] for one in whole} <= {5.0, 15.0}
    assert max(one["end_seconds"] for one in whole) == 19.5


def test_same_text_says_the_same_wherever_it_stands() -> None:
    """What is found in a text hangs on no other text of the document."""
    alone = found_in(("Ben", ASKS_FOR_CONTROL))
    among = found_in(
        *[("Ann", f"we had {number} drafts of the logo") for number in range(40)], ("Ben", ASKS_FOR_CONTROL)
    )

    assert [(one["rule_id"], one["confidence"], one["nearest"]) for one in alone] == [
        (one["rule_id"], one["confidence"], one["nearest"]) for one in among if one["start_seconds"] == 200.0
    ]


def test_telling_words_show_no_secret() -> None:
    """Words that are masked in the quote are not shown as telling ones either."""
    findings = found_in(("Ben", "my password is hunter seventeen winter, and the card is 4111 1111 1111 1111"))

    assert findings
    shown = " ".join(word for one in findings for word in one["telling"])
    assert not {"hunter", "seventeen", "winter", "4111", "1111"} & set(shown.split())


def test_chance_decides_the_severity() -> None:
    """A note is of severity 1, a likely finding of 2 at most, a certain one has the rule's own."""
    rule = POLICY.learned("chat")["violence_threat"]
    assert rule.learned is not None

    severities = [
        rule.learned.severity(chance, rule.severity)
        for chance in (rule.learned.at_least, rule.learned.likely, rule.learned.certain)
    ]

    assert severities == [1, 2, 5]


def test_confidence_is_anchored_where_a_finding_is_certain() -> None:
    """There it is right seven times in ten, which one finding of severity 3 needs for a flag; less below, more above."""
    learned = Learned(at_least=0.5, likely=0.9, certain=0.99)

    assert learned.confidence(0.99) == pytest.approx(0.7)
    assert learned.confidence(0.9) < learned.confidence(0.98) < 0.7 < learned.confidence(0.999) <= 1
    assert learned.confidence(1.0) == pytest.approx(1)


def test_second_category_is_named_beside_the_first() -> None:
    """Of one text only the category that it is most like has the rule's own severity; an attack on a group has too."""
    lines = [line.text for path in (CORPUS / "a.jsonl", CORPUS / "d.jsonl") for line in read_labelled(path)]
    texts = [text for text in lines if len(text.split()) <= 36 and not set(text[:-1]) & set(".?!")]  # read as one
    several = [found for text in texts[::3] if len(found := found_in(("Ann", text))) > 1]

    grave = [[one["category"] for one in found if one["severity"] > 2] for found in several]
    assert any(grave)
    assert all(len(set(categories) - {"hate_harassment"}) <= 1 for categories in grave)


@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("immigrants are parasites", "national_origin"),
        ("no muslim can be trusted", "religion"),
        ("i h a t e women", "gender"),
        ("i am a gay designer", None),
        ("i love the women on our team", None),
        ("i don't hate immigrants", None),
        ("saying that muslims are vermin is wrong", None),
        ("this printer is trash", None),
    ],
)
def test_ground_is_named_for_attacks_alone(text: str, ground: str | None) -> None:
    """A group must be named and attacked; belonging, praise, denial and counter speech are no attack."""
    reader = load_reader(SHIPPED)
    tagged = reader.concepts.tagged(reader.read(text))

    assert ground_of(tagged, dict.fromkeys(GROUNDS, 0.1)) == ground


def test_policy_without_its_model_is_refused(tmp_path: Path) -> None:
    """Rules that ask a model which is not in the folder must not be used."""
    (tmp_path / "learned.yaml").write_text((SHIPPED / "learned.yaml").read_text(encoding="utf-8"), encoding="utf-8")

    with pytest.raises(PolicyError, match=r"learned: .* cannot be read"):
        load_policy(tmp_path)


def test_every_item_of_the_policy_has_its_learned_rule() -> None:
    """The model is asked for each category that somebody can say, in both channels."""
    assert set(POLICY.learned("chat")) == set(POLICY.learned("transcript")) == set(TEXT_CATEGORIES)


def test_model_was_built_from_what_is_here() -> None:
    """The committed model names the corpus, concepts, vectors and code that it was built from: those of this commit.

    When this fails, run `make policy-model`.
    """
    with np.load(SHIPPED / "learned" / MODEL) as arrays:
        assert bytes(arrays["sources"]).decode() == sources()
        assert len(bytes(arrays["examples.ids"]).decode().split("\n")) == len(read_lines())


def test_building_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    """The same lines give the same model, byte for byte."""
    for writer in ("a", "b"):
        lines = (CORPUS / f"{writer}.jsonl").read_text(encoding="utf-8").splitlines()[:60]
        (tmp_path / f"{writer}.jsonl").write_text("\n".join(lines), encoding="utf-8")

    first, again = (as_bytes(build(read_lines(tmp_path), load_reader(SHIPPED))[0]) for _ in range(2))

    assert first == again


def test_test_lines_build_nothing() -> None:
    """The lines that judge the model are not among those that it is built from."""
    assert not [one for one in read_lines().ids if one.startswith("t-")]
