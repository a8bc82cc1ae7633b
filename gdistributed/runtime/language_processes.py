"""Processes of other languages, which run functions for a worker: see docs/subprocess-runtimes.md.

A worker has as many of each runtime as it runs tasks at once, each started when it is first needed.
One that dies takes the task that it ran with it, and no other.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from gdistributed.data.codecs import codec_names
from gdistributed.data.failures import ErrorElsewhere
from gdistributed.errors import ClusterError, MalformedMessage, ProcessEnded, UnknownFunction
from gdistributed.runtime.calls import Call
from gdistributed.runtime.context import current
from gdistributed.runtime.language_frames import (
    Arguments,
    Message,
    read_message,
    value_in,
    write_message,
)
from gdistributed.v1 import error_pb2, worker_pb2

PROTOCOL: Final = 1
KEPT_LINES: Final = 20
HELLO_S: Final = 60.0
END_S: Final = 2.0
LAST_WORDS_S: Final = 1.0


class LanguageProcess:
    """One process; it has been started and has said what it offers.

    Parameters
    ----------
    runtime
        Name of its language.
    command
        The command that starts it.

    Raises
    ------
    ClusterError
        If it does not start, or does not say hello.

    Attributes
    ----------
    hello
        What it said first.
    functions
        What it offers, by name.
    """

    def __init__(self, runtime: str, command: str) -> None:
        self._runtime = runtime
        self._command = command
        self._last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._calls = 0
        self._current = 0
        self._guard = threading.Lock()
        self.functions: dict[str, Message] = {}
        try:
            self._process = subprocess.Popen(
                shlex.split(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the worker, which then ends this process
            )
        except (OSError, ValueError) as error:
            raise ClusterError(f"{self._title} cannot be started: {error}") from error
        self._listener = threading.Thread(target=self._listen, name=f"{runtime} says", daemon=True)
        self._listener.start()
        self.hello = self._greet()

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def call(self, call: Call | None, function: str, arguments: Arguments) -> object:
        """Have a function called, and return its value.

        Parameters
        ----------
        call
            The run of a task that this is; the process is killed when it is cancelled.
        function
            Its name.
        arguments
            What to call it with.

        Raises
        ------
        CodecUnsupported
            If the value is in a codec that is not known here.
        ErrorElsewhere
            If the function fails.
        ProcessEnded
            If the process does, or says what it must not say; it is dead then.
        """
        with self._guard:
            self._calls += 1
            number = self._current = self._calls
        if call is not None:
            call.stop = partial(self._kill_in, number)
            if call.is_cancelled:
                call.stop()
        key = call.key if call is not None else ""
        try:
            answer, attachments = self._ask(arguments, number, function, key)
        finally:
            with self._guard:
                self._current = 0
        if "error" in answer:
            raise ErrorElsewhere(self._failure(answer["error"]))
        return value_in(answer, attachments)

    def close(self) -> None:
        """End it: its standard input is closed, and what does not end by that is killed."""
        with contextlib.suppress(OSError):
            self._pipes[0].close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process.wait()
        self._listener.join(LAST_WORDS_S)
        self._pipes[1].close()

    def kill(self) -> None:
        """Kill it, and the processes that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def ended(self, doing: str, why: str = "") -> str:
        """Say how it ended, with its last words. It is killed if it runs on."""
        with contextlib.suppress(OSError):
            self._pipes[0].close()
        try:
            code = self._process.wait(LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self._process.wait()
        self._listener.join(LAST_WORDS_S)
        self._pipes[1].close()
        how = f"ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        words = "".join(f"\n    {line}" for line in self._last_lines) or " nothing."
        return f"{self._title} {why or how} {doing}. Its last lines:{words}"

    @property
    def _title(self) -> str:
        return f"the process of the runtime {self._runtime!r} ({self._command})"

    @property
    def _pipes(self) -> tuple[Any, Any]:
        return self._process.stdin, self._process.stdout

    def _greet(self) -> Message:
        timer = threading.Timer(HELLO_S, self.kill)
        timer.start()
        try:
            message, _ = read_message(self._pipes[1])
            hello: Message = message["hello"]
            if hello.get("protocol") != PROTOCOL:
                raise MalformedMessage(
                    f"speaks version {hello.get('protocol')!r} of the protocol, and the worker "
                    f"speaks {PROTOCOL}"
                )
            self.functions = {str(offer["name"]): offer for offer in hello["functions"]}
            return hello
        except MalformedMessage as error:
            raise ClusterError(self.ended("before its hello", f"was ended: {error}")) from error
        except (EOFError, KeyError, AttributeError, TypeError) as error:
            raise ClusterError(self.ended("before its hello")) from error
        finally:
            timer.cancel()

    def _ask(
        self, arguments: Arguments, number: int, function: str, key: str
    ) -> tuple[Message, list[bytes]]:
        doing = f"while it ran {function!r}"
        try:
            message = arguments.message(number, function, key)
            write_message(self._pipes[0], message, arguments.attachments)
            answer, attachments = read_message(self._pipes[1])
            if answer.get("call") != number:
                raise MalformedMessage(
                    f"it answered call {answer.get('call')!r}, asked was {number}"
                )
            return answer, attachments
        except MalformedMessage as error:
            self.kill()
            raise ProcessEnded(self.ended(doing, f"was ended: {error}")) from error
        except (EOFError, OSError) as error:
            raise ProcessEnded(self.ended(doing)) from error

    def _kill_in(self, number: int) -> None:
        """Kill the process if it still makes this call."""
        with self._guard:
            if self._current == number:
                self.kill()

    def _failure(self, error: Message) -> error_pb2.TaskError:
        return error_pb2.TaskError(
            type=str(error.get("type", "")) or "error",
            message=str(error.get("message", "")),
            traceback=str(error.get("traceback", "")),
            runtime=self._runtime,
            kind=error_pb2.TASK_ERROR_KIND_USER,
            retryable=True,
            counts=True,
        )

    def _listen(self) -> None:
        """Pass on what it says to people, and keep the last of it."""
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                text = line.decode(errors="replace").rstrip("\n")
                self._last_lines.append(text)
                print(text, file=sys.stderr, flush=True)


class LanguageRuntime:
    """All processes of one language on a worker. Its methods block: call them in threads.

    Parameters
    ----------
    name
        Name of the runtime.
    command
        The command that starts a process.
    """

    def __init__(self, name: str, command: str) -> None:
        self.name = name
        self._command = command
        self._guard = threading.Lock()
        self._idle: list[LanguageProcess] = []
        self._offered: dict[str, Message] = {}
        self._decodes: list[str] = []
        self._is_closed = False

    def offer(self) -> worker_pb2.RuntimeOffer:
        """Start the first process, and return what it offers.

        Raises
        ------
        ClusterError
            If it does not start.
        """
        process = self._take()
        self._offered = process.functions
        self._decodes = list(process.hello.get("decodes", ()))
        offers = [
            worker_pb2.FunctionOffer(
                name=offer["name"],
                description=str(offer.get("description", "")),
                accepts=self._reads(offer),
                version=str(offer.get("version", "")),
            )
            for offer in self._offered.values()
        ]
        version = str(process.hello.get("version", ""))
        self._give_back(process)
        codecs = codec_names()  # the worker reads and writes for its processes
        return worker_pb2.RuntimeOffer(
            runtime=self.name, version=version, functions=offers, decodes=codecs, encodes=codecs
        )

    def function(self, name: str) -> Callable[..., Any]:
        """Return what calls a function in one of the processes.

        Raises
        ------
        UnknownFunction
            If it is not offered.
        """
        offer = self._offered.get(name)
        if offer is None:
            raise UnknownFunction(
                f"the processes of the runtime {self.name!r} offer no function {name!r}; "
                f"they offer {', '.join(self._offered) or 'none'}"
            )
        return partial(self._call, name, self._reads(offer))

    def close(self) -> None:
        """End the processes that are idle, and each other one when its call is over."""
        with self._guard:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for process in idle:
            process.close()

    def _call(self, name: str, codecs: Sequence[str], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        running = current.get()
        arguments = Arguments(codecs)
        for value in args:
            arguments.add(value)
        for word, value in kwargs.items():
            arguments.add(value, word)
        process = self._take()
        try:
            return process.call(running if isinstance(running, Call) else None, name, arguments)
        finally:
            self._give_back(process)

    def _reads(self, offer: Message) -> list[str]:
        return list(offer.get("accepts") or self._decodes) or ["json"]

    def _take(self) -> LanguageProcess:
        with self._guard:
            while self._idle:
                process = self._idle.pop()
                if process.is_alive:
                    return process
                process.close()
        return LanguageProcess(self.name, self._command)

    def _give_back(self, process: LanguageProcess) -> None:
        with self._guard:
            is_kept = process.is_alive and not self._is_closed
            if is_kept:
                self._idle.append(process)
        if not is_kept:
            process.close()
