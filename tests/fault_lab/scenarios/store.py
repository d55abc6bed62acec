"""The S3 server breaks in the middle of uploads."""

from contextlib import closing

from tests.fault_lab.lab import Lab, Scenario
from tests.fault_lab.settings import BUCKET

UPLOAD_SECONDS = 60.0  # a deadline for the next large file to be under way


def unwell(lab: Lab) -> None:
    """Slow, so that uploads take their time; then 503 in the middle of one; slow again, and killed in the middle of one."""
    world, door = lab.world, lab.world.store_door
    door.mode = "slow"
    lab.say("the store is slow")
    _wait_for_upload(lab)
    lab.wait(lab.random.uniform(0, 2))
    door.mode = "503"
    lab.say("the store answers 503")
    lab.wait(lab.seconds * 0.2)
    lab.expect(door.refused > 0, "nobody met the store while it answered 503")
    door.mode = "slow"
    _wait_for_upload(lab)
    lab.wait(lab.random.uniform(0, 2))
    world.s3.kill()
    lab.say("killed the store")
    lab.wait(lab.seconds * 0.25)
    world.s3.start()


def _wait_for_upload(lab: Lab) -> None:
    with closing(lab.world.s3.client()) as client:

        def under_way() -> bool:
            return bool(client.list_multipart_uploads(Bucket=BUCKET).get("Uploads"))

        lab.world.wait_until(under_way, UPLOAD_SECONDS, "a large file is on its way to the store")


SCENARIOS = (Scenario(7, "store-unwell", "S3 kill -9, slow, 503 mid-upload", unwell),)
