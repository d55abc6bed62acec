"""Tell what somebody is attacked for: a group must be named, and something hostile must be said of it.

Saying what group one belongs to, praising it, denying something hostile of it and arguing against those who say it are no
attack, however much the words are alike.
"""

from collections.abc import Mapping, Sequence

from processors.meeting_flagging.learned.concepts import Tagged

_GROUND_OF = {
    "gender_group": "gender", "trans_group": "gender_identity", "gay_group": "sexual_orientation",
    "disability_group": "disability", "mental_group": "mental_illness", "appearance_group": "appearance",
    "size_group": "body_size", "race_group": "race", "religion_group": "religion", "accent_group": "accent",
    "dialect_group": "dialect", "origin_group": "national_origin",
}  # fmt: skip  # concepts that name whom a ground protects
_HOSTILE = frozenset({"hostile", "insult", "violence", "profanity", "slur"})
_NEGATIONS = frozenset(
    [
        "not",
        "no",
        "never",
        "don't",
        "dont",
        "doesn't",
        "didn't",
        "isn't",
        "aren't",
        "wasn't",
        "can't",
        "cannot",
        "won't",
        "wouldn't",
        "shouldn't",
        "nobody",
        "none",
        "nothing",
        "nor",
    ]
)
_WORTH = frozenset(
    [
        "deserve",
        "deserves",
        "right",
        "rights",
        "respect",
        "respected",
        "trust",
        "trusted",
        "worth",
        "worthy",
        "value",
        "good",
        "human",
        "humans",
        "normal",
        "equal",
        "equals",
        "belong",
        "belongs",
        "allowed",
        "welcome",
        "decent",
        "clever",
        "smart",
        "intelligent",
        "bright",
        "contribute",
        "useful",
        "use",
        "capable",
        "exist",
        "accepted",
        "honest",
        "moral",
        "civilised",
        "civilized",
        "real",
        "kind",
        "fit",
        "able",
    ]
)
_AGAINST = frozenset(
    [
        "wrong",
        "unacceptable",
        "hateful",
        "racist",
        "sexist",
        "racism",
        "sexism",
        "homophobic",
        "homophobia",
        "transphobic",
        "transphobia",
        "islamophobic",
        "xenophobic",
        "xenophobia",
        "ableist",
        "ableism",
        "bigot",
        "bigots",
        "bigotry",
        "bigoted",
        "discrimination",
        "discriminate",
        "discriminatory",
        "prejudice",
        "prejudiced",
        "stereotype",
        "stereotypes",
        "stereotyping",
        "ashamed",
        "vile",
        "nonsense",
        "tolerate",
        "offensive",
        "harmful",
        "hurtful",
        "ignorant",
        "consequences",
        "expect",
        "minded",
        "luckily",
        "accountable",
        "apologise",
        "apologize",
        "misogynist",
        "misogyny",
        "misogynistic",
        "antisemitic",
        "antisemitism",
        "slur",
        "unfair",
        "lie",
        "myth",
        "outdated",
        "disagree",
        "condemn",
    ]
)
_SAYING = frozenset(
    [
        "say",
        "says",
        "saying",
        "said",
        "call",
        "calls",
        "calling",
        "called",
        "think",
        "thinks",
        "thinking",
        "thought",
        "tell",
        "tells",
        "telling",
        "told",
        "write",
        "writes",
        "writing",
        "wrote",
        "written",
        "claim",
        "claims",
        "claiming",
        "suggest",
        "suggesting",
        "shouting",
        "shouted",
        "yelled",
        "statement",
        "statements",
        "phrase",
        "sentence",
        "comment",
        "comments",
        "post",
        "tweet",
        "word",
        "words",
        "joke",
        "jokes",
        "believe",
        "believes",
        "believing",
    ]
)
_WE = frozenset(["we", "our", "ourselves"])
_MARKS = frozenset('"“”«»')
_REACH = 6  # words between a negation and what it denies
_NAMED, _MEANT = 0.05, 0.4  # of the ground's score: with the group named and hostility, and with no group named
_LESS = frozenset({"less", "fewer", "different", "worse"})  # "not worth less": nothing is denied


def ground_of(tagged: Sequence[Tagged], scores: Mapping[str, float]) -> str | None:
    """Return the likeliest ground of an attack that a text holds; None where it holds none that is clear enough."""
    named = {_GROUND_OF[name] for concepts, _ in tagged for name in concepts if name in _GROUND_OF}
    likely = max(scores, key=lambda one: (scores[one] + (1.0 if one in named else 0.0), one))
    if _is_argued_against(tagged):
        return None
    if likely not in named:
        return likely if scores[likely] >= _MEANT else None
    return likely if _is_hostile(tagged) and scores[likely] >= _NAMED else None


def _is_hostile(tagged: Sequence[Tagged]) -> bool:
    """Something hostile is said and not denied, or something of worth is denied."""
    compared = any(word in _LESS for _, word in tagged)
    for place, (concepts, word) in enumerate(tagged):
        denied = any(one in _NEGATIONS for _, one in tagged[max(0, place - _REACH) : place])
        if (_HOSTILE & set(concepts) and not denied) or (denied and word in _WORTH and not compared):
            return True
    return False


def _is_argued_against(tagged: Sequence[Tagged]) -> bool:
    """It is what others say, and said to be wrong; or it is quoted."""
    words = [word for _, word in tagged]
    says = [place for place, word in enumerate(words) if word in _SAYING]
    quoted = sum(word in _MARKS for word in words) >= 2
    against = any(word in _AGAINST for word in words)
    denied = any(word in _NEGATIONS for place in says for word in words[max(0, place - _REACH) : place])
    return (bool(says) and (against or quoted or denied or ("should" in words and "stop" in words))) or (
        quoted and against
    )
