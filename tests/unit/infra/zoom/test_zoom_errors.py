"""Every code that Zoom names is an error of its own."""

import pytest

from infra.errors import PermanentError, TransientError
from infra.zoom import errors


@pytest.mark.parametrize(
    ("status", "code", "kind", "text"),
    [
        (401, 124, errors.InvalidAccessToken, "ZOOM_OAUTH_ACCOUNT_ID"),
        (401, None, errors.InvalidAccessToken, "no code"),
        (400, 300, errors.RequestInvalid, "API reference"),
        (404, 1001, errors.UserNotFound, "does not exist"),
        (404, 1010, errors.UserNotFound, "account"),
        (404, 3001, errors.MeetingNotFound, "meeting"),
        (404, 404, errors.RegistrationOff, "registrants"),
        (400, 3027, errors.RegistrationOff, "registrants"),
        (404, 3301, errors.RecordingNotFound, "processed"),
        (401, 4700, errors.ScopeMissing, "scope"),
        (400, 4711, errors.ScopeMissing, "scope"),
        (400, 12702, errors.TooLongAgo, "year"),
        (403, 200, errors.ZoomRefused, "403, code 200"),
        (302, None, errors.ZoomRefused, "302, no code"),
    ],
)
def test_a_refusal_is_typed_and_says_what_to_do(
    status: int, code: int | None, kind: type[errors.ZoomRefused], text: str
) -> None:
    """Trying again does not help; the type, the status, the code and the text tell a person what does."""
    error = errors.refusal(status, code)

    assert type(error) is kind
    assert isinstance(error, PermanentError)
    assert (error.status, error.code) == (status, code)
    assert text in str(error)


def test_an_unfinished_recording_is_for_later() -> None:
    """3303 passes by itself."""
    assert isinstance(errors.refusal(400, 3303), TransientError)
