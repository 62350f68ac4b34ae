"""What `--fail-on` allows: 40 of 20 000 requests were lost, 23 refused (tier A) and 17 cut (16 A, 1 U)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from zdtrace.analysis.limits import limits
from zdtrace.errors import UsageError

DIAGNOSIS: Any = SimpleNamespace(
    requests=SimpleNamespace(total=20_000, failed=40, near_misses=100),
    causes=(
        SimpleNamespace(name="endpoint_lag_refused", failed=23, tiers={"A": 23}, triggers={"rollout": 23}),
        SimpleNamespace(name="unattributed", failed=17, tiers={"A": 16, "U": 1}, triggers={"none": 17}),
    ),
)
NOTHING: Any = SimpleNamespace(requests=SimpleNamespace(total=0, failed=0, near_misses=0), causes=())


@pytest.mark.parametrize(("text", "is_over"), [
    ("failed>0", True), ("failed>39", True), ("failed>40", False), ("failed>=40", True), ("failed >= 41", False),
    ("failed_ratio>0.001", True), ("failed_ratio>0.002", False), ("failed_ratio>=0.002", True),
    ("failed>0.1%", True), ("failed>0.2%", False), ("40", True), ("41", False), ("0.2%", True), ("0.21%", False),
    ("near_misses>99", True), ("near_misses>100", False), ("near_misses>=0.5%", True), ("near_misses>0.5%", False),
    ("cause:endpoint_lag_refused>22", True), ("cause:endpoint_lag_refused>23", False),
    ("cause:endpoint_lag_refused>50%", True), ("cause:endpoint_lag_refused>57.5%", False),
    ("cause:inflight_cut_sigkill>0", False), ("cause:unattributed>0", True),
    ("tier:U>0", True), ("tier:U>2%", True), ("tier:U>5%", False), ("tier:A>38", True), ("tier:B>0", False),
    ("trigger:rollout>22", True), ("trigger:rollout>23", False), ("trigger:none>0", True),
])
def test_a_limit_counts_what_it_names(text: str, is_over: bool) -> None:
    assert limits([text])[0].is_over(DIAGNOSIS) is is_over


@pytest.mark.parametrize("text", ["failed>0", "failed_ratio>0", "tier:U>5%", "cause:app_5xx>0", "1", "1%"])
def test_without_requests_no_limit_is_broken(text: str) -> None:
    assert not limits([text])[0].is_over(NOTHING)


@pytest.mark.parametrize(("text", "says"), [
    ("0", "is no limit"), ("", "is no limit"), ("failed", "is no limit"), ("failed<3", "is no limit"),
    ("cause>0", "is no limit"), ("failed:x>0", "is no limit"), ("lost>0", "is no limit"), ("failed>-1", "is no limit"),
    ("failed>1e9", "is no limit"), ("failed>0; drop table x", "is no limit"), ("failed>101%", "above 100 %"),
    ("failed_ratio>2", "above 100 %"), ("failed>=0", "always broken"),
    ("cause:endpoint_lag>0", "no cause `endpoint_lag`"), ("tier:E>0", "no tier `E`"),
    ("trigger:rolout>0", "no trigger"),
])
def test_a_limit_that_could_never_mean_anything_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        limits([text])
