"""meeting_flagging: which facts make a flag, what takes it back, and that order and doubles change nothing."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.base import Event
from processors.commands import PublishEvent, ScanText
from processors.meeting_flagging import MeetingFlagging
from processors.meeting_flagging.flags import MAX_FINDINGS
from schemas.errors import InvalidEvent
from tests.unit.processors import zoom_call as call
from tests.unit.processors.meeting_flagging.world import (
    World,
    archived,
    batch,
    flag_id,
    key_of,
    removed,
    report,
    scanned,
    together,
    world,
)
from tests.unit.processors.shipped_policy import RULES_ALONE
from tests.unit.processors.zoom_call import MEETING, SESSION, at

VIDEO = call.file("f1", "MP4")
TRANSCRIPT = b"""WEBVTT

1
00:01:10.000 --> 00:01:14.000
Ida Tern: so could you maybe send me the other half over

2
00:01:14.500 --> 00:01:17.000
Ida Tern: paypal, it is cheaper, and tell me the six digit code

3
00:01:20.000 --> 00:01:22.000
Bo Kestrel: sure, four one five five five five two six seven one
"""


def test_flag_when_no_recording_came() -> None:
    """A missing recording flags the call by itself."""
    stage = world().play(call.registered(), *together(), call.missing(7200))

    flag = stage.live()[flag_id("call-1")]
    assert [finding["rule_id"] for finding in flag["findings"]] == ["metadata.recording_missing"]
    assert (flag["call_id"], flag["meeting_id"], flag["session_id"]) == ("call-1", MEETING, None)
    assert (flag["severity"], flag["policy_version"]) == (3, RULES_ALONE.version)


def test_withdrawn_when_the_recording_comes_after_all() -> None:
    """A missing recording that is announced later takes its flag back, as a further revision."""
    stage = world().play(call.registered(), *together(), call.missing(7200), call.completed(9000, VIDEO))

    assert stage.live() == {}
    assert [(flag["revision"], flag["status"]) for flag in stage.revisions()] == [(1, "flagged"), (2, "withdrawn")]
    assert stage.revisions()[-1]["findings"] == []


@pytest.mark.parametrize(("verb", "rule"), [("stopped", "recording_stopped"), ("paused", "recording_paused")])
def test_flag_when_the_recording_is_off_with_two_people_for_a_minute(verb: str, rule: str) -> None:
    """A stop or pause with two people together for a minute more is a finding, placed in the recording."""
    stage = world().play(*together(), call.segment("started", 5, 5), call.segment(verb, 300, 5))

    (finding,) = stage.live()[flag_id(SESSION)]["findings"]
    assert finding["rule_id"] == f"metadata.{rule}"
    assert (finding["start_seconds"], finding["recording_start"]) == (295, call.stamp(5))


@pytest.mark.parametrize(
    "more",
    [
        [call.segment("stopped", 545, 5)],
        [call.segment("stopped", 300, 5), call.segment("started", 355, 355)],
        [call.segment("paused", 300, 5), call.segment("resumed", 355, 5)],
        [call.segment("paused", 300, 5), call.segment("stopped", 340, 5), call.segment("started", 350, 350)],
    ],
)
def test_no_flag_when_the_gap_is_short(more: list[Event]) -> None:
    """A gap of less than a minute is nothing; a start or resume ends it."""
    *before, host_left, other_left, ended = together()
    stage = world().play(*before, call.segment("started", 5, 5), *more, host_left, other_left, ended)

    assert stage.revisions() == []


@pytest.mark.parametrize(("stopped", "rules"), [(540, ["metadata.recording_stopped"]), (541, [])])
def test_a_minute_is_sixty_seconds(stopped: int, rules: list[str]) -> None:
    """Sixty seconds together are a minute, fifty-nine are not."""
    assert world().play(*together(600), call.segment("stopped", stopped, 5)).rules() == rules


def test_no_flag_when_only_one_person_stays() -> None:
    """Nobody talks alone: a stop with one person left is nothing, neither are guests who come and go."""
    alone = [call.started(0), call.joined(2, "101"), call.joined(3, "102"), call.left(310, "102"), call.ended(900)]
    stage = world().play(*alone, call.joined(5, "103", "guest"), call.left(20, "103"), call.segment("stopped", 300, 5))

    assert stage.revisions() == []


def test_no_flag_while_the_session_goes_on() -> None:
    """As long as nobody knows how long the gap is, there is no finding; when it closes, there is."""
    stage = world().play(*together()[:3], call.segment("stopped", 300, 5))
    before = stage.rules()
    stage.play(call.segment("started", 420, 420))

    assert (before, stage.rules()) == ([], ["metadata.recording_stopped"])


def test_withdrawn_when_a_late_resume_closes_the_gap() -> None:
    """A resume that arrives late counts from when it happened."""
    stage = world().play(*together(), call.segment("paused", 300, 5))
    before = stage.rules()
    stage.play(replace(call.segment("resumed", 330, 5), recorded_at=at(5000)))

    assert (before, stage.rules()) == (["metadata.recording_paused"], [])


def test_gap_ends_with_the_last_person_when_zoom_lost_the_end() -> None:
    """Where meeting.ended never comes, the last one to leave ends the session."""
    stage = world().play(*together()[:-1], call.segment("stopped", 300, 5))

    assert stage.rules() == ["metadata.recording_stopped"]


@pytest.mark.parametrize("verb", ["trashed", "deleted"])
def test_flag_when_removed_before_it_was_archived(verb: str) -> None:
    """A person who removes files before each of them was archived raises a finding of severity 4."""
    stage = world().play(*together(), call.completed(700, VIDEO), removed(verb, 800, VIDEO))

    flag = stage.live()[flag_id(SESSION)]
    assert (stage.rules(), flag["severity"]) == ([f"metadata.recording_{verb}"], 4)


def test_withdrawn_when_it_turns_out_that_it_was_archived_before() -> None:
    """The archive's word may come late: what counts is when it was archived."""
    stage = world().play(*together(), call.completed(700, VIDEO), removed("trashed", 800, VIDEO))
    before = stage.rules()
    stage.play(replace(archived(790, "f1"), recorded_at=at(5000)))

    assert (before, stage.rules()) == (["metadata.recording_trashed"], [])


def test_flag_stays_when_one_file_was_not_archived() -> None:
    """All files count, not the first."""
    files = [VIDEO, call.file("f2", "M4A")]
    stage = world().play(call.completed(700, *files), archived(750, "f1"), removed("trashed", 800, *files))

    assert stage.rules() == ["metadata.recording_trashed"]


@pytest.mark.parametrize("operator", ["", "  ", "System", "Auto delete", "Zoom"])
def test_no_flag_when_zoom_removed_it(operator: str) -> None:
    """Zoom's own deletions after a retention time are no evidence."""
    stage = world().play(*together(), call.completed(700, VIDEO), removed("deleted", 800, VIDEO, operator=operator))

    assert stage.revisions() == []


def test_no_flag_when_the_recording_is_older_than_what_is_remembered() -> None:
    """Of a recording from months ago nobody knows any more whether it was archived."""
    stage = world().play(removed("trashed", 90 * 86400, VIDEO, start_time=call.stamp(0)))

    assert stage.revisions() == []


@pytest.mark.parametrize("teacher", [call.started(0), call.completed(700, VIDEO)])
@pytest.mark.parametrize("taught_first", [True, False])
@pytest.mark.parametrize(
    "event",
    [
        batch("trashed", 800, meeting_uuids=[SESSION, "other=="]),
        batch("deleted", 800, meetings=[{"meeting_uuid": SESSION, "recording_file_ids": ["f1"]}]),
    ],
)
def test_batch_reaches_the_meeting_whichever_came_first(event: Event, taught_first: bool, teacher: Event) -> None:
    """A batch event names only sessions: it is handed over to the meeting as soon as that is known, once."""
    events = [teacher, event] if taught_first else [event, teacher]
    stage = world().play(*events, *together())

    assert list(stage.live()) == [flag_id(SESSION)]
    assert stage.rules() in (["metadata.recording_trashed"], ["metadata.recording_deleted"])


def test_batch_of_archived_files_is_no_flag() -> None:
    """Files of a batch are those that the archive names by the same key."""
    event = batch("deleted", 800, meetings=[{"meeting_uuid": SESSION, "recording_file_ids": ["f1"]}])
    stage = world().play(*together(), call.completed(700, VIDEO), archived(750, "f1"), event)

    assert stage.revisions() == []


@pytest.mark.parametrize(
    ("event", "rule"),
    [
        (call.webhook("meeting.risk_alert", 60, armn_details={"post_user": "mo"}), "metadata.link_posted"),
        (
            call.webhook("meeting.live_streaming_started", 60, live_streaming={"service": "x"}),
            "metadata.live_streaming",
        ),
    ],
)
def test_flag_when_zoom_says_so(event: Event, rule: str) -> None:
    """A link posted publicly and a live stream flag by themselves, and tell nothing of Zoom's details."""
    stage = world().play(call.registered(), *together(), event)

    assert stage.rules() == [rule]
    assert "post_user" not in json.dumps(stage.published()[-1].data)


def test_report_always_flags_and_never_names_the_reporter() -> None:
    """A report is a finding in its own category; who reported and their words are nowhere."""
    stage = world().play(call.registered(), report())

    flag = stage.live()[flag_id("call-1")]
    (finding,) = flag["findings"]
    assert (finding["rule_id"], finding["category"]) == ("report.participant", "off_platform")
    assert (finding["start_seconds"], finding["speaker"], finding["quote"]) == (75, None, None)
    assert not {"client", "secret-words", "report-1"} & set(json.dumps(stage.published()[0].data).split('"'))
    assert "secret-words" not in stage.published()[0].data + stage.states[MEETING]


def test_report_before_the_registration_joins_the_calls_flag() -> None:
    """A report of an unknown call flags it; its registration and its sessions join that flag."""
    stage = world().play(report(reason="other"), call.registered(), *together(), call.missing(7200))

    assert list(stage.live()) == [flag_id("call-1")]
    assert stage.rules() == ["metadata.recording_missing", "report.participant"]
    assert {one["category"] for one in stage.live()[flag_id("call-1")]["findings"]} == {"report", "metadata"}


def test_session_flag_is_withdrawn_when_the_call_becomes_known() -> None:
    """A session flagged by itself hands its findings to the call's flag."""
    stage = world().play(*together(), call.missing(7200))
    before = list(stage.live())
    stage.play(call.registered())

    assert (before, list(stage.live())) == ([flag_id(SESSION)], [flag_id("call-1")])
    withdrawn = next(flag for flag in stage.revisions() if flag["status"] == "withdrawn")
    assert (withdrawn["flag_id"], withdrawn["revision"]) == (flag_id(SESSION), 2)


def test_two_sessions_of_a_call_share_one_flag() -> None:
    """The call is what is flagged; each finding names its session."""
    second = together(session="second==", until=900)
    stage = world().play(call.registered(), *together(), *second, call.missing(7200), call.missing(7201, "second=="))

    (flag,) = stage.live().values()
    assert [one["session_id"] for one in flag["findings"]] == sorted([SESSION, "second=="])


def test_findings_of_a_transcript_reach_the_flag() -> None:
    """An archived transcript is scanned; its findings have speaker, time and a masked quote, and nobody's role is sure."""
    stage = world(t1=TRANSCRIPT).play(call.registered(), *together(), archived(800, "t1", "transcript"))

    (flag,) = stage.live().values()
    assert stage.rules() == ["off_platform.payment", "personal_data.one_time_code"]
    code = flag["findings"][0]
    assert (code["severity"], code["source"], code["speaker"]) == (4, "transcript", "Ida Tern")
    assert (code["speaker_certainty"], code["start_seconds"], code["end_seconds"]) == ("unknown", 74.5, 77.0)
    assert flag["coverage"] == {"transcript_seconds": 8.5, "languages": ["en"], "transcripts": 1, "chats": 0}


def test_flag_keeps_the_gravest_findings_when_there_are_too_many() -> None:
    """A flag fits its topic's record, whatever was said how often; the score counts all."""
    chat = "".join(f"00:{minute:02}:00\tBo:\toh shit\n" for minute in range(30)).encode()
    files = [f"chat{number}" for number in range(12)]
    stage = world(**dict.fromkeys(files, chat)).play(*together(), *(archived(800, name, "chat") for name in files))
    before = stage.live()
    stage.play(call.missing(7200))

    (flag,) = stage.live().values()
    assert before == {}
    assert len(flag["findings"]) == MAX_FINDINGS
    assert (flag["findings"][0]["rule_id"], flag["coverage"]["chats"]) == ("metadata.recording_missing", 12)


def test_captions_count_only_where_there_is_no_transcript() -> None:
    """The same talk written down twice gives one set of findings."""
    captions = TRANSCRIPT.replace(b"Ida Tern: ", b"")
    both = [archived(800, "c1", "captions"), archived(900, "t1", "transcript")]
    alone = world(c1=captions).play(*together(), both[0])
    stage = world(c1=captions, t1=TRANSCRIPT).play(*together(), *both)

    assert alone.rules() == stage.rules() == ["off_platform.payment", "personal_data.one_time_code"]
    assert next(iter(stage.live().values()))["coverage"]["transcripts"] == 1


def test_scan_is_asked_for_texts_alone() -> None:
    """Videos are not read; a text is scanned under the policy in use."""
    stage = world().play(archived(700, "f1"), archived(800, "chat", "chat"))

    (command,) = stage.of(ScanText)
    assert (command.object_key, command.file_kind) == (key_of("chat"), "chat")
    assert command.policy_version == RULES_ALONE.version


def test_dead_scan_lowers_only_the_coverage() -> None:
    """A text that cannot be scanned raises nothing and takes nothing back."""
    stage = world().play(call.registered(), *together(), report(), archived(800, "t1", "transcript"))
    command = stage.of(ScanText)[0]
    scanned = call.result(command, 900)
    stage.play(replace(scanned, id="dead", type="dead.scan_text", data={"command": scanned.data["command"]}))

    assert stage.rules() == ["report.participant"]
    assert next(iter(stage.live().values()))["coverage"]["transcripts"] == 0


def test_scan_under_the_policy_in_use_stands() -> None:
    """A late result of an older policy does not replace the newer one."""
    stage = world(t1=TRANSCRIPT).play(*together(), archived(800, "t1", "transcript"))
    before = stage.live()
    old = replace(stage.of(ScanText)[0], policy_version="zzz")
    stage.play(scanned(old, {"findings": [], "seconds": 0.0, "utterances": 0}))

    assert stage.live() == before


def test_same_content_is_published_once() -> None:
    """Events that change nothing of a flag make no revision."""
    stage = world().play(call.registered(), *together(), report(), call.missing(7200))
    count = len(stage.revisions())
    stage.play(call.joined(10, "104", "guest"), call.left(30, "104"), replace(report(), id="again"))

    assert [flag["revision"] for flag in stage.revisions()] == list(range(1, count + 1))


def test_published_event_is_named_after_flag_and_revision() -> None:
    """Each revision is an event of its own, keyed by the meeting."""
    stage = world().play(call.registered(), report())

    (event,) = stage.of(PublishEvent)
    assert (event.topic, event.type, event.partition_key) == ("flagged-meetings", "meeting.flagged", MEETING)
    assert (event.subject, event.occurred_at) == ("call-1", at(4000))
    assert event.dataschema


def test_unregistered_sessions_are_forgotten_without_a_word() -> None:
    """Forty days after the last word about it, an unregistered session is dropped, and its flag is not withdrawn."""
    stage = world().play(*together(), call.missing(7200), call.started(60 * 86400, "later=="))

    assert [flag["status"] for flag in stage.revisions()] == ["flagged"]
    assert list(stage.state().sessions) == ["later=="]


def test_route_refuses_a_report_that_is_none() -> None:
    """A record that is not what its type promises is not dropped silently."""
    broken = replace(report(), data={"report_id": "r"})

    with pytest.raises(InvalidEvent):
        MeetingFlagging(RULES_ALONE).route(broken)


def test_parts_of_a_published_flag_make_its_score() -> None:
    """Each finding says how much it counts; priority is severity and score."""
    stage = world(t1=TRANSCRIPT).play(*together(), archived(800, "t1", "transcript"), call.registered(), report())

    (flag,) = stage.live().values()
    remaining = 1.0
    for finding in flag["findings"]:
        remaining *= 1 - finding["score_part"]
    assert len(flag["findings"]) > 1
    assert round(1 - remaining, 3) == round(flag["score"], 3)
    assert flag["priority"] == flag["severity"] + flag["score"]


SCENARIO: list[Event] = [
    call.registered(),
    *together(),
    *together(900, "second=="),
    call.segment("started", 5, 5),
    call.segment("paused", 200, 5),
    call.segment("resumed", 230, 5),
    call.segment("stopped", 300, 5),
    call.completed(700, VIDEO, call.file("t1", "TRANSCRIPT")),
    archived(750, "f1"),
    archived(780, "t1", "transcript"),
    removed("trashed", 800, VIDEO),
    batch("trashed", 810, meeting_uuids=["second=="]),
    call.missing(7200),
    call.missing(7300, "second=="),
    call.webhook("meeting.risk_alert", 60),
    report(),
    report("report-2", reporter="freelancer", reason="other"),
]
EXPECTED = world(t1=TRANSCRIPT).play(*SCENARIO).live()


@settings(max_examples=60, deadline=None)
@given(st.permutations(SCENARIO), st.lists(st.sampled_from(SCENARIO), max_size=6), st.booleans())
def test_final_flags_are_equal_in_any_order(events: list[Event], doubles: list[Event], late: bool) -> None:
    """The same facts in any order, some of them again, results early or late, end in the same flags that stand."""
    stage: World = world(t1=TRANSCRIPT)
    stage.play(*(replace(event, recorded_at=at(10_000 + place)) for place, event in enumerate(events)), late=late)
    stage.play(*doubles)

    assert stage.live() == EXPECTED
    assert list(EXPECTED) == [flag_id("call-1")]
