"""The words by which people count and spell aloud, in the five languages that calls are held in."""

from collections.abc import Mapping
from dataclasses import dataclass, field

REPEATS = {"double": 2, "triple": 3, "treble": 3, "doble": 2, "doppel": 2}  # of the digit that follows


@dataclass(frozen=True, slots=True)
class Words:
    """One language's numbers. `digits` are those that stand by themselves, `tens` those that a unit may follow; both are
    `small`.

    `sizes` tells of each word that a number may begin with, and of large ones, how many digits it stands for at most.
    """

    digits: Mapping[str, str]
    tens: Mapping[str, str]
    large: frozenset[str] = frozenset()
    adds_teens: bool = False
    small: frozenset[str] = field(init=False)
    sizes: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        said = {word: len(value) for word, value in (*self.digits.items(), *self.tens.items())}
        sizes = {**dict.fromkeys(self.large, 3), **dict.fromkeys(REPEATS, 2), "oh": 1, **said}
        object.__setattr__(self, "small", frozenset(said))
        object.__setattr__(self, "sizes", sizes)


def word_set(*lines: str) -> frozenset[str]:
    """The words of these lines."""
    return frozenset(" ".join(lines).split())


def _numbers(first: int, *words: str, step: int = 1) -> dict[str, str]:
    """Words in the order of the numbers that they stand for; several for one number are parted by a slash."""
    return {
        word: str(number)
        for number, written in enumerate(words)
        for word in written.split("/")
        for number in [first + number * step]
    }


_UNITS = _numbers(0, "zero/nought/nil", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = _numbers(
    10, "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"
)
_TENS = _numbers(20, "twenty", "thirty", "forty/fourty", "fifty", "sixty", "seventy", "eighty", "ninety", step=10)

LANGUAGES = (
    Words({**_UNITS, **_TEENS, "niner": "9", "oh": "0"}, _TENS, frozenset({"hundred", "thousand"})),
    Words(
        _numbers(0, "cero", "uno/una", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez", "once", "doce", "trece", "catorce", "quince", "dieciséis", "diecisiete", "dieciocho", "diecinueve", "veinte", "veintiuno", "veintidós", "veintitrés", "veinticuatro", "veinticinco", "veintiséis", "veintisiete", "veintiocho", "veintinueve"),
        _numbers(30, "treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa", step=10),
    ),
    Words(
        _numbers(0, "zéro", "un/une", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze", "treize", "quatorze", "quinze", "seize"),
        _numbers(20, "vingt", "trente", "quarante", "cinquante", "soixante", "septante", "huitante", "nonante", step=10), adds_teens=True,
    ),
    Words(
        _numbers(0, "null", "eins/ein", "zwei/zwo", "drei", "vier", "fünf/fuenf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf/zwoelf", "dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn", "zwanzig"),
        {},
    ),
    Words(
        _numbers(0, "zero", "um/uma", "dois/duas", "três/tres", "quatro", "cinco", "seis/meia", "sete", "oito", "nove", "dez", "onze", "doze", "treze", "catorze/quatorze", "quinze", "dezasseis/dezesseis", "dezassete/dezessete", "dezoito", "dezanove/dezenove"),
        _numbers(20, "vinte", "trinta", "quarenta", "cinquenta", "sessenta", "setenta", "oitenta", "noventa", step=10),
    ),
)  # fmt: skip

HUNDRED = frozenset({"hundred"})
THOUSAND = frozenset({"thousand"})
SOUND_LIKE_DIGITS = {"oh": "0", "o": "0", "to": "2", "too": "2", "for": "4", "ate": "8", "won": "1"}
HESITATIONS = word_set("huh um umm uh uhh uhm er erm ah eh hm hmm mm okay")
FILLERS = word_set(
    "huh um umm uh uhh uhm er erm ah eh hm hmm mm like and then so okay ok yeah yes right well wait sorry let",
    "me see you know again dash hyphen dot point space slash comma area code ext extension i think it is",
    "it's s , . - ( ) / : ; ? ! ' y e et und eh äh ähm euh bueno pues então alors vocalsound disfmarker",
    "pause { }",
)  # the last ones are marks of transcribers

AT_WORDS = frozenset({"at", "@", "arroba", "arobase", "klammeraffe", "ät"})
DOT_WORDS = frozenset({"dot", "point", ".", "punto", "ponto", "punkt", "period"})
JOINERS = {
    **dict.fromkeys(DOT_WORDS - {"."}, "."),
    **dict.fromkeys(("underscore", "_", "unterstrich", "guion bajo", "underline"), "_"),
    **dict.fromkeys(("dash", "hyphen", "-", "minus", "tiret", "guion", "bindestrich", "hífen"), "-"),
    "plus": "+",
}
DOMAINS_ALONE = frozenset({"gmail", "hotmail", "yahoo", "icloud", "protonmail", "gmx", "aol", "googlemail"})
TOP_LEVEL = word_set(
    "com net org io co de fr es pt br uk us ca au ch at in eu me dev app info biz edu gov it nl se no dk",
    "pl tv ai example",
)
NO_DOMAIN = word_set("a an the this that our your my all one any some")
NO_LOCAL_PART = word_set(
    "a an the this that these those it is are was were be been am me you us him her them he she they we i",
    "my your our look looks looking looked work works working worked shop shops buy bought find found",
    "start stay stayed meet met arrive live lives living sit used hosted available point pointed arrived",
    "out up down over in on of to and or but email mail address here there back write reach contact send",
    "not just only even good bad great laugh aim aimed run runs running based all any some what which who",
    "where when how why if so then than as by for from with at es en el la los las mi su está ist im am",
    "mein bin est à le mon mail correo e",
)
