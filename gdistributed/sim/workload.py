"""What the simulated users compute: random graphs whose values are chains of hashes.

A value is the hash of its task's salt and of the values that it depends on, so that any wrong input
shows in the result. What each key should come to is worked out here, serially.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from random import Random

VALUE_NBYTES = 12


@dataclass(slots=True)
class Plan:
    """What one task does when it is run.

    Attributes
    ----------
    salt
        Goes into its value; travels as the task's arguments.
    dependencies
        What it depends on.
    seconds
        How long a run takes.
    failures
        How many of its runs raise before one does not.
    reschedules
        How many of its runs ask to be made elsewhere.
    secedes
        It leaves its thread halfway.
    is_poison
        Each run kills its worker.
    is_endless
        A run never ends by itself.
    value
        What it comes to, if it comes to anything.
    may_fail
        It or something that it depends on may come to an error by its own doing.
    """

    salt: bytes
    dependencies: tuple[Plan, ...] = ()
    seconds: float = 0.01
    failures: int = 0
    reschedules: int = 0
    secedes: bool = False
    is_poison: bool = False
    is_endless: bool = False
    raised: int = 0
    rescheduled: int = 0
    value: bytes = b""
    may_fail: bool = False

    def __post_init__(self) -> None:
        self.value = chained(self.salt, [each.value for each in self.dependencies])
        is_odd = self.failures > 0 or self.is_poison or self.is_endless
        self.may_fail = is_odd or any(each.may_fail for each in self.dependencies)


@dataclass(slots=True)
class Workload:
    """All plans, by the arguments that a task carries.

    Attributes
    ----------
    plans
        By salt.
    """

    random: Random
    plans: dict[bytes, Plan] = field(default_factory=dict)

    def task(self, dependencies: tuple[Plan, ...], odd: float) -> Plan:
        """Plan a task; `odd` is the probability that it does something that it should not."""
        random = self.random
        plan = Plan(
            salt=f"s{len(self.plans)}".encode(),
            dependencies=dependencies,
            seconds=random.choice([0.0, 0.001, 0.01, 0.1, 1.0, 5.0]) * random.random(),
            failures=random.choice([1, 1, 2, 9]) if random.random() < odd else 0,
            reschedules=random.choice([1, 2]) if random.random() < odd else 0,
            secedes=random.random() < 0.1,
            is_poison=random.random() < odd / 8,
            is_endless=random.random() < odd / 8,
        )
        self.plans[plan.salt] = plan
        return plan

    def data(self) -> Plan:
        """Plan a value that a client puts on a worker."""
        plan = Plan(salt=f"d{len(self.plans)}".encode())
        self.plans[plan.salt] = plan
        return plan


def chained(salt: bytes, values: list[bytes]) -> bytes:
    """Return the hash of a salt and of values in their order."""
    digest = hashlib.blake2b(salt, digest_size=VALUE_NBYTES)
    for value in values:
        digest.update(value)
    return digest.digest()
