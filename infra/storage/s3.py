"""ObjectStore on S3, through boto3's classic client.

Never its CRT client: that ignores `endpoint_url` and would write to AWS itself (boto3 issue 4839), so nothing here uses
boto3's transfer manager, which alone would choose it. Checksums are ours: botocore takes a CRC32 that is given to it.

Permissions: on the bucket s3:ListBucket (without it a missing key looks forbidden) and, to list unfinished uploads,
ListBucketMultipartUploads; on its objects s3:GetObject[Version], PutObject, AbortMultipartUpload,
ListMultipartUploadParts, DeleteObject[Version], Get- and PutObject[Version]Tagging; to hold, GetBucketObjectLockConfiguration,
Get- and PutObjectLegalHold; where the program shall set the bucket up, also s3:CreateBucket, Get- and
PutLifecycleConfiguration.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import quote, urlencode, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.errors import ConfigurationError, TransientError
from infra.secret import Secret
from infra.storage.base import (
    Description,
    ObjectInfo,
    ObjectMissing,
    Part,
    Provisioned,
    StoredPart,
    UnfinishedUpload,
    UploadGone,
)
from infra.storage.lifecycle import merge_rules
from infra.storage.look import is_there
from infra.storage.object_lock import has_object_lock, legal_hold, set_legal_hold
from infra.storage.s3_errors import code_of, status_of, translated

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

DEFAULT_REGION = "us-east-1"  # where the AWS_* variables name none: what S3 itself signs with
CONNECT_SECONDS = 5.0  # a store in the same network answers in milliseconds
READ_SECONDS = 60.0  # completing a large upload is S3's slowest answer; it keeps the connection alive meanwhile
TRIES = 3  # of one call; longer waits are the effect's (design 6)
CONNECTIONS = 32  # eight files of four parts at a time
READ_BYTES = 1024 * 1024  # one piece of `read`


def s3_client(endpoint_url: str | None, **options: Any) -> "S3Client":
    """Make the one kind of client we use: everything else comes from the AWS_* environment.

    On AWS it speaks to the bucket's host in its own region: botocore's default sends links to the global host, which
    answers for a young bucket in another region with a redirect, and signs them there with the retired version 2.
    """
    session = boto3.session.Session()
    return session.client(
        "s3",
        endpoint_url=endpoint_url,
        region_name=session.region_name or DEFAULT_REGION,
        config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": TRIES},
            max_pool_connections=CONNECTIONS,
            signature_version="s3v4",
            s3=None if endpoint_url else {"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
        ),
        **options,
    )


class S3Store:
    """One bucket of S3 or of a store that speaks it."""

    def __init__(self, bucket: str, endpoint_url: str | None = None, client: "S3Client | None" = None) -> None:
        """Open the bucket with the credentials of the AWS_* environment, or with a client that has its own."""
        with translated("open"):
            self._client = client or s3_client(endpoint_url)
        self._bucket = bucket
        self._object_lock: bool | None = None

    def head(self, key: str, version_id: str | None = None) -> ObjectInfo | None:
        try:
            with translated("head"):
                found = self._client.head_object(
                    Bucket=self._bucket, Key=key, ChecksumMode="ENABLED", **_version(version_id)
                )
        except ObjectMissing:
            return None
        return ObjectInfo(
            key=key,
            version_id=_version_of(found),
            size_bytes=found["ContentLength"],
            content_type=found.get("ContentType", ""),
            crc32=_whole_crc32(found),
            metadata=found.get("Metadata", {}),
            modified_at=found["LastModified"],
        )

    def has(self, key: str, version_id: str | None = None) -> bool:
        return is_there(self._client, self._bucket, key, _version(version_id))

    def put_small(self, key: str, body: bytes, description: Description, crc32: int) -> str | None:
        with translated("put"):
            stored = self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                ChecksumAlgorithm="CRC32",
                ChecksumCRC32=_encoded(crc32),
                IfNoneMatch="*",
                **self._described(description),
            )
        return _version_of(stored)

    def create_multipart(self, key: str, description: Description) -> str:
        with translated("create upload"):
            created = self._client.create_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                ChecksumAlgorithm="CRC32",
                ChecksumType="FULL_OBJECT",
                **self._described(description),
            )
        return created["UploadId"]

    def upload_part(self, key: str, upload_id: str, number: int, body: bytes | bytearray, crc32: int) -> Part:
        with translated("upload part"):
            sent = self._client.upload_part(
                Bucket=self._bucket,
                Key=key,
                UploadId=upload_id,
                PartNumber=number,
                Body=cast(bytes, body),  # a bytearray goes to the socket as it is; the stubs do not know it
                ChecksumAlgorithm="CRC32",
                ChecksumCRC32=_encoded(crc32),
            )
        return Part(number, sent["ETag"], crc32)

    def complete(self, key: str, upload_id: str, parts: Sequence[Part], crc32: int) -> str | None:
        with translated("complete upload"):
            stored = self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                UploadId=upload_id,
                MultipartUpload={
                    "Parts": [
                        {"PartNumber": part.number, "ETag": part.etag, "ChecksumCRC32": _encoded(part.crc32)}
                        for part in parts
                    ]
                },
                ChecksumCRC32=_encoded(crc32),
                ChecksumType="FULL_OBJECT",
                IfNoneMatch="*",
            )
        return _version_of(stored)

    def abort(self, key: str, upload_id: str) -> None:
        try:
            with translated("abort upload"):
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload_id)
        except UploadGone:
            return

    def parts(self, key: str, upload_id: str) -> list[StoredPart]:
        with translated("list parts"):
            pages = self._client.get_paginator("list_parts").paginate(Bucket=self._bucket, Key=key, UploadId=upload_id)
            found = [one for page in pages for one in page.get("Parts", ())]
        return [StoredPart(one["PartNumber"], one["ETag"], one["Size"]) for one in found]

    def unfinished(self, prefix: str) -> list[UnfinishedUpload]:
        with translated("list uploads"):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=prefix)
            found = [one for page in pages for one in page.get("Uploads", ())]
        return [UnfinishedUpload(one["Key"], one["UploadId"], one["Initiated"]) for one in found]

    def read(self, key: str, version_id: str | None = None, max_bytes: int | None = None) -> Iterator[bytes]:
        with translated("read"):
            found = self._client.get_object(Bucket=self._bucket, Key=key, **_version(version_id))
        return _pieces(found["Body"], max_bytes)

    def link(self, key: str, version_id: str | None, seconds: int, disposition: str | None = None) -> Secret:
        named = {} if disposition is None else {"ResponseContentDisposition": disposition}
        with translated("sign a link"):
            return Secret(
                self._client.generate_presigned_url(
                    "get_object",
                    Params={"Bucket": self._bucket, "Key": key, **_version(version_id), **named},
                    ExpiresIn=seconds,
                )
            )

    def link_origin(self) -> str:
        parts = urlsplit(str.__str__(self.link("calls/", None, seconds=1)))
        return f"{parts.scheme}://{parts.netloc}"

    def delete(self, key: str, version_id: str | None = None) -> None:
        try:
            with translated("delete"):
                self._client.delete_object(Bucket=self._bucket, Key=key, **_version(version_id))
        except ObjectMissing:
            return

    def delete_all_versions(self, key: str) -> None:
        for version_id in self._versions(key):
            self.delete(key, version_id)
        if self._versions(key):
            raise TransientError("delete all versions: some are left")

    def get_tags(self, key: str, version_id: str | None = None) -> dict[str, str]:
        with translated("get tags"):
            found = self._client.get_object_tagging(Bucket=self._bucket, Key=key, **_version(version_id))
        return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}

    def replace_tags(self, key: str, version_id: str | None, tags: Mapping[str, str]) -> None:
        with translated("replace tags"):
            self._client.put_object_tagging(
                Bucket=self._bucket,
                Key=key,
                Tagging={"TagSet": [{"Key": name, "Value": value} for name, value in tags.items()]},
                **_version(version_id),
            )

    def legal_hold(self, key: str, version_id: str | None = None) -> bool | None:
        if not self._has_object_lock():
            return None
        return legal_hold(self._client, self._bucket, key, _version(version_id))

    def set_legal_hold(self, key: str, version_id: str | None, *, on: bool) -> None:
        if self.head(key, version_id) is None:
            raise ObjectMissing("set a legal hold: there is no such version")  # SeaweedFS 4.48 answers 500
        set_legal_hold(self._client, self._bucket, key, _version(version_id), on)

    def ensure_bucket(self, *, object_lock: bool = False) -> Provisioned:
        bucket = self._ensure_bucket(object_lock)
        return Provisioned(bucket, merge_rules(self._client, self._bucket))

    def close(self) -> None:
        self._client.close()

    def _versions(self, key: str) -> list[str]:
        """The ids of the key's versions and delete markers; a bucket without versions says "null"."""
        with translated("list versions"):
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=key)
            found = [one for page in pages for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))]
        return [one["VersionId"] for one in found if one["Key"] == key]  # longer keys begin with it too

    def _described(self, description: Description) -> dict[str, Any]:
        described: dict[str, Any] = {
            "ContentType": description.content_type,
            "ContentDisposition": description.disposition,
            "Tagging": urlencode(description.tags, quote_via=quote, safe=""),
            "Metadata": dict(description.metadata),
        }
        if description.legal_hold and self._has_object_lock():
            described["ObjectLockLegalHoldStatus"] = "ON"
        return described

    def _has_object_lock(self) -> bool:
        """Asked once: a bucket does not lose it, and one that gets it is made so by provisioning, before a start."""
        if self._object_lock is None:
            self._object_lock = has_object_lock(self._client, self._bucket)
        return self._object_lock

    def _ensure_bucket(self, object_lock: bool) -> Literal["made", "there", "unknown"]:
        with translated("look for the bucket"):
            try:
                self._client.head_bucket(Bucket=self._bucket)
            except ClientError as error:
                if status_of(error) == 403:
                    return "unknown"
                if status_of(error) != 404:
                    raise
                return self._make_bucket(object_lock)
        return "there"

    def _make_bucket(self, object_lock: bool) -> Literal["made", "there"]:
        region = self._client.meta.region_name
        place: dict[str, Any] = (
            {} if region == DEFAULT_REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        )
        if object_lock:
            place["ObjectLockEnabledForBucket"] = True
        try:
            self._client.create_bucket(Bucket=self._bucket, **place)
        except ClientError as error:
            if code_of(error) == "BucketAlreadyOwnedByYou":
                return "there"
            if code_of(error) == "BucketAlreadyExists":
                return self._look_again()
            if status_of(error) in {400, 403}:
                raise ConfigurationError(
                    f"the bucket is missing and may not be made ({code_of(error)}): see ARCHIVE_BUCKET"
                ) from error
            raise
        return "made"

    def _look_again(self) -> Literal["there"]:
        """Tell a bucket that was made meanwhile from somebody else's; raises ConfigurationError for the latter."""
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if status_of(error) == 403:
                raise ConfigurationError("the bucket belongs to somebody else: see ARCHIVE_BUCKET") from error
            raise
        return "there"


def _pieces(body: "StreamingBody", max_bytes: int | None) -> Iterator[bytes]:
    left = max_bytes
    try:
        while left is None or left > 0:
            with translated("read"):
                piece = body.read(READ_BYTES if left is None else min(READ_BYTES, left))
            if not piece:
                return
            left = None if left is None else left - len(piece)
            yield piece
    finally:
        body.close()


def _version(version_id: str | None) -> dict[str, Any]:
    return {} if version_id is None else {"VersionId": version_id}


def _version_of(answer: Mapping[str, Any]) -> str | None:
    """The version id; `null` is how S3 names what was stored while the bucket had no versions."""
    version_id = answer.get("VersionId")
    return None if version_id == "null" else version_id


def _encoded(crc32: int) -> str:
    """A CRC32 as S3 writes it: base64 of four bytes, big-endian."""
    return b64encode(crc32.to_bytes(4, "big")).decode()


def _whole_crc32(found: Mapping[str, Any]) -> int | None:
    text = found.get("ChecksumCRC32")
    if not text or found.get("ChecksumType") == "COMPOSITE":
        return None
    return int.from_bytes(b64decode(text.partition("-")[0]), "big")
