"""What the subscribers' pages say in words; `@name@` is where a generated part goes."""

_CHANGES = """
## How this contract changes

Everything here is also machine-readable: one JSON Schema (2020-12) per type and version in
[`schemas/published/`](../schemas/published/), and all of it as one
[AsyncAPI 3 document](../schemas/published/asyncapi.json).

- At any time, without notice: a new event type, a new field, a new header, a value that was possible and is used no
  more. So **ignore types, fields and headers that you do not know**.
- Never within a version: a field removed, renamed, made optional or of a wider type, null where it was not, a new value
  in a list of values, a limit loosened. Whatever is written is valid under every schema that was ever published for its
  version; `python -m infra contracts check` refuses anything else.
- A breaking change is a new version beside the old one, told by `ce_dataschema`. It is announced in the change log
  **90 days before** the old version stops; until then every fact is published in both.
""".strip()

CALL_EVENTS_PAGE = f"""
# Call events

What happens to calls, as a stream of small facts on Kafka: who arranged a call, when it began and ended, who was there (as
references, never as names), what became of the recording. No names, e-mail addresses, links, tokens or passcodes, ever.
Any service may subscribe.

@topics@

@types@

## Subscribing

1. Ask the operators for a Kafka user that may read `call-events` with a consumer group of your own, named as your service.
2. Read from `earliest` the first time. Commit an offset after your work on it is done, not before.
3. Do the three things below: drop doubles, order by `sequence`, ignore what you do not know.

Subscribers of about 30 lines that do so: [Python](examples/subscriber.py) (kafka-python, CloudEvents SDK) and
[JavaScript](examples/subscriber.mjs) (@platformatic/kafka, CloudEvents SDK). In `docs/examples`:

    pip install kafka-python cloudevents && python subscriber.py BROKER GROUP
    npm ci && node subscriber.mjs BROKER GROUP

(The lock file holds the client's 1.x line, which runs on Node 20.19 and later; on Node 22.22 and later there is 2.x.) To look at
the stream by hand:

    kcat -b BROKER -t call-events -C -o beginning -e -f '%h\\n%s\\n\\n'

## The record

The value is the event's data as JSON; everything about it is in the headers:
[CloudEvents 1.0](https://cloudevents.io), Kafka protocol binding, binary content mode.

@headers@

## Doubles: at least once

A record may come twice, or a whole stretch again after a restart. It then has the same `ce_id`, which hangs on the fact and
not on its delivery. **Drop a `ce_id` that you have seen**; remember them for as long as the topic keeps records. Better still,
make your effect idempotent with `ce_id` as its key.

## Order: by `sequence` within a call

Every stream (`ce_subject`: a call, or a session that belongs to none) counts its events: `sequence` is 1, 2, 3, … without a gap.
All records of a call have one key, so they are in one partition, but a double may come after younger records, and a
subscriber with several workers may mix them up. So **process a call's events in the order of `sequence`**; a gap says that an
event is still on its way to you. If a gap stays for an hour, ask the operators. (What you read first of a call may have a higher
number than 1: older records are gone after @days@ days.)

`sequence` tells in what order the facts were *learned*, `occurred_at` when they *happened*. The two differ when Zoom delivers
late. To show what happened when, take the events as they stand after the rules of the next section and sort them by
`occurred_at`, equal ones by `sequence`.

## What may be corrected later

An event says what was known when it was published, and is never changed. A correction is a further event, with an id and a
`sequence` of its own. Of two events of one type and session about the same instant, the one with the higher `sequence` stands.

| event | may be followed by | then |
| --- | --- | --- |
| `call.started` | another with an earlier `occurred_at`, `reopened` false | the earliest is the session's begin |
| `call.started` | the same instant, `reopened` true | it was a return after an end that was learned late |
| `call.ended` | another with the same end and another `started_at` | the higher `sequence` stands |
| `call.ended` | another with a later end, or a `call.started` with `reopened` | the session's latest end counts, unless a later start follows it |
| `call.recording_completed` | further ones for the session | unite the files by `file_id`, else by `kind` and `recording_start` |
| `call.recording_missing` | `call.recording_completed` or `call.recording_archived` | the recording was only late |
| events with `call_id` null | the same facts again with a `call_id`, once the registration is known | the call's stream holds all of it: forget the session's own |

A call has ended with its last session. `call.recording_archived` is final: the file is there, complete and proven, until
`expires_at`.

## Kept for

@days@ days. What you need for longer, keep yourself. A service that was down for longer begins anew from `earliest`, and asks the
operators for what lies before.

{_CHANGES}

## Testing your subscriber

[`schemas/kit/`](../schemas/kit/) holds golden feeds, one JSON object a line (`key`, `headers`, `value`), in the order of arrival:

| feed | what is awkward in it |
| --- | --- |
| `usual.jsonl` | nothing: a call of half an hour |
| `doubled.jsonl` | records twice in a row, and a whole stretch again |
| `reordered.jsonl` | two calls mixed, one of them back to front |
| `late.jsonl` | facts learned after later ones; a session's first events, said again once its registration is known |
| `corrected.jsonl` | start, end and missing recording are corrected; a reopening |
| `later_version.jsonl` | a type and a field that do not exist yet |

`timelines.json` says for every feed and `ce_subject` what is left when doubles are dropped and the rest is in order: lines of
`sequence`, `occurred_at` and type. Compare yours with it. In a unit test, read the file; with a broker, have it written:

    TRANSPORT_URL=kafka://BROKER python -m infra.zoom.simulator send --to call-events schemas/kit/*.jsonl

Without files, the same command writes every example of this page. `python -m infra.zoom.simulator play` plays whole calls through
a receiver instead.

## Fields of every event

@common@

## Event types

@events@
"""

FLAGS_PAGE = f"""
# Flagged meetings

What trust and safety should look into, and what an analyst decided. The topics are restricted: they hold accusations. A flag
acts on nobody, a person decides; no flag does not mean safe (see `coverage`).

`flagged-meetings.shadow` is for those who write the policy: what a rule that is being tried would have found, without a word of
what was said. It is no work for analysts, and nothing in it may open a recording.

@topics@

## Subscribing

Only services of trust and safety: the operators give a Kafka user the right to read these topics. The records are
[CloudEvents 1.0](https://cloudevents.io), Kafka protocol binding, binary content mode; the value is JSON.

@headers@

## Doubles and order

Delivery is at least once: **drop a `ce_id` that you have seen**. Every revision of a flag has an id of its own.

`meeting.flagged` is the whole state of a flag, never a difference. **Keep, by `flag_id`, the highest `revision`** and forget
lower ones, in whatever order they come: `revision` is 1, 2, 3, … without a gap, and each replaces all below it.
`meeting.reviewed` names the revision that the analyst saw; if a higher one exists, the flag has changed since.

## What may be corrected later

Everything in a flag: late webhooks, transcripts, chat files and reports change findings, score, severity and coverage, and each
change is a new revision. `withdrawn` says that nothing is left of it; a later revision may flag again. A decision is never
changed; a further `meeting.reviewed` for the same flag replaces it.

The same inputs give the same flag in any order. `policy_version` says which policy judged; findings name rule and version, so
that an old flag can be explained later.

## Kept for

@days@ days, as long as the recordings that the flags point to.

{_CHANGES}

## Event types

@events@
"""
