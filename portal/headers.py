"""What every answer carries: no script but our own, no framing, nothing kept by caches, nothing told to other sites."""

from flask import Flask, Response

# https://developer.mozilla.org/docs/Web/HTTP/Headers/Content-Security-Policy; `media_sources` are the hosts of recordings
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self';"
    " media-src 'self'{media}; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_STATIC_SECONDS = 3600  # an update shows within the hour


def register(app: Flask, media_sources: tuple[str, ...]) -> None:
    """Set the headers on every answer; `media_sources` are the origins that a player may load recordings from."""
    policy = _POLICY.format(media="".join(f" {source}" for source in media_sources))

    def secure(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        static = response.direct_passthrough and response.status_code == 200
        response.headers["Cache-Control"] = f"private, max-age={_STATIC_SECONDS}" if static else "no-store"
        return response

    app.after_request(secure)
