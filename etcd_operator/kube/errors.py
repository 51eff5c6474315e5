"""What the API server may answer, as types: a caller decides by type, never by text.

`Unreachable` means "could not ask": it never stands for "not there". After a call that changes something it means
"may have been applied"; preconditions make the repeated call harmless.
"""

from __future__ import annotations

from typing import Any


class KubeError(Exception):
    """The API server's answer was an error, or there was no answer."""

    def __init__(self, message: str, *, code: int = 0, reason: str = "", retry_after: float | None = None) -> None:
        """`message` is the server's own sentence; `retry_after` is in seconds."""
        super().__init__(message)
        self.message = message
        self.code = code
        self.reason = reason
        self.retry_after = retry_after


class Unreachable(KubeError):  # noqa: N818 - the field's word for it
    """No answer within the deadline: it is unknown whether the call was carried out."""


class NotFound(KubeError):  # noqa: N818
    """The server knows that the object is not there."""


class AlreadyExists(KubeError):  # noqa: N818
    """An object of that name is there already."""


class Conflict(KubeError):  # noqa: N818
    """A precondition (UID, resourceVersion) no longer holds."""


class Refused(KubeError):  # noqa: N818
    """The server understood and will not do it: forbidden, over quota, invalid."""


class ServerFailed(KubeError):  # noqa: N818
    """The server could not do it now (429, 5xx); after a 5xx the call may have been applied."""


def from_response(code: int, body: dict[str, Any], *, retry_after: float | None = None) -> KubeError:
    """The typed error for an HTTP status `code` >= 400 with a Kubernetes `Status` object as `body`."""
    message, reason = body.get("message") or f"HTTP {code}", body.get("reason", "")
    match code, reason:
        case 404, "NotFound":
            kind: type[KubeError] = NotFound
        case 404, _:
            # The page of a proxy, or of an API server that does not serve this kind now: the object may well be there.
            kind = ServerFailed
        case 409, "AlreadyExists":
            kind = AlreadyExists
        case 409, _:
            kind = Conflict
        case 429, _:
            kind = ServerFailed
        case _ if code >= 500:  # noqa: PLR2004 - HTTP's own border
            kind = ServerFailed
        case _:
            kind = Refused
    return kind(message, code=code, reason=reason, retry_after=retry_after)
