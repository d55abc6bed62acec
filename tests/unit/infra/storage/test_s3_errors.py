import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)

from infra.errors import ConfigurationError, PermanentError, TransientError
from infra.storage.base import AlreadyThere, ObjectMissing, UploadGone
from infra.storage.s3_errors import translated


def answer(status: int, code: str) -> ClientError:
    response = {"Error": {"Code": code, "Message": "SECRET"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "PutObject")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (answer(503, "SlowDown"), TransientError),
        (answer(500, "InternalError"), TransientError),
        (answer(429, ""), TransientError),
        (answer(400, "RequestTimeout"), TransientError),
        (answer(400, "BadDigest"), TransientError),
        (answer(409, "ConditionalRequestConflict"), TransientError),
        (answer(404, "NoSuchUpload"), UploadGone),
        (answer(404, "NoSuchKey"), ObjectMissing),
        (answer(404, "404"), ObjectMissing),
        (answer(412, "PreconditionFailed"), AlreadyThere),
        (answer(404, "NoSuchBucket"), ConfigurationError),
        (answer(403, "AccessDenied"), PermanentError),
        (answer(403, "SignatureDoesNotMatch"), PermanentError),
        (answer(501, "NotImplemented"), PermanentError),
        (EndpointConnectionError(endpoint_url="http://SECRET"), TransientError),
        (ReadTimeoutError(endpoint_url="http://SECRET"), TransientError),
        (IncompleteReadError(actual_bytes=1, expected_bytes=2), TransientError),
        (NoCredentialsError(), ConfigurationError),
        (ParamValidationError(report="SECRET"), PermanentError),
    ],
)
def test_every_error_is_one_of_ours(error: Exception, kind: type[Exception]) -> None:
    """What botocore raises comes out by what to do about it, with no more than operation and code in its text."""
    with pytest.raises(kind) as caught, translated("put"):
        raise error

    assert type(caught.value) is kind
    assert "SECRET" not in str(caught.value)
    assert str(caught.value).startswith("put:")


def test_a_bug_stays_a_bug() -> None:
    """Only botocore's errors are translated."""
    with pytest.raises(KeyError), translated("put"):
        raise KeyError
