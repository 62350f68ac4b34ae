"""The closed loop: rollouts as it is, a recommendation, the change, rollouts with it, until the claim holds or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from zdtrace.analysis.advice import Answer
from zdtrace.analysis.recommendation import Recommendation
from zdtrace.errors import UsageError
from zdtrace.proving.claims import Decision, Plan, fitted, words_s
from zdtrace.proving.proof import Outcome, Row, Trial, lost_words
from zdtrace.proving.treatment import Treatment

DOUBTFUL_AT_MOST = 2
"""So many rollouts in a row that do not count end a proof: more would not either."""


class Bench(Protocol):
    """Where rollouts are made: a cluster, or a play of one."""

    def record(self, name: str) -> Trial:
        """Roll the workload out under load, recorded under this name."""

    def advise(self, every: Sequence[Trial], latest: Sequence[Trial]) -> tuple[Recommendation, Treatment]:
        """Judge all rollouts so far, and say what to change against what the latest lost."""

    def apply(self, treatment: Treatment) -> None:
        """Change the workload, and wait until it is rolled out."""

    def left_s(self) -> float | None:
        """Return how much time is left, null when there is no limit."""


@dataclass(slots=True)
class Course:
    """What has happened so far: enough to make a proof of, also when somebody interrupts."""

    plan: Plan
    baseline: list[Trial] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    recommendation: Recommendation | None = None
    outcome: Outcome = Outcome.INTERRUPTED
    reasons: tuple[str, ...] = ()


class _Stopped(Exception):
    """The loop ends here."""

    def __init__(self, outcome: Outcome, *reasons: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.reasons = reasons


@dataclass(slots=True)
class Campaign:
    """One proof under way. `confirm` is asked before each change, `tell` hears what happens.

    `budget_s` fits the claim to the time once it is known how long a rollout takes.
    """

    bench: Bench
    plan: Plan
    confirm: Callable[[Treatment], bool]
    tell: Callable[[str], None]
    budget_s: float | None = None

    def run(self, course: Course) -> None:
        """Go through the loop; what happens is noted in `course`, whatever ends it."""
        try:
            self._run(course)
        except _Stopped as stopped:
            course.outcome, course.reasons = stopped.outcome, stopped.reasons

    def _run(self, course: Course) -> None:
        while sum(each.is_clean or each.is_lossy for each in course.baseline) < self.plan.baseline:
            self.tell(f"rollout {len(course.baseline) + 1} of {self.plan.baseline} as it is")
            course.baseline.append(self._trial(f"baseline-{len(course.baseline) + 1}", course.baseline))
        self._fit(course)
        latest: Sequence[Trial] = course.baseline
        while True:
            number = len(course.rows) + 1
            advice, treatment = self.bench.advise(self._every(course), latest)
            course.recommendation = course.recommendation or advice
            self.tell(f"recommendation: {advice.sentence}")
            self._check(course, advice, treatment, latest)
            if not treatment.is_empty:
                if not self.confirm(treatment):
                    raise _Stopped(Outcome.INCONCLUSIVE, f"the change was not confirmed ({treatment.words})")
                self.bench.apply(treatment)
            # Rollouts of the workload as it is speak for it when nothing is changed.
            counted = tuple(latest) if treatment.is_empty else ()
            whole = treatment.upon(course.rows[-1].treatment) if course.rows else treatment
            course.rows.append(Row(number, whole, counted))
            if self._verified(course) is Decision.PROVEN:
                course.outcome = Outcome.PROVEN
                return
            latest = course.rows[-1].trials
            self.tell(f"a rollout lost {lost_words(latest[-1:])}")
            if number > self.plan.aim.revisions:
                raise _Stopped(
                    Outcome.NOT_PROVEN,
                    f"a rollout with {course.rows[-1].short} lost {lost_words(latest[-1:])}, and no further "
                    "revision was allowed",
                )

    def _verified(self, course: Course) -> Decision:
        """Record rollouts in a row until it is decided."""
        row = course.rows[-1]
        aim = course.plan.aim
        while (decision := aim.decide(row.clean, row.lossy, row.number)) is Decision.GO_ON:
            wanted = aim.wanted(row.number)
            self._check_time(course, row)
            self.tell(f"rollout {row.clean + 1} of {wanted} in a row")
            trial = self._trial(f"verification-{row.number}-{len(row.trials) + 1}", row.trials)
            row = replace(row, trials=(*row.trials, trial))
            course.rows[-1] = row
        return decision

    def _trial(self, name: str, before: Sequence[Trial]) -> Trial:
        trial = self.bench.record(name)
        self.tell(f"{name}: {trial.failed} of {trial.requests} requests failed" + (
            f"; it does not count: {trial.doubt}" if trial.doubt and not trial.failed else ""
        ))
        doubtful = [*before, trial][-DOUBTFUL_AT_MOST:]
        if len(doubtful) == DOUBTFUL_AT_MOST and all(each.doubt and not each.failed for each in doubtful):
            raise _Stopped(Outcome.INCONCLUSIVE, f"rollouts do not count: {trial.doubt}")
        return trial

    def _fit(self, course: Course) -> None:
        """Fit the claim to the time that is left, as measured; what was lost plays no part in it."""
        each_s = sum(each.seconds for each in course.baseline) / len(course.baseline)
        settle_s = 2 * max(each.rollout_s for each in course.baseline)
        left_s = self.bench.left_s()
        if left_s is None or self.budget_s is None:
            course.plan = replace(self.plan, each_s=each_s, settle_s=settle_s)
            return
        try:
            found = fitted(self.plan.aim, left_s, baseline=0, each_s=each_s, settle_s=settle_s)
        except UsageError as error:
            raise _Stopped(Outcome.INCONCLUSIVE, f"the budget is used up: {error.message}") from error
        course.plan = replace(found, baseline=self.plan.baseline)
        self.tell(
            f"in the {words_s(left_s)} that are left, {found.verification} rollouts of {words_s(each_s)} each support "
            f"a claim of {found.aim.claim:.1%}"
        )

    def _check(self, course: Course, advice: Recommendation, treatment: Treatment, latest: Sequence[Trial]) -> None:
        """Stop where nothing may be changed against what was lost."""
        lossy = [each for each in latest if each.is_lossy]
        if not treatment.is_empty or not lossy:
            return
        refused = tuple(f"{each.remedy}: {each.why}" for each in treatment.refused)
        why = refused or (
            (f"no number can be given: {'; '.join(advice.reasons)}",) if advice.verdict is Answer.INCONCLUSIVE else
            ("no remedy is known for what was lost",)
        )
        how = "with the change" if course.rows else "as it is"
        lost = f"rollouts {how} lose requests, and nothing that may be changed of the workload prevents it: " \
            f"{lost_words(lossy)}"
        raise _Stopped(Outcome.NOT_PROVEN, lost, *why)

    def _check_time(self, course: Course, row: Row) -> None:
        left_s, each_s = self.bench.left_s(), course.plan.each_s or 0.0
        # What puts the workload back takes time, too.
        if left_s is None or left_s >= each_s + course.plan.settle_s / 2:
            return
        supported = course.plan.aim.supported(row.clean, row.number)
        raise _Stopped(
            Outcome.INCONCLUSIVE,
            f"the budget is used up after {row.clean} of {course.plan.aim.wanted(row.number)} rollouts in a row "
            f"without loss, which support {supported:.1%}",
        )

    @staticmethod
    def _every(course: Course) -> list[Trial]:
        later = [trial for row in course.rows for trial in row.trials if trial not in course.baseline]
        return [*course.baseline, *later]
