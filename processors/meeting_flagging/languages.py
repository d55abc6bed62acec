"""Tell in which languages people talked, by their commonest words: enough to say what was looked at, not who speaks how."""

import re
from collections import Counter
from collections.abc import Iterable

from schemas.texts.transcripts import Utterance

MIN_WORDS = 5  # fewer known words say nothing
MIN_SHARE = 0.15  # of the known words: names and loan words are less than that
_COMMON = {
    "en": "the and you that is it of to we for this have are with what was but can do not so they be on at your",
    "es": "que de la el en y los una por con para está pero las como más esto eso muy qué usted hay también",
    "fr": "le les des est une que pour dans pas vous je nous avec sur qui ça mais c'est très aussi cette au plus",
    "de": "der die das und ist nicht ich wir sie ein eine mit auf für es den auch aber dass noch wie kann haben",
    "pt": "que de o a os uma não para com você está mas isso muito também então eu ele ela tem por são",
}
_LANGUAGES = {name: frozenset(words.split()) for name, words in _COMMON.items()}
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def languages_of(utterances: Iterable[Utterance]) -> list[str]:
    """Return the languages of a text, the one with most of it first; none where it is too little to tell."""
    words = Counter(word for one in utterances for word in _WORD.findall(one.text.lower()))
    known = {name: sum(words[word] for word in common) for name, common in _LANGUAGES.items()}
    most = max(known.values())
    if most < MIN_WORDS:
        return []
    shared = {name: known[name] - _explained(name, words, known) for name in known}
    total = sum(max(0, count) for count in shared.values()) or 1
    found = [name for name, count in shared.items() if count >= max(MIN_WORDS, MIN_SHARE * total)]
    return sorted(found, key=lambda name: (-shared[name], name))


def _explained(name: str, words: Counter[str], known: dict[str, int]) -> int:
    """How many of a language's words are those of a language that has more of them: "que" alone is no Portuguese."""
    stronger = [other for other, count in known.items() if (count, other) > (known[name], name)]
    return sum(words[word] for word in _LANGUAGES[name] if any(word in _LANGUAGES[other] for other in stronger))
