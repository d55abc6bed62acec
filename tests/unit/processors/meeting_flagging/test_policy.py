"""The policy: what is shipped passes its own examples; what is wrong is refused with file, line and rule."""

from pathlib import Path

import pytest

from processors.meeting_flagging import SHIPPED, PolicyError, check, load_policy
from processors.meeting_flagging.rules import CATEGORIES, SIGNALS
from processors.meeting_flagging.validators import VALIDATORS
from tests.unit.processors.shipped_policy import POLICY

GOOD = r"""
- id: test.rule
  title: A rule
  explanation: What an analyst should know of it.
  category: off_platform
  severity: 3
  confidence: 0.8
  mode: live
  channels: [chat]
  any: ['\b{thing}\b']
  match: [two apples]
  no_match: [two applesauces]
"""


def folder(tmp_path: Path, text: str = GOOD, **lists: str) -> Path:
    (tmp_path / "lists").mkdir()
    (tmp_path / "family.yaml").write_text(text, encoding="utf-8")
    for name, items in {"thing": "apple\napples\n", **lists}.items():
        (tmp_path / "lists" / f"{name}.txt").write_text(items, encoding="utf-8")
    return tmp_path


def test_shipped_policy_passes_its_own_examples() -> None:
    """Every rule that we ship hits its match lines and none of its no_match lines."""
    check(POLICY)


def test_shipped_policy_knows_every_signal_and_category() -> None:
    """Each metadata signal has its rule, and every item of the marketplace's policy has one."""
    assert all(POLICY.signal_rule(signal) for signal in SIGNALS)
    assert set(CATEGORIES) == {rule.category for rule in POLICY.rules}
    assert 20 <= len(POLICY.text["transcript"].rules) <= 45


def test_version_changes_with_any_content(tmp_path: Path) -> None:
    """The version is a hash of rules and lists; loading again gives the same."""
    first = load_policy(folder(tmp_path))
    again = load_policy(tmp_path)
    (tmp_path / "lists" / "thing.txt").write_text("apple\n", encoding="utf-8")
    changed = load_policy(tmp_path)

    assert first.version == again.version != changed.version
    assert first.rules[0].version == again.rules[0].version != changed.rules[0].version


def test_rule_that_is_off_is_not_there(tmp_path: Path) -> None:
    """`mode: off` keeps the rule in the file and out of the policy."""
    assert load_policy(folder(tmp_path, GOOD.replace("live", "'off'"))).rules == ()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (r"'\b{thing}\b'", "'(?=apple)'", "bad pattern"),
        (r"'\b{thing}\b'", "'apple('", "bad pattern"),
        ("{thing}", "{nothing}", "lists/nothing.txt"),
        ("severity: 3", "severity: 6", "severity"),
        ("severity: 3", "severity: high", "severity"),
        ("category: off_platform", "category: rudeness", "category"),
        ("mode: live", "mode: sometimes", "mode"),
        ("confidence: 0.8", "confidence: 1.8", "confidence"),
        ("channels: [chat]", "channels: [mail]", "channels"),
        ("  match: [two apples]\n", "", "any"),
        ("  severity: 3\n", "", "severity"),
        ("confidence: 0.8", "confidence: 0.8\n  colour: red", "colour"),
        ("confidence: 0.8", "confidence: 0.8\n  validate: magic", "validate"),
        ("confidence: 0.8", "confidence: 0.8\n  signal: link_posted", "signal"),
        ("id: test.rule", "id: Test Rule", "id"),
        ("confidence: 0.8", "confidence: 0.8\n  unless: {any: ['['], within_tokens: 3, drops: 1}", "bad pattern"),
    ],
)
def test_wrong_rule_is_refused_with_its_place(tmp_path: Path, old: str, new: str, says: str) -> None:
    """The text names file, line and what is wrong."""
    assert old in GOOD
    with pytest.raises(PolicyError, match=r"^family\.yaml:2 ") as refused:
        load_policy(folder(tmp_path, GOOD.replace(old, new)))

    assert says in str(refused.value)


def test_duplicate_id_is_refused(tmp_path: Path) -> None:
    """An id is used once; both places are named."""
    with pytest.raises(PolicyError, match=r"family\.yaml:14 test\.rule: test\.rule is taken by family\.yaml:2"):
        load_policy(folder(tmp_path, GOOD + GOOD))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("match: [two apples]", "match: [two apples, two pears]", "misses its match line 2"),
        ("no_match: [two applesauces]", "no_match: [an apple]", "hits its no_match line 1"),
    ],
)
def test_failing_example_is_refused_without_its_text(tmp_path: Path, old: str, new: str, says: str) -> None:
    """A rule that does not do what its examples say is named with its place, the example by its number alone."""
    policy = load_policy(folder(tmp_path, GOOD.replace(old, new)))
    with pytest.raises(PolicyError, match=says) as refused:
        check(policy)

    assert str(refused.value).startswith("family.yaml:2 test.rule")
    assert "pear" not in str(refused.value)


@pytest.mark.parametrize("text", ["just words", "- [", "- !!python/object/apply:os.system [x]", "- 5", "\x00"])
def test_file_that_holds_no_rules_is_refused(tmp_path: Path, text: str) -> None:
    """Not YAML, not a list, not a mapping: refused, and nothing in it is run."""
    with pytest.raises(PolicyError, match=r"^family\.yaml"):
        load_policy(folder(tmp_path, text))


def test_empty_folder_and_empty_list_are_refused(tmp_path: Path) -> None:
    """A policy without rules, or a list that would match everything, is a mistake."""
    with pytest.raises(PolicyError, match="no policy files"):
        load_policy(tmp_path)
    with pytest.raises(PolicyError, match="an empty list"):
        load_policy(folder(tmp_path, thing="# nothing\n"))


def test_list_items_are_words_not_patterns(tmp_path: Path) -> None:
    """What stands in a list is matched as it is written."""
    check(
        load_policy(
            folder(tmp_path, GOOD.replace("two apples", "a.b c").replace("two applesauces", "axb c"), thing="a.b c")
        )
    )


def test_every_shipped_list_is_used() -> None:
    """A list that no pattern names is a leftover."""
    text = "".join(path.read_text(encoding="utf-8") for path in SHIPPED.glob("*.yaml"))

    assert [path.stem for path in SHIPPED.glob("lists/*.txt") if "{" + path.stem + "}" not in text] == []


@pytest.mark.parametrize(
    ("validator", "good", "bad"),
    [
        ("luhn", "4111-1111 1111 1111", "4111 1111 1111 1112"),
        ("luhn", "378282246310005", "0000000000000000"),
        ("us_ssn", "536-22-8145", "666-22-8145"),
        ("us_ssn", "001-01-0001", "900-22-8145"),
        ("iban", "GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 33"),
        ("iban", "de89370400440532013000", "de8937"),
        ("es_dni", "12345678z", "12345678a"),
        ("br_cpf", "529.982.247-25", "529.982.247-26"),
        ("lookalike", "https://paypa1.com/login", "https://paypal.com/login"),
        ("lookalike", "www.paypal.com.secure-login.net", "paypal-checkout-plugin.com"),
        ("lookalike", "microsft.com", "docs.google.com"),
        ("lookalike", "zoom-meeting-us.com", "us02web.zoom.us"),
    ],
)
def test_validators(validator: str, good: str, bad: str) -> None:
    """Check digits, impossible parts and other people's domains are told apart from chance."""
    assert VALIDATORS[validator](good)
    assert not VALIDATORS[validator](bad)
