"""A look whether an object is there, without what botocore does around a call: that computes for three times as long.

The request goes by a link of our own over the client's connections.
"""

from typing import TYPE_CHECKING, Any, cast

from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ClientError

from infra.storage.s3_errors import translated

if TYPE_CHECKING:
    from botocore.httpsession import URLLib3Session
    from mypy_boto3_s3 import S3Client

LINK_SECONDS = 300  # it is used at once, by a clock that may be minutes off
THERE, GONE = 200, 404


def is_there(client: "S3Client", bucket: str, key: str, version: dict[str, str]) -> bool:
    """Tell whether the version is there, or without one the object. It tries once.

    Raises:
        PermanentError: we may not look.
        TransientError: the store does not answer.
    """
    with translated("look"):
        params = {"Bucket": bucket, "Key": key, **version}
        url = client.generate_presigned_url("head_object", Params=params, ExpiresIn=LINK_SECONDS)
        request = AWSPreparedRequest("HEAD", url, {}, None, False)  # type: ignore[arg-type]  # any mapping does
        status = _session_of(client).send(request).status_code
        if status not in {THERE, GONE}:
            raise ClientError(
                {"Error": {"Code": str(status)}, "ResponseMetadata": cast(Any, {"HTTPStatusCode": status})},
                "HeadObject",
            )
    return status == THERE


def _session_of(client: "S3Client") -> "URLLib3Session":
    """What the client speaks HTTP with: its connections, proxies and certificates. botocore has no public name for it."""
    session: URLLib3Session = cast(Any, client)._endpoint.http_session
    return session
