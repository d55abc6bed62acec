"""How Zoom has to be set up for the product's promises: data, with the reason and the place to change it."""

from dataclasses import dataclass

_RECORDING = "Zoom's web portal, Account Settings, Recording, and lock it"
_SECURITY = "Zoom's web portal, Account Settings, Meeting, and lock it"
SCOPES_PAGE = "the Zoom app's Scopes page, then activate the app again"


@dataclass(frozen=True, slots=True)
class WantedSetting:
    """A setting by Zoom's own name, what it has to be, what that is to people, and why."""

    name: str
    wanted: object
    means: str
    why: str
    where: str


@dataclass(frozen=True, slots=True)
class WantedScope:
    """What the app must be allowed to do. `classic` are the older, wider scopes that include it."""

    name: str
    why: str
    classic: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tick:
    """What Zoom's API does not tell: a person looks, and ticks it off."""

    text: str
    why: str
    where: str


OF_HOSTS = (
    WantedSetting(
        "recording.cloud_recording",
        True,
        "cloud recording is on",
        "nothing can be archived that Zoom does not record in its cloud",
        f"{_RECORDING}: Cloud recording",
    ),
    WantedSetting(
        "recording.auto_recording",
        "cloud",
        "recording starts by itself, in the cloud",
        "a call that somebody has to remember to record is a call without evidence",
        f"{_RECORDING}: Automatic recording, in the cloud",
    ),
    WantedSetting(
        "recording.host_pause_stop_recording",
        False,
        "the host cannot pause or stop the recording",
        "the host is the freelancer: what should be seen could be left out",
        f"{_RECORDING}: Automatic recording, Host can pause/stop the auto recording in the cloud, off",
    ),
    WantedSetting(
        "recording.host_delete_cloud_recording",
        False,
        "the host cannot delete a recording",
        "one that is deleted before it is archived is lost",
        f"{_RECORDING}: The host can delete cloud recordings, off",
    ),
    WantedSetting(
        "recording.local_recording",
        False,
        "nobody records on their own computer",
        "such a copy is outside of retention, access and audit",
        f"{_RECORDING}: Local recording, off",
    ),
    WantedSetting(
        "recording.recording_disclaimer",
        True,
        "people are told that the call is recorded",
        "the law asks for it nearly everywhere, and so does the invitation's word",
        f"{_RECORDING}: Recording disclaimer",
    ),
    WantedSetting(
        "recording.ask_participants_to_consent_disclaimer",
        True,
        "people are asked whether they agree to that",
        "somebody who comes by a shared link has not read the invitation",
        f"{_RECORDING}: Recording disclaimer, Ask participants for consent",
    ),
    WantedSetting(
        "recording.recording_audio_transcript",
        True,
        "a transcript is made",
        "captions come from it, and trust and safety reads it",
        f"{_RECORDING}: Advanced cloud recording settings, Create audio transcript",
    ),
    WantedSetting(
        "recording.save_chat_text",
        True,
        "the chat in the call is saved",
        "what is written there is part of the call",
        f"{_RECORDING}: Advanced cloud recording settings, Save chat messages from the meeting",
    ),
    WantedSetting(
        "recording.auto_delete_cmr",
        True,
        "Zoom deletes its own copy on a schedule",
        "otherwise it outlives the 180 days that people are promised",
        f"{_RECORDING}: Delete cloud recordings after a specified number of days, 30",
    ),
    WantedSetting(
        "in_meeting.e2e_encryption",
        False,
        "calls are not end-to-end encrypted",
        "Zoom cannot record those",
        f"{_SECURITY}: Allow use of end-to-end encryption, off",
    ),
    WantedSetting(
        "schedule_meeting.use_pmi_for_scheduled_meetings",
        False,
        "meetings have a number of their own",
        "a personal room's number is the same every time, so it tells no call from another",
        f"{_SECURITY}: Use Personal Meeting ID when scheduling a meeting, off",
    ),
)
OF_ACCOUNT = (
    WantedSetting(
        "recording.prevent_host_access_recording",
        True,
        "hosts cannot open, and so cannot share, recordings at Zoom",
        "who watches, and until when, is decided and recorded here",
        f"{_RECORDING}: Prevent hosts from accessing their cloud recordings",
    ),
    WantedSetting(
        "recording.account_user_access_recording",
        True,
        "Zoom's own links to recordings open for nobody outside of the account",
        "such a link knows no 90 days and leaves no trace in the audit log",
        f"{_RECORDING}: Only account members can view cloud recordings",
    ),
    WantedSetting(
        "recording.cloud_recording_download",
        False,
        "viewers cannot download at Zoom",
        "a copy outside is outside of retention",
        f"{_RECORDING}: Cloud recording downloads, off",
    ),
)
SCOPES = (
    WantedScope("meeting:write:meeting:admin", "calls are arranged with it", ("meeting:write:admin",)),
    WantedScope(
        "meeting:read:meeting:admin",
        "the freelancer's start link is fetched with it, and meeting events come only with it",
        ("meeting:read:admin", "meeting:write:admin"),
    ),
    WantedScope(
        "meeting:read:list_meetings:admin",
        "a meeting whose making was interrupted is found again with it",
        ("meeting:read:admin", "meeting:write:admin"),
    ),
    WantedScope(
        "meeting:update:meeting:admin", "registration is given up where the plan has none", ("meeting:write:admin",)
    ),
    WantedScope("meeting:delete:meeting:admin", "left-over meetings are deleted with it", ("meeting:write:admin",)),
    WantedScope(
        "meeting:write:registrant:admin",
        "it gives each party a link of its own: that is what makes roles known",
        ("meeting:write:admin",),
    ),
    WantedScope(
        "meeting:read:past_meeting:admin",
        "reconciliation asks with it whether a call has ended",
        ("meeting:read:admin", "meeting:write:admin"),
    ),
    WantedScope(
        "meeting:read:list_past_instances:admin",
        "the host of a call that ended unheard is set free with it",
        ("meeting:read:admin", "meeting:write:admin"),
    ),
    WantedScope(
        "cloud_recording:read:list_recording_files:admin",
        "recordings are fetched with it when a link has expired, and recording events come only with it",
        ("recording:read:admin", "recording:write:admin"),
    ),
    WantedScope(
        "cloud_recording:read:list_user_recordings:admin",
        "reconciliation finds recordings with it that nobody announced",
        ("recording:read:admin", "recording:write:admin"),
    ),
    WantedScope(
        "cloud_recording:update:recording_settings:admin",
        "sharing and download at Zoom are switched off with it, recording by recording",
        ("recording:write:admin",),
    ),
    WantedScope("marketplace_app:read:admin", "reconciliation reads Zoom's own log of deliveries with it"),
    WantedScope("user:read:user:admin", "this check reads licences with it", ("user:read:admin", "user:write:admin")),
    WantedScope(
        "user:read:settings:admin",
        "this check reads the hosts' settings with it",
        ("user:read:admin", "user:write:admin"),
    ),
    WantedScope(
        "account:read:settings:admin",
        "this check reads the account's settings with it",
        ("account:read:admin", "account:write:admin"),
    ),
)
TICKS = (
    Tick(
        "the settings above are locked",
        "what is not locked, a host may change for a single meeting",
        "the lock beside each setting in Zoom's web portal, Account Settings",
    ),
    Tick(
        "the app's owner has the role right View the recording content",
        "without it, no recording can be fetched again",
        "Zoom's web portal, User Management, Roles",
    ),
    Tick(
        "the app subscribes to the 16 events of docs/zoom-setup.md, and its address is validated",
        "an event that is not subscribed never comes, and nothing says so",
        "the Zoom app's page, Feature, Event Subscriptions",
    ),
)
