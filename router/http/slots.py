"""How many requests are served at once. A place is taken only after a key was shown, where keys are needed."""

from router.errors import Overloaded

RETRY_AFTER_S = 1.0
"""Said with a 503 of our own: a slot is usually free by then."""


class Slots:
    """The places of the requests that are being served."""

    def __init__(self, most: int) -> None:
        """Have so many of them."""
        self._most, self.taken = most, 0

    def take(self) -> None:
        """Take one; whoever takes one gives it back.

        Raises:
            Overloaded: none is free.
        """
        if self.taken >= self._most:
            raise Overloaded("The gateway is serving as many requests as it may.", retry_after_s=RETRY_AFTER_S)
        self.taken += 1

    def give_back(self) -> None:
        """Let another have it."""
        self.taken -= 1
