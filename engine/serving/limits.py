"""What one caller and all callers together may ask of a service."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

MOST_CALLERS = 10_000


@dataclass(frozen=True)
class Limits:
    """Limits of a service.

    Attributes:
        rows_bytes: largest body of rows; other bodies have 256 KiB.
        in_flight: requests that are answered at a time; further ones are told to come again.
        threads: of them, how many work at a time.
        large: of them, how many bodies of rows are in memory at a time.
        rate: requests a second of one caller, on average.
        burst: how many of them at once.
        body_seconds: for a body to arrive.
    """

    rows_bytes: int = 128 * 1024 * 1024
    in_flight: int = 64
    threads: int = 16
    large: int = 4
    rate: float = 50.0
    burst: int = 200
    body_seconds: float = 120.0


class Rate:
    """A token bucket for each caller; the callers longest unseen are forgotten.

    Example:
        >>> now = [0.0]
        >>> rate = Rate(per_second=2, burst=1, clock=lambda: now[0])
        >>> rate.wait("one"), rate.wait("one"), rate.wait("two")
        (0.0, 0.5, 0.0)
        >>> now[0] = 0.5
        >>> rate.wait("one")
        0.0
    """

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with full buckets.

        Args:
            per_second: what flows into a bucket.
            burst: what it holds.
            clock: gives seconds.
        """
        self._per_second, self._burst, self._clock = per_second, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def wait(self, caller: str, cost: float = 1.0) -> float:
        """Take from a caller's bucket.

        Returns:
            0 if there was enough, else the seconds until there will be; then nothing is taken.
        """
        with self._lock:
            now = self._clock()
            held, then = self._buckets.pop(caller, (float(self._burst), now))
            held = min(self._burst, held + (now - then) * self._per_second)
            enough = held >= cost
            self._buckets[caller] = (held - cost if enough else held, now)
            if len(self._buckets) > MOST_CALLERS:
                self._buckets.popitem(last=False)
            return 0.0 if enough else (cost - held) / self._per_second
