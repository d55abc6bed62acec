"""Zoom breaks: downloads go wrong in every way, deliveries come twice, out of order and late."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from infra.zoom.simulator import Call, SimulatedFile
from tests.fault_lab.lab import Lab, Scenario

PASSING = ("429:1", "503", "cut:35", "cut:80", "chunked:40", "size:-7", "size:9", "slow:0.2", "norange", "redirect")
MEDIA = ("MP4", "M4A", "TB")  # whose size Zoom tells exactly; of texts it does not, so a few bytes more are no fault
REFUSALS = ("html200", "401")  # each sends us to REST for another link; two in a row are a refusal for good
REST_FAULTS = ("503", "429", "429-concurrent", "503")


def faulty_files(calls: Sequence[Call], seed: int) -> Sequence[Call]:
    """Give every file one to three faults, so that every kind comes."""
    random = Random(seed)
    kinds = [*PASSING, *REFUSALS]
    return [replace(call, events=tuple(replace(event, files=tuple(_faulty(file, kinds, random) for file in event.files)) for event in call.events)) for call in calls]  # fmt: skip


def _faulty(file: SimulatedFile, kinds: Sequence[str], random: Random) -> SimulatedFile:
    chosen: list[str] = []
    possible = [kind for kind in kinds if file.file_type in MEDIA or not kind.startswith("size")]
    for _ in range(random.randint(1, 3)):
        takes = [kind for kind in possible if not (chosen and chosen[-1] in REFUSALS and kind in REFUSALS)]
        chosen.append(random.choice(takes))
    return replace(file, faults=tuple(chosen))


def bad_downloads(lab: Lab) -> None:
    """Every file fails in one to three ways, REST is unwell too, and its access tokens are revoked now and then."""
    rest = lab.world.zoom.rest
    for _ in range(4):
        lab.wait(lab.seconds / 5)
        rest.faults.extend(REST_FAULTS)
        rest.revoke_access_tokens()
    lab.say("downloads failed in every way; REST answered 503 and 429; access tokens were revoked four times")


def only_mixed_up(lab: Lab) -> None:
    """Nothing more than what the load does: the whole of it is the fault."""
    lab.wait(lab.seconds)


SCENARIOS = (
    Scenario(8, "bad-downloads", "Zoom download faults of every kind", bad_downloads, faulty=faulty_files),
    Scenario(12, "mixed-up", "Zoom duplicates, reorders and delays 30 % of deliveries for an hour of simulated time", only_mixed_up, mix_share=0.3),
)  # fmt: skip
