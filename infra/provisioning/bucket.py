"""The archive's bucket, step by step: there, versioned, closed to the public, TLS only, with our lifecycle rules, and with
Object Lock where it is wanted.

What a store other than AWS does not offer is a note. What we may not see or set is not settled: the run says so and fails.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from infra.errors import PermanentError
from infra.provisioning.policies import tls_statement, with_statement
from infra.provisioning.steps import Step, differs, fine, note, unclear
from infra.storage.lifecycle import merge_rules
from infra.storage.s3 import S3Store
from infra.storage.s3_errors import code_of, is_unsupported, status_of, translated

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import PublicAccessBlockConfigurationTypeDef

CLOSED: "PublicAccessBlockConfigurationTypeDef" = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
NOT_SET_YET = frozenset(
    {"NoSuchPublicAccessBlockConfiguration", "NoSuchBucketPolicy", "ObjectLockConfigurationNotFoundError"}
)


def bucket_steps(client: "S3Client", bucket: str, *, object_lock: bool = False) -> Iterator[Step]:
    """All there is to the bucket. A plain http endpoint gets no TLS-only policy: it would lock everybody out.

    Object Lock can never be switched off again, so it is for the operator to want; one that is there is left alone.

    Raises:
        TransientError: the store does not answer.
    """
    existing = _status(client, bucket)
    if existing == 404:
        store = S3Store(bucket, client=client)
        make = partial(store.ensure_bucket, object_lock=object_lock)
        yield differs(f"bucket {bucket}: made; all that follows is for the new one", make)
        if _status(client, bucket) == 404:
            yield note(
                f"bucket {bucket}: with it come versioning, the public access block, the TLS-only policy and our rules"
            )
            return
    elif existing == 403:
        yield unclear(f"bucket {bucket}: it may not be looked at; it exists and is not ours, or the policy is missing")
        return
    else:
        yield fine(f"bucket {bucket}: there")
    yield from _versioning(client, bucket)
    if object_lock:
        yield from _object_lock(client, bucket)
    yield from _public_access(client, bucket)
    yield from _lifecycle(client, bucket)
    yield from _tls_only(client, bucket)


def _versioning(client: "S3Client", bucket: str) -> Iterator[Step]:
    put = partial(client.put_bucket_versioning, Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    yield from _setting(
        f"bucket {bucket}: versioning",
        look=lambda: client.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled",
        put=put,
    )


def _object_lock(client: "S3Client", bucket: str) -> Iterator[Step]:
    """AWS adds it to a versioned bucket; another store may only make a new one with it."""

    def put() -> None:
        try:
            client.put_object_lock_configuration(
                Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
            )
        except ClientError as error:
            if status_of(error) in (400, 409, 501):
                raise PermanentError("this store gives it to new buckets alone: name another ARCHIVE_BUCKET") from error
            raise

    yield from _setting(
        f"bucket {bucket}: Object Lock, for holds that nobody can undo",
        look=lambda: _locked(client, bucket),
        put=put,
    )


def _locked(client: "S3Client", bucket: str) -> bool:
    found = client.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    return found.get("ObjectLockEnabled") == "Enabled"


def _public_access(client: "S3Client", bucket: str) -> Iterator[Step]:
    def closed() -> bool:
        found = client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        return all(found.get(name) for name in CLOSED)

    put = partial(client.put_public_access_block, Bucket=bucket, PublicAccessBlockConfiguration=CLOSED)
    yield from _setting(f"bucket {bucket}: public access blocked", look=closed, put=put)


def _tls_only(client: "S3Client", bucket: str) -> Iterator[Step]:
    what = f"bucket {bucket}: TLS only"
    if client.meta.endpoint_url.startswith("http://"):
        yield note(f"{what}: left out, for the endpoint speaks plain http and would refuse us too")
        return
    yield from tls_only_steps(client, bucket, what)


def tls_only_steps(client: "S3Client", bucket: str, what: str) -> Iterator[Step]:
    """The bucket policy with our statement in it; a customer's own statements are kept."""
    current: dict[str, Any] = {}

    def has_it() -> bool:
        current.update(json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"]))
        return _holds(current, tls_statement(bucket))

    def put() -> object:
        policy = with_statement(current, tls_statement(bucket))
        return client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    yield from _setting(what, look=has_it, put=put)


def _lifecycle(client: "S3Client", bucket: str) -> Iterator[Step]:
    what = f"bucket {bucket}: lifecycle rules"
    match merge_rules(client, bucket, look_only=True):
        case "unchanged":
            yield fine(what)
        case "unsupported":
            yield note(f"{what}: this store has none; run `python -m processors expire` daily")
        case "refused":
            yield unclear(f"{what}: they may not be looked at")
        case _:
            yield differs(f"{what}: ours merged in by id, the bucket's own kept", partial(_merge, client, bucket))


def _merge(client: "S3Client", bucket: str) -> None:
    result = merge_rules(client, bucket)
    if result in ("refused", "unsupported"):
        raise PermanentError(f"writing lifecycle rules is {result} here")


def _setting(what: str, look: Callable[[], bool], put: Callable[[], object]) -> Iterator[Step]:
    """One setting of the bucket: look, and offer to put it right."""
    try:
        with translated(what):
            right = _looked(look)
    except PermanentError as error:
        refused = error.__cause__
        if isinstance(refused, ClientError) and _is_not_offered(refused):
            yield note(f"{what}: this store does not offer it")
        else:
            yield unclear(f"{what}: {error}")
        return
    yield fine(what) if right else differs(what, partial(_put, what, put))


def _looked(look: Callable[[], bool]) -> bool:
    try:
        return look()
    except ClientError as error:
        if code_of(error) in NOT_SET_YET:
            return False
        raise


def _put(what: str, put: Callable[[], object]) -> None:
    with translated(what):
        put()


def _is_not_offered(error: ClientError) -> bool:
    """A well-formed question that is answered 400 or 405 is one that the store does not know: MinIO does so."""
    return is_unsupported(error) or status_of(error) in (400, 405)


def _status(client: "S3Client", bucket: str) -> int:
    with translated("look for the bucket"):
        try:
            client.head_bucket(Bucket=bucket)
        except ClientError as error:
            if status_of(error) in (403, 404):
                return status_of(error)
            raise
    return 200


def _holds(policy: Mapping[str, Any], statement: Mapping[str, Any]) -> bool:
    """Whether the statement is there, wherever; stores reorder and write a list of one as its item."""
    there = policy.get("Statement", [])
    return any(_plain(one) == _plain(statement) for one in ([there] if isinstance(there, Mapping) else there))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        plain = {name: _plain(item) for name, item in value.items()}
        return "*" if plain == {"AWS": "*"} else plain
    if isinstance(value, list):
        items = sorted(map(_plain, value), key=repr)
        return items[0] if len(items) == 1 else items
    if isinstance(value, bool):
        return str(value).lower()
    return value
