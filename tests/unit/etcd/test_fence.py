"""No change of etcd starts unless the Lease outlasts it."""

from __future__ import annotations

import pytest

from etcd_operator.act.membership import CHANGE_WITHIN, READ_WITHIN
from etcd_operator.etcd.errors import EtcdError
from etcd_operator.etcd.fence import NotLeadingError, check_lease
from etcd_operator.lease import DURATION, RENEW_EVERY


@pytest.mark.parametrize("left", [4.0, 3.9, 0.0, -60.0])
def test_a_change_does_not_start_without_time_for_it(left: float) -> None:
    with pytest.raises(NotLeadingError, match=rf"Promote orders-bbbbb.*{left:.1f} s left.*take 4.0 s"):
        check_lease(lambda: left, within=4.0, what="Promote orders-bbbbb")


def test_a_change_starts_while_the_lease_outlasts_it() -> None:
    check_lease(lambda: 4.1, within=4.0, what="Promote orders-bbbbb")


def test_not_leading_is_an_answer_like_any_other_that_etcd_did_not_give() -> None:
    assert issubclass(NotLeadingError, EtcdError)


def test_a_leader_that_renews_in_time_can_always_start_a_change() -> None:
    assert DURATION - RENEW_EVERY - CHANGE_WITHIN > 0
    assert READ_WITHIN < CHANGE_WITHIN
