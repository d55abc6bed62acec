"""Load a policy from its folder: `*.yaml`, one file per family, and `lists/*.txt`. Everything is checked at once."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import re2
import yaml
from marshmallow import Schema, ValidationError, fields, pre_load, validate, validates_schema

from processors.meeting_flagging.learned import files as learned_files
from processors.meeting_flagging.learned.model import TEXT_CATEGORIES, Model
from processors.meeting_flagging.rules import (
    CATEGORIES,
    CHANNELS,
    FLAGS,
    GROUNDS,
    MODES,
    SIDES,
    SIGNALS,
    Asked,
    Learned,
    Near,
    Pattern,
    Policy,
    PolicyError,
    Rule,
    TextRules,
    Unless,
)
from processors.meeting_flagging.validators import VALIDATORS

_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where PyYAML came with libyaml
SHIPPED = Path(__file__).parent / "policy"

_VERSION_DIGITS = 16  # of a SHA-256 in hex: 64 bits tell all policies apart that will ever be
_MAX_PATTERN_BYTES = 64 * 1024 * 1024  # of one compiled pattern or set, its cache included; RE2's own default is 8 MiB
_LIST_NAME = re.compile(r"\{([a-z][a-z_]*)\}")  # quantifiers such as {0,40} hold digits


def _patterns(**more: Any) -> fields.List[str]:
    return fields.List(
        fields.String(validate=validate.Length(min=1)), data_key="any", validate=validate.Length(min=1), **more
    )


class _NearSchema(Schema):
    patterns = _patterns(required=True)
    within_seconds = fields.Float(required=True, validate=validate.Range(min=0, max=600))
    adds = fields.Float(required=True, validate=validate.Range(min=0, max=1))


class _AskedSchema(Schema):
    patterns = _patterns(required=True)
    within_seconds = fields.Float(required=True, validate=validate.Range(min=0, max=600))


class _UnlessSchema(Schema):
    patterns = _patterns(required=True)
    within_tokens = fields.Integer(required=True, validate=validate.Range(min=0, max=100))
    drops = fields.Integer(required=True, validate=validate.Range(min=1, max=5))
    side = fields.String(load_default="around", validate=validate.OneOf(SIDES))


class _LearnedSchema(Schema):
    at_least = fields.Float(required=True, validate=validate.Range(min=0, max=1))
    likely = fields.Float(required=True, validate=validate.Range(min=0, max=1))
    certain = fields.Float(required=True, validate=validate.Range(min=0, max=1))


class _RuleSchema(Schema):
    """One rule as it is written; an unknown field is a mistake, so it is refused."""

    id = fields.String(required=True, validate=validate.Regexp(r"[a-z_]+(\.[a-z0-9_]+)+\Z"))
    title = fields.String(required=True, validate=validate.Length(min=3, max=120))
    explanation = fields.String(required=True, validate=validate.Length(min=10, max=600))
    category = fields.String(required=True, validate=validate.OneOf(CATEGORIES))
    severity = fields.Integer(required=True, strict=True, validate=validate.Range(min=1, max=5))
    confidence = fields.Float(required=True, validate=validate.Range(min=0, max=1))
    mode = fields.String(required=True, validate=validate.OneOf(MODES))
    flags = fields.String(load_default="scored", validate=validate.OneOf(FLAGS))
    signal = fields.String(load_default=None, validate=validate.OneOf(SIGNALS))
    ground = fields.String(load_default=None, validate=validate.OneOf(GROUNDS))
    channels = fields.List(fields.String(validate=validate.OneOf(CHANNELS)), load_default=list)
    patterns = _patterns(load_default=list)
    validator = fields.String(data_key="validate", load_default=None, validate=validate.OneOf(tuple(VALIDATORS)))
    near = fields.Nested(_NearSchema, load_default=None)
    asked = fields.Nested(_AskedSchema, load_default=None)
    unless = fields.List(fields.Nested(_UnlessSchema), load_default=list)
    max_per_day = fields.Integer(load_default=None, strict=True, validate=validate.Range(min=1))
    learned = fields.Nested(_LearnedSchema, load_default=None)
    match = fields.List(fields.String(), load_default=list)
    no_match = fields.List(fields.String(), load_default=list)

    @pre_load
    def several(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """One `unless` may stand without a list around it."""
        return {**data, "unless": [data["unless"]]} if isinstance(data.get("unless"), dict) else data

    @validates_schema
    def one_kind(self, data: dict[str, Any], **_: Any) -> None:
        """A rule has a signal, or it has patterns or asks the model, with channels and examples for them."""
        text_fields = [name for name in ("patterns", "learned", "channels", "match", "no_match") if data.get(name)]
        if data.get("signal") and text_fields:
            raise ValidationError("a rule with a signal has no patterns", "signal")
        if data.get("patterns") and data.get("learned"):
            raise ValidationError("a rule has patterns or asks the model", "learned")
        if not data.get("signal") and len(text_fields) < 4:
            raise ValidationError("a text rule needs any (or learned), channels, match and no_match", "any")
        if data.get("learned") and data.get("category") not in TEXT_CATEGORIES:
            raise ValidationError("the model does not know this category", "category")


_SIMPLE = (
    "id", "title", "explanation", "category", "severity", "confidence", "mode", "flags", "signal", "ground",
    "validator", "max_per_day",
)  # fmt: skip  # fields of a rule that are taken as they are


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a rule is written and what it says."""

    place: str
    data: Any


def load_policy(folder: Path = SHIPPED) -> Policy:
    """Load the policy of a folder; its examples are `policy_check.check`'s business.

    Raises:
        PolicyError: a file cannot be read, or a rule is wrong; the text names file, line and rule.
    """
    lists = {path.stem: _items(path) for path in sorted((folder / "lists").glob("*.txt"))}
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise PolicyError(f"{folder.name}: no policy files (*.yaml)")
    model_hash = learned_files.digest(folder)
    rules = [_rule(source, lists, model_hash) for path in paths for source in _sources(path)]
    _refuse_doubles(rules)
    used = tuple(rule for rule in rules if rule.mode != "off")
    text = {channel: text_rules([rule for rule in used if channel in rule.channels]) for channel in CHANNELS}
    return Policy(_version(folder), used, text, _model(folder, used))


def _model(folder: Path, rules: Sequence[Rule]) -> Model | None:
    if not any(rule.learned for rule in rules):
        return None
    try:
        return learned_files.load(folder)
    except ValueError as error:
        raise PolicyError(f"learned: {error}") from error


def text_rules(rules: Sequence[Rule]) -> TextRules:
    """Put rules together so that one pass over a text tells which of them have to look.

    Raises:
        PolicyError: together they are too large for RE2.
    """
    together = re2.Set.SearchSet(_options())
    used = tuple(rule for rule in rules if rule.pattern is not None)
    for rule in used:
        together.Add(rule.pattern.pattern)  # type: ignore[union-attr] # it has one
    try:
        together.Compile()
    except re2.error as error:
        raise PolicyError("all patterns together are too large") from error
    return TextRules(used, together)


def compile_pattern(pattern: str) -> Pattern:
    """Compile a pattern, blind to case; it runs in linear time whatever it is.

    Raises:
        ValueError: RE2 does not take it.
    """
    try:
        compiled: Pattern = re2.compile(pattern, _options())
    except re2.error as error:
        raise ValueError(str(error.args[0], "utf-8", "replace") if error.args else "unusable") from error
    return compiled


def _options() -> "re2.Options":
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _MAX_PATTERN_BYTES
    return options


def _sources(path: Path) -> list[_Source]:
    text = _text(path)
    try:
        loader = _YAML(text)
        node = loader.get_single_node()
        data = None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise PolicyError(f"{path.name}{line}: not YAML") from error
    if not isinstance(data, list) or not isinstance(node, yaml.SequenceNode):
        raise PolicyError(f"{path.name}: not a list of rules")
    lines = [item.start_mark.line + 1 for item in node.value]
    return [_Source(f"{path.name}:{line}", item) for line, item in zip(lines, data, strict=True)]


def _rule(source: _Source, lists: Mapping[str, Sequence[str]], model_hash: str) -> Rule:
    if not isinstance(source.data, dict):
        raise PolicyError(f"{source.place}: a rule is a mapping")
    place = f"{source.place} {source.data.get('id', 'a rule without id')}"
    try:
        data = _RuleSchema().load(source.data)
    except ValidationError as error:
        raise PolicyError(f"{place}: {json.dumps(error.messages, sort_keys=True, default=str)}") from error
    near, asked, unless, learned = data["near"], data["asked"], data["unless"], data["learned"]
    texts = [_expand(one["patterns"], lists, place) if one else "" for one in (data, near, asked, *unless)]
    return Rule(
        **{name: data[name] for name in _SIMPLE},
        channels=tuple(data["channels"]),
        match=tuple(data["match"]),
        no_match=tuple(data["no_match"]),
        learned=learned and Learned(**learned),
        version=_hash([source.data, texts, *([model_hash] if learned else [])]),
        place=place,
        pattern=compile_pattern(texts[0]) if texts[0] else None,
        near=near and Near(compile_pattern(texts[1]), near["within_seconds"], near["adds"]),
        asked=asked and Asked(compile_pattern(texts[2]), asked["within_seconds"]),
        unless=tuple(
            Unless(compile_pattern(text), one["within_tokens"], one["drops"], one["side"])
            for text, one in zip(texts[3:], unless, strict=True)
        ),
    )


def _expand(patterns: Sequence[str], lists: Mapping[str, Sequence[str]], place: str) -> str:
    """Put the lists in and join the patterns; each must be sound by itself, so that the error names it."""
    return "|".join(f"(?:{_expand_one(pattern, lists, place)})" for pattern in patterns)


def _expand_one(pattern: str, lists: Mapping[str, Sequence[str]], place: str) -> str:
    for name in _LIST_NAME.findall(pattern):
        if name not in lists:
            raise PolicyError(f"{place}: there is no list lists/{name}.txt")
        items = [r"\s+".join(map(re2.escape, item.split())) for item in lists[name]]
        pattern = pattern.replace("{" + name + "}", f"(?:{'|'.join(items)})")
    try:
        compile_pattern(pattern)
    except ValueError as error:
        raise PolicyError(f"{place}: bad pattern: {error}") from error
    return pattern


def _refuse_doubles(rules: Sequence[Rule]) -> None:
    seen: dict[str, str] = {}
    for rule in rules:
        asked = f"the model's {rule.category}" if rule.learned else None
        for name in filter(None, (rule.id, rule.signal, asked)):
            if name in seen:
                raise PolicyError(f"{rule.place}: {name} is taken by {seen[name]}")
            seen[name] = rule.place


def _items(path: Path) -> list[str]:
    lines = [line.strip() for line in _text(path).splitlines()]
    items = [line.lower() for line in lines if line and not line.startswith("#")]
    if not items:
        raise PolicyError(f"lists/{path.name}: an empty list")
    return items


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path.name}: cannot be read as UTF-8") from error


def _version(folder: Path) -> str:
    paths = sorted([*folder.glob("*.yaml"), *folder.glob("lists/*.txt")])
    files = [[path.relative_to(folder).as_posix(), _text(path)] for path in paths]
    return _hash([*files, *([learned_files.digest(folder)] if (folder / "learned").is_dir() else [])])


def _hash(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_VERSION_DIGITS]
