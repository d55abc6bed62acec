"""botocore's errors, by what the caller should do about them. Texts name the operation and S3's code, nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
)

from infra.errors import ConfigurationError, PermanentError, TransientError
from infra.storage.base import AlreadyThere, ObjectMissing, UploadGone
from schemas.errors import PipelineError

_UNSET = (NoCredentialsError, PartialCredentialsError, NoRegionError, ProfileNotFound)
_TAKEN = frozenset({"PreconditionFailed", "412"})
_MISSING = frozenset({"NoSuchKey", "NoSuchVersion", "NotFound", "404"})
# Below 500, and yet another try may work: S3's list of error codes.
_PASSING = frozenset(
    {
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "RequestTimeout",
        "RequestTimeoutException",
        "RequestLimitExceeded",
        "ConditionalRequestConflict",
        "OperationAborted",
        "BadDigest",
        "IncompleteBody",
        "XAmzContentChecksumMismatch",
        "XAmzContentSHA256Mismatch",
        "ExpiredToken",
    }
)


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Run S3 calls; whatever botocore raises comes out as one of ours."""
    try:
        yield
    except ClientError as error:
        raise _answered(operation, error) from error
    except _UNSET as error:
        raise ConfigurationError(f"{operation}: the AWS_* settings are incomplete: {type(error).__name__}") from error
    except ParamValidationError as error:
        raise PermanentError(f"{operation}: refused before it was sent: {type(error).__name__}") from error
    except BotoCoreError as error:
        raise TransientError(f"{operation}: the store did not answer: {type(error).__name__}") from error


def code_of(error: ClientError) -> str:
    """Return S3's error code; the HTTP status where the answer has no body."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_unsupported(error: ClientError) -> bool:
    """Whether the store does not know this part of S3."""
    return status_of(error) == 501 or code_of(error) in {"NotImplemented", "501"}


def status_of(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _answered(operation: str, error: ClientError) -> PipelineError:
    code, status = code_of(error), status_of(error)
    text = f"{operation}: the store answered {status} {code}"
    if code in _TAKEN:
        return AlreadyThere(text)
    if code == "NoSuchUpload":
        return UploadGone(text)
    if code in _MISSING:
        return ObjectMissing(text)
    if code == "NoSuchBucket":
        return ConfigurationError(f"{operation}: there is no such bucket: see ARCHIVE_BUCKET")
    if code in _PASSING or status == 429 or (status >= 500 and not is_unsupported(error)):
        return TransientError(text)
    return PermanentError(text)
