"""Object Lock: a legal hold keeps a version's bytes from everybody, whatever rights they have, until it is taken off.

Only a bucket that was made with Object Lock, or got it later where the store can, knows legal holds.
"""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from infra.storage.s3_errors import code_of, is_unsupported, translated

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NO_LOCK = "ObjectLockConfigurationNotFoundError"
_NO_HOLD = frozenset({"NoSuchObjectLockConfiguration", "NoSuchObjectLegalHold"})  # AWS' word for it, SeaweedFS' word


def has_object_lock(client: "S3Client", bucket: str) -> bool:
    """Tell whether the bucket knows legal holds.

    Raises:
        PermanentError: we may not look.
        TransientError: the store does not answer.
    """
    with translated("look for Object Lock"):
        try:
            found = client.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
        except ClientError as error:
            if code_of(error) == _NO_LOCK or is_unsupported(error):
                return False
            raise
    return found.get("ObjectLockEnabled") == "Enabled"


def legal_hold(client: "S3Client", bucket: str, key: str, version: dict[str, str]) -> bool:
    """Tell whether a version is under legal hold, in a bucket that knows them.

    Raises:
        ObjectMissing: there is no such version.
        PermanentError, TransientError: the store refuses, or does not answer.
    """
    with translated("look for a legal hold"):
        try:
            found = client.get_object_legal_hold(Bucket=bucket, Key=key, **version)  # type: ignore[arg-type] # VersionId
        except ClientError as error:
            if code_of(error) in _NO_HOLD:
                return False
            raise
    return found["LegalHold"].get("Status") == "ON"


def set_legal_hold(client: "S3Client", bucket: str, key: str, version: dict[str, str], on: bool) -> None:
    """Put a version under legal hold, or take it off; raises what `legal_hold` does."""
    with translated("set a legal hold"):
        client.put_object_legal_hold(
            Bucket=bucket,
            Key=key,
            LegalHold={"Status": "ON" if on else "OFF"},
            **version,  # type: ignore[arg-type] # VersionId
        )
