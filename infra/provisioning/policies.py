"""One IAM policy document per program that touches the bucket: what it needs, and no more.

| program | may |
|---|---|
| recording_archive | store, prove, tag and hold under `calls/`; never delete |
| meeting_flagging | read archived texts (transcripts and chats); no video, no audio |
| expire | see tags, holds and versions under `calls/`, and delete them; it can lift no hold |
| portal | read what lies under `calls/`, to sign links with, and its tags: whether a hold is in effect |
| provision | set the bucket up; not read what is in it |
"""

from collections.abc import Mapping
from typing import Any

from schemas.archive import PREFIX

VERSION = "2012-10-17"  # of the policy language: IAM's current one

_LOCKS = "s3:GetBucketObjectLockConfiguration"
_TAGS = ("s3:GetObjectTagging", "s3:GetObjectVersionTagging")
_LOOK = (*_TAGS, "s3:GetObjectLegalHold")
_READ = ("s3:GetObject", "s3:GetObjectVersion")
_SETUP = (
    "s3:CreateBucket",
    "s3:ListBucket",
    "s3:GetLifecycleConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:GetBucketVersioning",
    "s3:PutBucketVersioning",
    "s3:GetBucketPublicAccessBlock",
    "s3:PutBucketPublicAccessBlock",
    "s3:GetBucketPolicy",
    "s3:PutBucketPolicy",
    "s3:GetBucketObjectLockConfiguration",
    "s3:PutBucketObjectLockConfiguration",
)
TEXT_KINDS = ("transcript", "chat")  # the values of the tag `kind` that meeting_flagging reads


def policy_documents(bucket: str) -> dict[str, dict[str, Any]]:
    """Return the documents by program name. Each belongs to the program's own role or user."""
    # Without ListBucket a missing object answers 403 instead of 404, and nobody could tell it from a forbidden one.
    see = _allow("SeeWhatIsThere", bucket, ("s3:ListBucket",))
    versions = _allow("SeeVersions", bucket, ("s3:ListBucket", "s3:ListBucketVersions", _LOCKS))
    tag = ("s3:PutObjectTagging", "s3:PutObjectVersionTagging", "s3:PutObjectLegalHold")
    store = (*_READ, *_LOOK, "s3:PutObject", *tag)
    texts = {"StringEquals": {"s3:ExistingObjectTag/kind": list(TEXT_KINDS)}}
    return {
        "recording_archive": _document(
            _allow("SeeWhatIsThere", bucket, ("s3:ListBucket", "s3:ListBucketMultipartUploads", _LOCKS)),
            _objects("Store", bucket, (*store, "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")),
        ),
        "meeting_flagging": _document(see, _objects("ReadTexts", bucket, _READ) | {"Condition": texts}),
        "expire": _document(
            versions, _objects("Expire", bucket, (*_LOOK, "s3:DeleteObject", "s3:DeleteObjectVersion"))
        ),
        "portal": _document(see, _objects("Read", bucket, (*_READ, *_TAGS))),
        "reconcile": _document(see, _objects("LookAt", bucket, _READ)),  # S3 has no right to HEAD that is not to GET
        "provision": _document(_allow("SetUp", bucket, _SETUP)),
    }


def tls_statement(bucket: str) -> dict[str, Any]:
    """Return the bucket policy's statement that refuses whoever speaks plain http."""
    return {
        "Sid": "ZoomCallsTlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [_arn(bucket), f"{_arn(bucket)}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def with_statement(policy: Mapping[str, Any], statement: Mapping[str, Any]) -> dict[str, Any]:
    """Return the policy with the statement in it, in the place of one with its Sid; all others are kept."""
    there = policy.get("Statement", [])
    others = [one for one in ([there] if isinstance(there, Mapping) else there) if one.get("Sid") != statement["Sid"]]
    return {"Version": VERSION, **policy, "Statement": [*others, dict(statement)]}


def _document(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": VERSION, "Statement": list(statements)}


def _allow(sid: str, bucket: str, actions: tuple[str, ...]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": [_arn(bucket)]}


def _objects(sid: str, bucket: str, actions: tuple[str, ...]) -> dict[str, Any]:
    return _allow(sid, bucket, actions) | {"Resource": [f"{_arn(bucket)}/{PREFIX}*"]}


def _arn(bucket: str) -> str:
    return f"arn:aws:s3:::{bucket}"
