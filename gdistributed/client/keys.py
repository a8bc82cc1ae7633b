"""Names: how a key is called on the wire, and which key a call gets.

The same call gets the same key, so that it is computed once. Plain scalars are cheap to tell apart;
everything else is left to `dask.tokenize`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from dask.typing import Key
from dask.utils import key_split

from gdistributed.data.arguments import KeyReference
from gdistributed.data.codecs.pickled import SCALARS

__all__ = ["SCALARS", "Key", "Namer", "wire_name"]

DIGEST_NBYTES: Final = 16
OWNER_DIGITS: Final = 16
NUMBERS: Final = itertools.count(1)
NAMED_BY_REPR: Final = frozenset({int, str, bytes})
TOLD_BY_REPR: Final = SCALARS | {KeyReference}


def wire_name(key: object) -> str:
    """Return how a key is called on the wire: a string as it is, another by its `repr`.

    Numbers that are equal are the same key in Python (1, True, numpy.int64(1)) and get one name.
    """
    if type(key) is str:
        return key
    if type(key) is tuple and NAMED_BY_REPR.issuperset(map(type, key)):
        return repr(key)
    return key if isinstance(key, str) else repr(_canonical(key))


def _canonical(key: object) -> object:
    kind = type(key)
    if kind is int or kind is str or kind is bytes:
        return key
    if isinstance(key, tuple):
        return tuple(map(_canonical, key))
    if isinstance(key, str):
        return str(key)
    if isinstance(key, float) and not key.is_integer():
        return float(key)
    try:
        return int(key)  # type: ignore[call-overload]  # bool, numpy integers, 1.0
    except (TypeError, ValueError, OverflowError):
        return key


class Namer:
    """Makes the keys of calls of one function.

    Parameters
    ----------
    prefix
        How they begin; usually the function's name.
    function_id
        Tells functions of one name apart.
    pure
        Whether equal calls get equal keys. Otherwise each gets a new one.
    owner
        Id of the client, in hexadecimal digits: makes new keys that no other client makes.
    """

    __slots__ = ("_base", "_function_id", "_owner", "_prefix", "_pure")

    def __init__(self, prefix: str, function_id: str, pure: bool, owner: str) -> None:
        self._prefix = prefix
        self._owner = owner[:OWNER_DIGITS]
        self._function_id = function_id
        self._pure = pure
        self._base = blake2b(function_id.encode(), digest_size=DIGEST_NBYTES)

    @property
    def is_pure(self) -> bool:
        """Whether equal calls get equal keys."""
        return self._pure

    def key(self, args: Sequence[object], kwargs: Mapping[str, object]) -> str:
        """Return the key of a call, whose references are placeholders by now."""
        if not self._pure:
            return self.new_key()
        if all(map(_is_told_by_repr, args)) and all(map(_is_told_by_repr, kwargs.values())):
            return self.key_of_text(f"{args!r}{kwargs!r}")
        return f"{self._prefix}-{_tokenize(self._function_id, args, kwargs)}"

    def new_key(self) -> str:
        """Return a key that no call has."""
        return f"{self._prefix}-{self._owner}{next(NUMBERS):016x}"

    def key_of_text(self, text: str) -> str:
        """Return the key of a call of which a text says everything."""
        digest = self._base.copy()
        digest.update(text.encode(errors="surrogatepass"))
        return f"{self._prefix}-{digest.hexdigest()}"


def _is_told_by_repr(value: object) -> bool:
    kind = type(value)
    if kind in TOLD_BY_REPR:
        return True
    if kind is list or kind is tuple:
        return all(type(item) in TOLD_BY_REPR for item in value)  # type: ignore[attr-defined]
    return False


def _tokenize(function_id: str, args: Sequence[object], kwargs: Mapping[str, object]) -> str:
    from dask.tokenize import tokenize  # a tenth of a second, which calls on scalars do not need

    return str(
        tokenize(function_id, *_told(args), **{name: _told(kwargs[name]) for name in kwargs})
    )


def _told(value: Any) -> Any:  # noqa: ANN401
    """Put tuples in the place of placeholders, which dask can tell apart."""
    kind = type(value)
    if kind is KeyReference:
        return ("gdistributed-key", value.key)
    if kind in (list, tuple, set, frozenset):
        return kind(map(_told, value))
    if kind is dict:
        return {key: _told(item) for key, item in value.items()}
    return value


def prefix_of(key: Key) -> str:
    """Return what kind of task a key in a graph stands for: the scheduler learns by it.

    dask's own rule finds "sum" in ``("sum-part-1f2e...", 0)``. Keys written by hand, "a0" to
    "a9999", would be ten thousand kinds: where that rule finds nothing to cut, a number at the end
    goes.
    """
    prefix = str(key_split(key))
    return (prefix.rstrip("0123456789_-") or prefix) if prefix == key else prefix
