"""The built-in scenarios. Every one plays about half an hour of call whose last event happens now."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from infra.errors import ConfigurationError
from infra.zoom.simulator import words
from infra.zoom.simulator.library import SimulatedFile
from infra.zoom.simulator.scenario import VIDEO_BYTES, Call, Delivery, Scenario
from infra.zoom.simulator.script import CallScript, Plan

SPEAKER_VIEW = "shared_screen_with_speaker_view"
AUDIO_SHARE = 8  # a recording's audio is about an eighth of its video, as in real listings
THUMBNAIL_BYTES = 18_000
STARTS_WITH_SLASH = b"\xfc"  # base64 "/…"
HOLDS_TWO_SLASHES = b"\x5a\x1b\xc2\xff\xff\xf0"  # base64 "WhvC///w…"


def _clean(seed: int, now: datetime, video_bytes: int) -> Call:
    plan = Plan("clean", "Lighthouse logo 🎨 & review", "Inês Duarte", "Tomás Ørn", 3200, 1920)
    script = CallScript(plan, seed, now)
    _usual_beginning(script)
    _usual_end(script)
    span = (8, 1915)
    chat = script.text("CHAT", "TXT", words.chat_txt(words.LOGO_CHAT), span, "chat_file")
    thumbnail = script.media("JPG", THUMBNAIL_BYTES, span, "thumbnail")
    script.completed(2600, [*_video(script, video_bytes, span, words.LOGO_TALK), chat, thumbnail])
    script.transcript_completed(3200, [_transcript(script, words.LOGO_TALK, span)])
    return script.call()


def _two_segments(seed: int, now: datetime, video_bytes: int) -> Call:
    plan = Plan(
        "two-segments", "Bäckerei: página web 🥐", "Rafael Quint", "Mei-Ling Abara", 7200, 1920, STARTS_WITH_SLASH
    )
    script = CallScript(plan, seed, now)
    _usual_beginning(script)
    script.recording_stopped(8, 900)
    script.recording_started(920)
    _usual_end(script)
    first, second = (8, 900), (920, 1915)
    own_audio = replace(script.media("M4A", 40_000, second, ""), file_name="Audio only - Mei-Ling Abara")
    captions = replace(script.text("CC", "VTT", words.vtt(words.SITE_TALK), first, "closed_caption"), bare=True)
    script.completed(2400, [*_video(script, video_bytes, first, words.SITE_TALK, bare_timeline=True), captions])
    script.completed(2900, [*_video(script, video_bytes // 2, second, words.SITE_TALK_AFTER_THE_BREAK), own_audio])
    later = _transcript(script, words.SITE_TALK_AFTER_THE_BREAK, second)
    script.transcript_completed(7200, [_transcript(script, words.SITE_TALK, first), later])
    return script.call()


def _recording_stopped(seed: int, now: datetime, video_bytes: int) -> Call:
    plan = Plan(
        "recording-stopped", "Quick sync & next steps", "Kestrel M.", "Dana Weiss", 3200, 1920, HOLDS_TWO_SLASHES
    )
    script = CallScript(plan, seed, now)
    _usual_beginning(script)
    script.recording_stopped(8, 600)
    _usual_end(script)
    span = (8, 600)
    chat = script.text("CHAT", "TXT", words.chat_txt(words.PAYMENT_CHAT), span, "chat_file")
    script.completed(2600, [*_video(script, video_bytes // 2, span, words.PAYMENT_TALK), chat])
    script.transcript_completed(3200, [_transcript(script, words.PAYMENT_TALK, span)])
    return script.call(flagged_for=("metadata.recording_stopped", "off_platform.leave", "off_platform.payment"))


def _disorder(seed: int, now: datetime, video_bytes: int) -> Call:
    plan = Plan("disorder", "Subtitles, episode 4 “Harbour”", "Oluwaseun Lindqvist", "Pilar Nakamura", 3200, 1920)
    script = CallScript(plan, seed, now)
    started, host_in, recording, guest_in = _usual_beginning(script)
    guest_out, host_out, ended = _usual_end(script)
    span = (8, 1915)
    summary = script.text("SUMMARY", "JSON", words.summary_json(plan.topic), span, "summary")
    video, audio, timeline = _video(script, video_bytes, span, words.SUBTITLE_TALK)
    unsteady = [replace(video, faults=("cut:60",)), replace(audio, faults=("503",)), timeline, summary]
    completed = script.completed(2600, unsteady)
    transcript = script.transcript_completed(3200, [_transcript(script, words.SUBTITLE_TALK, span)])
    order = (
        (host_in, 0), (started, 0), (started, 1), (guest_out, 0), (ended, 0), (guest_in, 0), (recording, 0),
        (transcript, 0), (completed, 0), (completed, 1), (ended, 1), (host_out, 0), (transcript, 1), (guest_in, 1),
    )  # fmt: skip
    late = Delivery(started, 5400.0, copy=2)  # ninety minutes: as late as the last of Zoom's retries
    return script.call([*(Delivery(event, 2.0 * place, copy) for place, (event, copy) in enumerate(order)), late])


def _no_recording(seed: int, now: datetime, video_bytes: int) -> Call:  # noqa: ARG001  # every scenario has one signature
    script = CallScript(
        Plan("no-recording", "Call about the order", "Ada Brandão", "Wim Okafor", 1950, 1920), seed, now
    )
    script.started()
    script.joined(script.host, 2)
    script.joined(script.guest, 65)
    _usual_end(script)
    return script.call(flagged_for=("metadata.recording_missing",))


def _unregistered(seed: int, now: datetime, video_bytes: int) -> Call:
    script = CallScript(Plan("unregistered", "Team lunch 🍜", "Ada Brandão", "Noor Castellano", 2600, 1920), seed, now)
    _usual_beginning(script)
    _usual_end(script)
    script.completed(2600, [script.media("MP4", video_bytes // 4, (8, 1915), SPEAKER_VIEW)])
    return script.call(registered=False)


def _faulty_downloads(seed: int, now: datetime, video_bytes: int) -> Call:
    plan = Plan(
        "faulty-downloads", "Voice-over, take 3", "Ilse Ferreira", "Marko Adeyemi", 3200, 1920, STARTS_WITH_SLASH
    )
    script = CallScript(plan, seed, now)
    _usual_beginning(script)
    _usual_end(script)
    span = (8, 1915)
    faulty = [
        script.media("MP4", video_bytes, span, SPEAKER_VIEW, "html200", "chunked:40", "cut:80", "norange"),
        script.media("M4A", video_bytes // AUDIO_SHARE, span, "audio_only", "429:1", "401", "size:-7"),
        script.media("JPG", THUMBNAIL_BYTES, span, "thumbnail", "redirect"),
    ]
    script.completed(2600, faulty)
    script.completed(3200, [script.text("CHAT", "TXT", words.chat_txt(words.LOGO_CHAT), span, "chat_file")], True)
    return script.call()


def _four_rules(seed: int, now: datetime, video_bytes: int) -> Call:
    plan = Plan("four-rules", "Printer trouble & quick help", "Milan Roth", "Ayo Lindgren", 3200, 1920)
    rules = (
        "remote_access.control", "personal_data.one_time_code", "off_platform.contact_number", "suspicious_link.program",
    )  # fmt: skip
    return _spoken(CallScript(plan, seed, now), video_bytes, words.RULES_TALK, words.RULES_CHAT).call(flagged_for=rules)


def _paypal_checkout(seed: int, now: datetime, video_bytes: int) -> Call:
    plan = Plan("paypal-checkout", "Checkout: PayPal & cards", "Sana Petrov", "Luc Moreau", 3200, 1920)
    return _spoken(CallScript(plan, seed, now), video_bytes, words.CHECKOUT_TALK, words.CHECKOUT_CHAT).call()


def _spoken(script: CallScript, video_bytes: int, talk: Sequence[words.Line], chat: Sequence[words.Line]) -> CallScript:
    """A whole call of which what was said and written is what matters."""
    _usual_beginning(script)
    _usual_end(script)
    span = (8, 1915)
    written = script.text("CHAT", "TXT", words.chat_txt(chat), span, "chat_file")
    script.completed(2600, [*_video(script, video_bytes // 4, span, talk), written])
    script.transcript_completed(3200, [_transcript(script, talk, span)])
    return script


def _usual_beginning(script: CallScript) -> tuple[int, int, int, int]:
    return script.started(), script.joined(script.host, 2), script.recording_started(8), script.joined(script.guest, 65)


def _usual_end(script: CallScript) -> tuple[int, int, int]:
    return script.left(script.guest, 1905), script.left(script.host, 1915), script.ended()


def _video(
    script: CallScript, size: int, span: tuple[int, int], talk: Sequence[words.Line], *, bare_timeline: bool = False
) -> list[SimulatedFile]:
    timeline = script.text("TIMELINE", "JSON", words.timeline_json(talk), span, "timeline")
    return [
        script.media("MP4", size, span, SPEAKER_VIEW),
        script.media("M4A", size // AUDIO_SHARE, span, "audio_only"),
        replace(timeline, bare=bare_timeline),
    ]


def _transcript(script: CallScript, talk: Sequence[words.Line], span: tuple[int, int]) -> SimulatedFile:
    return script.text("TRANSCRIPT", "VTT", words.vtt(talk), span, "audio_transcript")


SCENARIOS: Mapping[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario("clean", "two people, one recording, a transcript a little later", _clean),
        Scenario("two-segments", "the recording was stopped and started again; a late transcript", _two_segments),
        Scenario("recording-stopped", "the host stops the recording while both go on talking", _recording_stopped),
        Scenario("disorder", "duplicate, reordered and late deliveries, unsteady downloads", _disorder),
        Scenario("no-recording", "nobody recorded", _no_recording),
        Scenario("unregistered", "a meeting the marketplace does not know", _unregistered),
        Scenario("four-rules", "one person breaks four rules of the marketplace, the other refuses", _four_rules),
        Scenario(
            "paypal-checkout", "the policy's words as the subject of the work, and nothing else", _paypal_checkout
        ),
        Scenario("faulty-downloads", "every way in which a download fails once", _faulty_downloads),
    )
}


def build_call(name: str, seed: int, now: datetime, video_bytes: int = VIDEO_BYTES) -> Call:
    """Return a scenario's call: the same for the same arguments, and another meeting for another seed.

    Raises:
        ConfigurationError: no such scenario; the text lists those there are.
    """
    if name not in SCENARIOS:
        raise ConfigurationError(f"{name!r} is not a scenario; there are {', '.join(SCENARIOS)}")
    return SCENARIOS[name].build(seed, now, video_bytes)
