"""The ways that tasks take from state to state, each kept once for all tasks that take it.

To find the way of a task costs two look-ups in a dict for each transition; a tuple of the states
would have to be built and hashed.
"""

from __future__ import annotations

from collections.abc import Collection
from json.encoder import encode_basestring_ascii
from typing import Final

WAYS_KEPT: Final = 20_000
# Characters that JSON has as they are.
PLAIN: Final = bytes(number for number in range(0x20, 0x7F) if chr(number) not in '"\\')


class Way:
    """A way: the prefix, the state where it starts, and the transitions, each with its worker.

    Attributes
    ----------
    origin, leads_to
        The first state and the last.
    keys
        Of the tasks that took it now.
    head
        What is the same for all of these, as a piece of JSON.
    longer
        The ways that go on from here, by state and worker; see `next`.
    """

    __slots__ = ("_steps", "_ways", "head", "keys", "leads_to", "longer", "origin", "prefix")

    def __init__(
        self, ways: Ways, prefix: str, origin: str, steps: tuple[tuple[str, str], ...]
    ) -> None:
        self._ways = ways
        self._steps = steps
        self.longer: dict[str, dict[str, Way]] = {}
        self.prefix = prefix
        self.origin = origin
        self.leads_to = steps[-1][0] if steps else origin
        self.keys: list[str] = []
        to, on = [state for state, _ in steps], [worker for _, worker in steps]
        self.head = (
            f'"prefix":{encode_basestring_ascii(prefix)},"from":"{origin}","to":{texts(to)}'
            + (f',"on":{texts(on)}' if any(on) else "")
        )

    def next(self, target: str, worker: str) -> Way:
        """Return the way that goes on from here to another state."""
        found = self.longer.setdefault(target, {}).get(worker)
        if found is None:
            self._ways.count += 1
            found = Way(self._ways, self.prefix, self.origin, (*self._steps, (target, worker)))
            self.longer[target][worker] = found
        return found


class Ways:
    """All ways that were taken lately.

    Attributes
    ----------
    count
        How many there are.
    """

    def __init__(self) -> None:
        self.count = 0
        self._begun: dict[str, dict[str, Way]] = {}

    def begun(self, prefix: str, origin: str) -> Way:
        """Return the way of no step that starts at a state."""
        try:
            return self._begun[prefix][origin]
        except KeyError:
            self.count += 1
            way = Way(self, prefix, origin, ())
            self._begun.setdefault(prefix, {})[origin] = way
            return way

    def trim(self) -> None:
        """Forget all when they are many, while no way has keys."""
        if self.count > WAYS_KEPT:
            self._begun.clear()
            self.count = 0


def texts(words: Collection[str]) -> str:
    """Return words as a list in JSON; that most need no escaping is found out for all at once."""
    if not words:
        return "[]"
    joined = '","'.join(words)
    # What is left without the plain characters are the quotes between the words.
    if joined.isascii() and len(joined.encode().translate(None, PLAIN)) == 2 * (len(words) - 1):
        return f'["{joined}"]'
    return f"[{','.join(map(encode_basestring_ascii, words))}]"
