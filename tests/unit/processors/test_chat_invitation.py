"""The invitation: what the chat says in every phase, in every language, whatever arrives first."""

import json
import string

import pytest

from processors import chat_texts
from processors.base import Event
from processors.chat_invitation import ChatInvitation, ChatState
from processors.chat_texts import MAX_CHARACTERS, TEXTS, safe_name
from processors.commands import PublishEvent, PutChatMessage
from schemas.events import decode
from tests.unit.processors import zoom_call as call
from tests.unit.processors.zoom_call import JOIN_URL, MEETING, Stage, at

PAGE, POLICIES = "https://market.example/calls/{call_id}", "https://market.example/policies/calls"
UNTIL = "2027-02-20"  # 90 days after 22 November 2026

LONG_NAME = "Maximiliane-Charlotte von Hohenstein-Sonnenfeld zu Rabenau"
LONG_JOIN_URL = "https://a-rather-long-company-name.zoom.us/j/98123456789?pwd=" + 40 * "x" + ".1&from=addon&uname=guest"
LONG_POLICIES_URL = "https://www.freelance-marketplace.example/help/safety-and-trust/call-policies?lang=xx"


@pytest.fixture
def stage() -> Stage[ChatState]:
    return Stage(ChatInvitation(PAGE, POLICIES))


def shown(stage: Stage[ChatState]) -> str:
    return stage.of(PutChatMessage)[-1].text


def test_the_invitation_is_put_when_a_registered_meeting_starts(stage: Stage[ChatState]) -> None:
    """One message in the call's slot: who invites, the link, the recording, the policies and the tips."""
    stage.hear(call.registered(), call.started(0))

    (put,) = stage.of(PutChatMessage)
    assert (put.conversation_id, put.external_id, put.revision) == ("conversation-7", "call:call-1:invitation", 1)
    for part in ("Ida Tern", JOIN_URL, "guests included", "90 days", "write here instead", POLICIES):
        assert part in put.text
    for tip in ("passwords, card or ID numbers", "links or files", "remote-access", "on the platform", "report"):
        assert tip in put.text


def test_nothing_is_posted_when_the_meeting_is_not_registered(stage: Stage[ChatState]) -> None:
    """An unregistered meeting is counted by its reason; a later registration posts what is true then."""
    stage.hear(call.started(0))
    assert (stage.of(PutChatMessage), stage.reasons) == ([], ["meeting is not registered"])

    stage.hear(call.registered(0))

    assert JOIN_URL in shown(stage)


def test_nothing_is_posted_when_the_call_has_not_begun(stage: Stage[ChatState]) -> None:
    """A registration alone, or a recording without a start or an end, says nothing yet."""
    stage.hear(call.registered(), call.completed(900, call.file("f1", "MP4")))

    assert stage.of(PutChatMessage) == []


def test_the_recording_is_being_prepared_when_the_call_has_ended(stage: Stage[ChatState]) -> None:
    """Duration, and the wish to write down what was agreed."""
    stage.hear(call.registered(), call.started(0), call.ended(754))

    assert "(2026-11-22 14:12 UTC, 13 min)" in shown(stage)
    assert "being prepared" in shown(stage)
    assert "write down here what you agreed" in shown(stage)
    assert [put.revision for put in stage.of(PutChatMessage)] == [1, 2]


def test_the_recording_is_available_when_all_playable_files_are_archived(stage: Stage[ChatState]) -> None:
    """Video and audio count, with or without an id; a chat or transcript does not hold it up."""
    files = [call.file("f1", "MP4"), call.file(None, "M4A"), call.file("f3", "CHAT")]
    stage.hear(call.registered(), call.started(0), call.ended(600), call.completed(900, *files))

    stage.hear(call.archived(950, "f1"))
    assert "being prepared" in shown(stage)

    stage.hear(call.archived(960, None, kind="audio"))
    assert shown(stage) == (
        f"The recording of your call is available until {UNTIL} (UTC): https://market.example/calls/call-1"
    )


def test_no_recording_was_made_when_it_is_missing(stage: Stage[ChatState]) -> None:
    """What call_events found out is said, and taken back when a recording comes after all."""
    stage.hear(call.registered(), call.started(0), call.ended(600), call.missing(2400))
    assert "No recording was made" in shown(stage)

    stage.hear(call.completed(3000, call.file("f1", "MP4")))
    assert "being prepared" in shown(stage)

    stage.hear(call.archived(3100, "f1"))
    assert UNTIL in shown(stage)


def test_a_newer_session_is_waited_for_when_an_older_one_has_no_recording(stage: Stage[ChatState]) -> None:
    """A talk that ended after the search keeps the recording open; a few seconds do not."""
    stage.hear(call.registered(), call.started(0), call.ended(600), call.missing(2400))

    stage.hear(call.started(2500, "second=="), call.ended(2520, "second=="))
    assert "No recording was made" in shown(stage)

    stage.hear(call.started(2600, "third=="), call.ended(3200, "third=="))
    assert "being prepared" in shown(stage)


def test_the_call_is_live_again_when_it_starts_after_its_end(stage: Stage[ChatState]) -> None:
    """A host who comes back, in the same session or another, brings the invitation back."""
    stage.hear(call.registered(), call.started(0), call.ended(600), call.started(700, "second=="))
    assert JOIN_URL in shown(stage)

    stage.hear(call.ended(1300, "second=="))

    assert "20 min" in shown(stage)
    assert [put.revision for put in stage.of(PutChatMessage)] == [1, 2, 3, 4]


def test_no_revision_is_made_when_the_text_stays(stage: Stage[ChatState]) -> None:
    """A second start, a duplicate or a late fact that changes nothing puts nothing."""
    stage.hear(call.registered(), call.started(0), call.started(5), call.registered(), call.started(0))

    assert len(stage.of(PutChatMessage)) == 1


def test_the_posting_is_told_once_when_the_message_stands(stage: Stage[ChatState]) -> None:
    """The first message that stood, whatever its revision, becomes one outcome: a newer one may replace the first unseen."""
    stage.hear(call.registered(), call.started(0), call.ended(600))
    first, second = stage.of(PutChatMessage)

    stage.hear(call.result(second, 601, message_id="m1"), call.result(first, 602, message_id="m1"))

    (outcome,) = stage.of(PublishEvent)
    assert (outcome.topic, outcome.type) == ("call-outcomes", "outcome.call.invitation_posted")
    assert (outcome.partition_key, outcome.subject) == (MEETING, "call-1")
    public = decode("call.invitation_posted", {**json.loads(outcome.data), "sequence": 1})
    assert (public["conversation_id"], public["occurred_at"]) == ("conversation-7", at(601))
    assert "sequence" not in json.loads(outcome.data)


def test_the_reason_is_given_when_the_chat_refuses_the_message(stage: Stage[ChatState]) -> None:
    """A message that could not be put is told apart, and nothing claims that it stands."""
    stage.hear(call.registered(), call.started(0))
    dead = call.result(stage.of(PutChatMessage)[0], 60)

    stage.hear(Event(dead.id, "dead.put_chat_message", dead.recorded_at, dead.data))

    assert stage.reasons == ["the chat refused the message"]
    assert stage.of(PublishEvent) == []


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_every_text_fits_when_its_values_are_long(language: str) -> None:
    """Every phase, tips and links included, stays within 900 characters in every language."""
    texts = {
        "live": chat_texts.invitation(language, LONG_NAME, LONG_JOIN_URL, LONG_POLICIES_URL),
        "preparing": chat_texts.preparing(language, at(0), 1440),
        "available": chat_texts.available(language, at(0), LONG_POLICIES_URL),
        "missing": chat_texts.no_recording(language, at(0), 1440),
    }

    assert {name: len(text) for name, text in texts.items() if len(text) > MAX_CHARACTERS} == {}
    assert TEXTS[language].tips in texts["live"]
    assert safe_name(LONG_NAME) in texts["live"]


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_links_stay_whole_when_there_is_no_room(language: str) -> None:
    """The name goes first, then the tips; a link is never cut."""
    link = JOIN_URL + 320 * "x"

    text = chat_texts.invitation(language, LONG_NAME, link, LONG_POLICIES_URL)

    assert len(text) <= MAX_CHARACTERS
    assert f"{link}\n" in text
    assert text.endswith(LONG_POLICIES_URL)


def test_every_language_says_the_same_things() -> None:
    """Each text of each language has the same places for values as the English one."""
    for texts in TEXTS.values():
        for part in TEXTS["en"].__slots__:
            assert _places(getattr(texts, part)) == _places(getattr(TEXTS["en"], part)), part


@pytest.mark.parametrize(("language", "known"), [("pt-BR", "pt"), ("fr", "fr"), ("fi", "en")])
def test_the_language_falls_back_when_it_is_not_spoken(language: str, known: str) -> None:
    """A region is dropped, and an unknown language is English."""
    assert chat_texts.texts_for(language) is TEXTS[known]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("  Ida \n\n Tern\t", "Ida Tern"),
        ("Ida\u202e\x07\u200bTern", "Ida Tern"),
        ("https://evil.example/x", "https evil. example x"),
        ("*Ida* [Tern](x) <b> @all _i_", "Ida Tern (x) b all i"),
        ("Zoë O\u2019Neil-Núñez", "Zoë O\u2019Neil-Núñez"),
        ("आर्या", "आर्या"),
        (100 * "x", 39 * "x" + "…"),
        (None, ""),
    ],
)
def test_a_name_is_one_harmless_line_when_people_wrote_it(given: str | None, said: str) -> None:
    """No control characters, line breaks, links or markup come from a name."""
    assert safe_name(given) == said


def test_the_freelancer_is_unnamed_when_the_registration_has_no_name(stage: Stage[ChatState]) -> None:
    """Without a name the invitation speaks of the freelancer, in the call's language."""
    stage.hear(call.registered(freelancer_name=None, language="pt-BR"), call.started(0))

    assert shown(stage).startswith("Seu freelancer convida")


def test_the_page_link_is_safe_when_the_call_id_is_odd(stage: Stage[ChatState]) -> None:
    """An id of the marketplace cannot lead the link elsewhere."""
    stage.hear(
        call.registered(call_id="a/../b?c"),
        call.started(0),
        call.ended(600),
        call.completed(900, call.file("f1", "MP4")),
        call.archived(950, "f1"),
    )

    assert shown(stage).endswith("https://market.example/calls/a%2F..%2Fb%3Fc")


def test_an_archived_file_counts_when_it_is_told_before_its_session(stage: Stage[ChatState]) -> None:
    """A receipt that arrives first is remembered until the session is known."""
    stage.hear(
        call.archived(950, "f1"),
        call.completed(900, call.file("f1", "MP4")),
        call.ended(600),
        call.started(0),
        call.registered(),
    )

    assert UNTIL in shown(stage)
    assert len(stage.of(PutChatMessage)) == 1


def test_a_session_is_forgotten_when_nothing_can_come_any_more(stage: Stage[ChatState]) -> None:
    """Forty days later an unregistered session and its files are gone."""
    stage.hear(call.started(0), call.ended(60), call.archived(70, "f1"))

    stage.hear(call.started(41 * 86400, "later=="))

    assert set(stage.state().meeting.sessions) == {"later=="}
    assert stage.state().files == {}


def _places(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)
