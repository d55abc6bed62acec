"""The bucket's lifecycle rules: ours, merged by id into whatever else the bucket has.

Filters know no NOT, so the expiry rule requires both `retention=180d` and `hold=none`: a hold takes the second away.
Lifecycle counts from upload, not from the call, runs about once a day and rounds up to midnight UTC: this is the net
under `processors expire`, which is exact.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from botocore.exceptions import ClientError

from infra.storage.s3_errors import code_of, is_unsupported, status_of, translated
from infra.storage.tags import RETENTION_DAYS, expiry_tags
from schemas.archive import PREFIX

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Rule = Mapping[str, Any]

OLD_VERSION_DAYS = 1  # S3's minimum: bytes are gone by day 183 (design 2, I5)
UNFINISHED_DAYS = 2  # longer than any upload, which a token of 24 h bounds (design 8)


def archive_rules() -> list[dict[str, Any]]:
    """Return our rules. Delete markers and unfinished uploads carry no tags, so theirs filter by prefix alone."""
    tags = [{"Key": name, "Value": value} for name, value in expiry_tags().items()]
    releasable = {"And": {"Prefix": PREFIX, "Tags": tags}}
    return [
        _rule("expire", releasable, Expiration={"Days": RETENTION_DAYS}),
        _rule("versions", releasable, NoncurrentVersionExpiration={"NoncurrentDays": OLD_VERSION_DAYS}),
        _rule("delete-markers", {"Prefix": PREFIX}, Expiration={"ExpiredObjectDeleteMarker": True}),
        _rule(
            "unfinished",
            {"Prefix": PREFIX},
            AbortIncompleteMultipartUpload={"DaysAfterInitiation": UNFINISHED_DAYS},
        ),
    ]


def merged(existing: Sequence[Rule], ours: Sequence[Rule]) -> list[Rule]:
    """Return the bucket's own rules in their order, then ours; ours replace what has their ids."""
    ids = {rule["ID"] for rule in ours}
    return [*(rule for rule in existing if rule.get("ID") not in ids), *ours]


def merge_rules(
    client: "S3Client", bucket: str, *, look_only: bool = False
) -> Literal["written", "unchanged", "unsupported", "refused"]:
    """Put our rules beside the bucket's own, and tell what came of it; with `look_only` what would come, as far as seen.

    Raises:
        TransientError: the store does not answer.
        PermanentError: it answers with something else than yes, "not allowed" or "not implemented".
    """
    with translated("lifecycle"):
        try:
            current = _current(client, bucket)
            wanted = merged(current.get("Rules", []), archive_rules())
            if _comparable(wanted) == _comparable(current.get("Rules", [])):
                return "unchanged"
            if look_only:
                return "written"
            client.put_bucket_lifecycle_configuration(
                Bucket=bucket, LifecycleConfiguration={"Rules": cast(Any, wanted)}, **_size_option(current)
            )
        except ClientError as error:
            if is_unsupported(error):
                return "unsupported"
            if status_of(error) == 403:
                return "refused"
            raise
    return "written"


def _rule(name: str, selection: Rule, **effect: Any) -> dict[str, Any]:
    return {"ID": f"zoom-calls-{name}", "Status": "Enabled", "Filter": selection, **effect}


def _current(client: "S3Client", bucket: str) -> dict[str, Any]:
    try:
        return dict(client.get_bucket_lifecycle_configuration(Bucket=bucket))
    except ClientError as error:
        if code_of(error) == "NoSuchLifecycleConfiguration":
            return {}
        raise


def _size_option(current: Rule) -> dict[str, Any]:
    """The bucket's own choice beside its rules: a PUT without it would reset it."""
    name = "TransitionDefaultMinimumObjectSize"
    return {name: current[name]} if name in current else {}


def _comparable(rules: Sequence[Rule]) -> list[str]:
    """Rules without their order, and without the order of the tags in a filter."""
    return sorted(repr(_sorted(rule)) for rule in rules)


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return sorted((key, _sorted(item)) for key, item in value.items())
    if isinstance(value, list):
        return sorted((_sorted(item) for item in value), key=repr)
    return value
