"""Which languages a text is in."""

import pytest

from processors.meeting_flagging.languages import languages_of
from schemas.texts.transcripts import Utterance

ENGLISH = "so what do you think about this, can we do that for the page and then it is done"
SPANISH = "pero es muy bueno para los dos, por eso también está en la página con el botón que usted quiere"
GERMAN = "ja das ist nicht so schlimm, wir haben es auch mit der anderen Seite und für den Kunden"
PORTUGUESE = "então eu não sei, mas você também tem uma ideia muito boa para os dois e isso está com ele"
FRENCH = "c'est très bien mais je ne sais pas, nous avons aussi cette page pour les clients et vous"


@pytest.mark.parametrize(
    ("texts", "languages"),
    [
        ([ENGLISH], ["en"]), ([SPANISH], ["es"]), ([GERMAN], ["de"]), ([PORTUGUESE], ["pt"]), ([FRENCH], ["fr"]),
        ([ENGLISH, ENGLISH, GERMAN], ["en", "de"]), (["okay"], []), ([], []),
    ],
)  # fmt: skip
def test_languages_are_told_by_their_common_words(texts: list[str], languages: list[str]) -> None:
    """The one with most of the text first; of too little nothing is said."""
    assert languages_of([Utterance(None, 0, 1, text) for text in texts]) == languages
