"""What an answer of the API server means, by type."""

from __future__ import annotations

import pytest

from etcd_operator.kube import errors

TABLE = [
    (404, "NotFound", errors.NotFound),
    (409, "AlreadyExists", errors.AlreadyExists),
    (409, "Conflict", errors.Conflict),
    (409, "", errors.Conflict),
    (400, "BadRequest", errors.Refused),
    (401, "Unauthorized", errors.Refused),
    (403, "Forbidden", errors.Refused),
    (410, "Expired", errors.Refused),
    (422, "Invalid", errors.Refused),
    (429, "TooManyRequests", errors.ServerFailed),
    (500, "InternalError", errors.ServerFailed),
    (503, "ServiceUnavailable", errors.ServerFailed),
    (504, "Timeout", errors.ServerFailed),
]


@pytest.mark.parametrize(("code", "reason", "kind"), TABLE)
def test_the_answer_has_its_own_type(code: int, reason: str, kind: type[errors.KubeError]) -> None:
    found = errors.from_response(code, {"message": "said so", "reason": reason}, retry_after=3.0)
    assert type(found) is kind
    assert (found.message, found.code, found.reason, found.retry_after) == ("said so", code, reason, 3.0)


def test_an_answer_without_words_is_told_by_its_number() -> None:
    assert errors.from_response(502, {}).message == "HTTP 502"


def test_no_answer_is_never_not_there() -> None:
    assert not issubclass(errors.Unreachable, errors.NotFound)
    assert not issubclass(errors.ServerFailed, errors.NotFound)
