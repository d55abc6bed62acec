"""What the freelancer is reminded of when a call is started."""

_HINTS = {
    "en": "Agree on a time in the chat before you both join, and mind the time zones.",
    "es": "Acordad una hora en el chat antes de uniros y tened en cuenta las zonas horarias.",
    "fr": "Convenez d'une heure dans le chat avant de vous connecter, et pensez aux fuseaux horaires.",
    "de": "Vereinbart im Chat eine Uhrzeit, bevor ihr beitretet, und achtet auf die Zeitzonen.",
    "pt": "Combinem um horário no chat antes de entrarem e atenção aos fusos horários.",
}


def hint(language: str) -> str:
    """Return the hint in a language such as `pt-BR`; in English where there is none."""
    return _HINTS.get(language.partition("-")[0], _HINTS["en"])
