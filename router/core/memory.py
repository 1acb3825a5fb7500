"""What was decided for earlier turns and sessions, bounded in number and age."""

from collections import OrderedDict
from collections.abc import Callable

from classifier.value import value
from router.core.types import Route


@value
class Pin:
    """Where a turn or a session was answered."""

    route: Route
    deployment: str


Recall = Callable[[str | None, float], Pin | None]
"""How a pin is looked up, by its key, at a time: ``Memory.recall`` or ``Memory.peek``."""


class Memory:
    """Pins by key; the least recently used go first. One worker's own: another worker decides afresh."""

    def __init__(self, capacity: int = 50_000, ttl_s: float = 3_600.0) -> None:
        """Hold at most ``capacity`` pins, each for ``ttl_s`` seconds after its last use."""
        self._capacity = capacity
        self._ttl_s = ttl_s
        self._pins: OrderedDict[str, tuple[float, Pin]] = OrderedDict()

    def peek(self, key: str | None, now_s: float) -> Pin | None:
        """Give back the pin under a key, if it is known and fresh, and leave everything as it is."""
        entry = self._pins.get(key) if key else None
        return entry[1] if entry is not None and now_s - entry[0] <= self._ttl_s else None

    def recall(self, key: str | None, now_s: float) -> Pin | None:
        """Give back the pin under a key as ``peek`` does: it is used, and so it is kept for longer."""
        pin = self.peek(key, now_s)
        if pin is not None:
            self.remember(key, pin, now_s)
        elif key:
            self._pins.pop(key, None)
        return pin

    def remember(self, key: str | None, pin: Pin, now_s: float) -> None:
        """Keep a pin under a key; nothing is kept without a key."""
        if not key:
            return
        self._pins[key] = (now_s, pin)
        self._pins.move_to_end(key)
        if len(self._pins) > self._capacity:
            self._pins.popitem(last=False)
