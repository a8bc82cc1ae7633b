"""A thread for one call: for users' code that is no task, and may take as long as it likes.

A pool would be blocked by a few such calls, and its threads would keep the process from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import Any


async def in_own_thread(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
    """Call a function in a new daemon thread, in the context of the caller; return its result.

    Raises
    ------
    Exception
        Whatever it raises; what ends programs or iterations as a RuntimeError.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def settle(value: object, error: BaseException | None) -> None:
        if future.done():
            return  # nobody waits any more
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)

    def work() -> None:
        value, error = _outcome(lambda: context.run(function, *args, **kwargs))
        with contextlib.suppress(RuntimeError):  # the loop is closed: there is nobody to tell
            loop.call_soon_threadsafe(settle, value, error)

    try:
        threading.Thread(target=work, name="gd-call", daemon=True).start()
    except RuntimeError:  # the program ends: from 3.12 on, Python starts no more threads then
        work()
    return await future


def _outcome(call: Callable[[], object]) -> tuple[object, BaseException | None]:
    try:
        return call(), None
    except (SystemExit, KeyboardInterrupt, StopIteration) as error:  # no future can carry these
        raised = RuntimeError(f"the function raised {type(error).__name__}({error})")
        raised.__cause__ = error
        return None, raised.with_traceback(error.__traceback__)
    except BaseException as error:
        return None, error
