"""Every exception of gdistributed, as one tree. The first cut is whose fault it was.

GDistributedError
├── TaskFailed               the user's code, or what became of it
│   ├── TaskError            raised remotely, and the original cannot be rebuilt here
│   ├── KilledWorker         the task was executing on worker after worker as they died
│   ├── DataLost             data that cannot be computed again was lost with its worker
│   ├── ActorLost            the worker on which an actor lived is gone, and its state with it
│   ├── SerializationError   a result cannot be encoded or decoded
│   │   └── CodecUnsupported  in none of the codecs that the reader accepts
│   ├── ValueTooLarge        a worker by Synchronize cannot be given it, or give it
│   ├── TaskTimeout          the task ran longer than its time limit
│   ├── ProcessEnded         the process of another language that ran the task ended
│   ├── Reschedule           raised by a task that is to be run again, elsewhere
│   └── CancelledError       somebody gave the task up
├── ClusterError             the cluster is not as it should be
│   ├── ConnectTimeout       nobody answers at an address
│   ├── WaitTimeout          something did not happen in time
│   ├── ConnectionLost       the connection to a peer broke and does not come back
│   ├── PeerBusy             a worker has no room for another transfer now
│   ├── NoWorker             no worker can ever run the task
│   ├── AddressInUse         a server cannot listen where it was told to
│   ├── SoftwareDiffers      client and workers are made of software that does not fit
│   └── NotFound             a name, key or worker that nobody knows
├── ProtocolError            the peer's fault
│   ├── VersionMismatch      its protocol has another major version
│   ├── CapabilityMissing    it lacks what we need, or needs what we lack
│   ├── Superseded           a newer stream of the same peer took the place
│   ├── StaleEpoch           a scheduler that another one has replaced
│   └── MalformedMessage     it said what must not be said
└── UsageError               the caller's fault
    ├── UnpicklableArgument  an argument or function cannot be sent
    ├── ArgumentTooLarge     the arguments of a task are larger than a message may be
    ├── BadGraph             a graph has a cycle or names keys that nobody holds
    │   └── UnknownFunction   no worker offers a function of this name
    ├── NameTaken            the name belongs to somebody else
    ├── LimitDiffers         a semaphore has another limit than was said
    ├── NotHeld              a lock is released by somebody who does not hold it
    ├── NotInTask            only a task may do this
    ├── NotAllowed           the scheduler runs no code of users
    └── ClientClosed         the client is closed
InvariantBroken              our own fault

Each class has a `reason`: the same word stands in the gRPC status of a failed call
(`google.rpc.ErrorInfo.reason`), in `TaskError.reason` on the wire, and in docs/errors.md.
"""

from __future__ import annotations

import concurrent.futures
from typing import Self


class GDistributedError(Exception):
    """Base of all errors that gdistributed raises on purpose.

    Attributes
    ----------
    reason
        A stable word for programs: that of the class, unless a narrower one was given.
    """

    reason: str = "ERROR"

    def with_reason(self, reason: str) -> Self:
        """Give this error a narrower reason than that of its class, and return it."""
        self.reason = reason
        return self


class TaskFailed(GDistributedError):
    """A task has no result.

    The base of the errors of tasks: catch it to catch them all. An exception that a task raises
    is none of them: it reaches the caller as itself.
    """

    reason = "TASK_FAILED"


class TaskError(TaskFailed):
    """A task raised, and its exception cannot be rebuilt in this process.

    To do: read the traceback; install the library that defines the exception's class here, too.

    Parameters
    ----------
    message
        What a person reads: type, message, where it happened.
    type_name
        Qualified type of the original, for instance ``"mylib.BadThing"``.
    traceback_text
        Traceback in the habit of the language in which it happened; may be empty.
    runtime
        Language in which it happened, ``"python"`` by default.

    Examples
    --------
    >>> try:
    ...     client.submit(function_in_go).result()  # doctest: +SKIP
    ... except TaskError as error:
    ...     print(error.type_name, error.traceback_text)
    """

    reason = "TASK_ERROR"

    def __init__(
        self,
        message: str,
        type_name: str = "",
        traceback_text: str = "",
        runtime: str = "python",
    ) -> None:
        super().__init__(message)
        self.type_name = type_name
        self.traceback_text = traceback_text
        self.runtime = runtime


class KilledWorker(TaskFailed):
    """A task was executing on several workers as each of them died.

    Most often it needs more memory than a worker has, or crashes in native code. Tasks that
    only waited on these workers are not blamed. To do: look at the workers' logs; give the
    workers more memory, or the task less data.

    Examples
    --------
    >>> try:
    ...     client.submit(os.abort).result()  # doctest: +SKIP
    ... except KilledWorker as error:
    ...     print(error)  # the workers, how each of them ended, and its last lines
    """

    reason = "KILLED_WORKER"


class DataLost(TaskFailed):
    """Data that cannot be computed again was lost with the worker that held it.

    Values that were scattered are of this kind: no task made them. To do: scatter again; use
    ``broadcast=True`` for what must survive.
    """

    reason = "DATA_LOST"


class ActorLost(TaskFailed):
    """The worker on which an actor lived is gone, and the actor's state with it.

    Calls that were under way may or may not have been made. To do: submit the class again, or have
    the task computed again by ``client.retry``: both make a new instance.
    """

    reason = "ACTOR_LOST"


class SerializationError(TaskFailed, TypeError):
    """A result cannot be encoded where it was made, or decoded where it is wanted.

    The message names the type; the worker lives on, and tasks that run on it may use the value. To
    do: return plain data instead of open files, locks, connections or generators.
    """

    reason = "SERIALIZATION_FAILED"


class CodecUnsupported(SerializationError):
    """A value cannot be had in any codec that its reader accepts; the message names them."""

    reason = "CODEC_UNSUPPORTED"


class ValueTooLarge(TaskFailed, ValueError):
    """An argument or a result is too large for a worker that calls by `Scheduler.Synchronize`.

    The message has the size and the bound. To do: hand over the name of a file or of a dataset
    instead, have a Python function cut the value, or use a worker that has a stream.
    """

    reason = "VALUE_TOO_LARGE"


class TaskTimeout(TaskFailed, TimeoutError):
    """A task ran longer than its time limit.

    To do: raise the limit, or split the task.
    """

    reason = "TASK_TIMEOUT"


class ProcessEnded(TaskFailed):
    """The process of another language that ran the task ended before the task did.

    The message has its exit code and its last lines. To do: read them; another process is started
    for the next task.
    """

    reason = "PROCESS_ENDED"


class Reschedule(TaskFailed):
    """Raise it in a task to have the task run again, on another worker where that can be.

    It is no failure, and takes none of the task's retries: a task that always raises it is run for
    ever.

    Examples
    --------
    >>> def on_a_good_machine():
    ...     if too_hot():
    ...         raise Reschedule  # another worker runs it
    ...     return work()
    """

    reason = "RESCHEDULE"


class CancelledError(TaskFailed, concurrent.futures.CancelledError):
    """Somebody gave the task up; the message says who and why, where known.

    Examples
    --------
    >>> future = client.submit(abs, -5, key="dropped")
    >>> future.cancel(reason="the plan has changed")
    >>> try:
    ...     future.result()
    ... except CancelledError as error:
    ...     print(error)
    the task 'dropped' was cancelled: the plan has changed
    """

    reason = "CANCELLED"


class ClusterError(GDistributedError):
    """The cluster is not as it should be.

    The base of the errors of clusters. By itself it comes from a part of a `LocalCluster` that
    ended while it started: the message has the last words of that process.
    """

    reason = "CLUSTER_ERROR"


class ConnectTimeout(ClusterError, TimeoutError):
    """Nobody answers at an address.

    To do: is the scheduler running (``gd status ADDRESS``)? Can this machine reach the address?
    Servers listen on 127.0.0.1, for their own machine only, unless started with ``--host``.
    """

    reason = "CONNECT_TIMEOUT"


class WaitTimeout(ClusterError, TimeoutError):
    """Something did not happen in time.

    It says nothing about the task, which goes on. To do: wait longer, or ask ``gd status`` what
    the cluster does.
    """

    reason = "WAIT_TIMEOUT"


class ConnectionLost(ClusterError, ConnectionError):
    """The connection to a peer broke and does not come back.

    To do: look at the log of the other side.
    """

    reason = "CONNECTION_LOST"


class PeerBusy(ClusterError):
    """A worker that is asked for values answers too many such calls already.

    Workers and clients ask again by themselves, or ask another holder.
    """

    reason = "TOO_MANY_TRANSFERS"


class NoWorker(ClusterError):
    """No worker can ever run the task.

    None has the resources, the runtime or the name that it asks for. To do: compare what the
    task asks for with ``gd status``.
    """

    reason = "NO_WORKER"


class AddressInUse(ClusterError, OSError):
    """A server cannot listen where it was told to.

    To do: choose another port; port 0 picks a free one.
    """

    reason = "ADDRESS_IN_USE"


class SoftwareDiffers(ClusterError, ValueError):
    """Client and workers have versions of software that may not understand each other's values.

    To do: install the same version on both sides; the message names what differs, and where.
    """

    reason = "SOFTWARE_DIFFERS"


class NotFound(ClusterError, KeyError):
    """A name, key or worker that nobody knows.

    A key may have been released or cancelled, or belong to another cluster.
    """

    reason = "NOT_FOUND"

    def __str__(self) -> str:
        return Exception.__str__(self)  # a KeyError shows its message in quotes


class ProtocolError(GDistributedError):
    """A peer broke the protocol."""

    reason = "PROTOCOL_ERROR"


class VersionMismatch(ProtocolError):
    """The peer speaks another major version of the protocol.

    To do: the message names both versions and says which side to upgrade.
    """

    reason = "PROTOCOL_VERSION"


class CapabilityMissing(ProtocolError):
    """One side requires what the other does not offer.

    To do: upgrade the side that lacks it.
    """

    reason = "CAPABILITY_MISSING"


class Superseded(ProtocolError):
    """A newer stream of the same peer took the place of this one.

    It happens when a connection was cut and the old end noticed last. To do: nothing; if it
    repeats, two processes use one identity.
    """

    reason = "SUPERSEDED"


class StaleEpoch(ProtocolError):
    """A scheduler of an earlier epoch than one that this cluster has had since.

    It was cut off or stopped while another one took over. To do: end the old scheduler.
    """

    reason = "STALE_EPOCH"


class MalformedMessage(ProtocolError):
    """A message that must not be sent, or not now.

    A bug on the other side, most often in an implementation that is new. To do: the message
    says which rule of the protocol was broken.
    """

    reason = "MALFORMED_MESSAGE"


class UsageError(GDistributedError):
    """The caller asked for what cannot be."""

    reason = "USAGE_ERROR"


class UnpicklableArgument(UsageError, TypeError):
    """A function or an argument cannot be sent to a worker; the message names it.

    To do: open files and connections inside the task.
    """

    reason = "UNPICKLABLE_ARGUMENT"


class ArgumentTooLarge(UsageError, ValueError):
    """The arguments of a task are larger than a message may be; the message names the task.

    To do: put large data on the workers with ``client.scatter(data)`` and pass the future, or have
    the task read it.
    """

    reason = "ARGUMENT_TOO_LARGE"


class BadGraph(UsageError, ValueError):
    """A graph that cannot be computed; the message names the keys.

    Parameters
    ----------
    message
        What is wrong, for people.
    keys
        The keys that the message is about.
    """

    reason = "BAD_GRAPH"

    def __init__(self, message: str, keys: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.keys = keys


class UnknownFunction(BadGraph):
    """No worker offers a function of this name, or none runs its runtime.

    To do: look at the near names that the message lists, and at ``gd functions``; start a worker
    that offers it.

    Examples
    --------
    >>> try:
    ...     client.submit(remote("wordcount.Cuont", runtime="go")).result()  # doctest: +SKIP
    ... except UnknownFunction as error:
    ...     print(error)  # offered under near names: 'wordcount.Count'
    """

    reason = "UNKNOWN_FUNCTION"


class NameTaken(UsageError, ValueError):
    """The name belongs to somebody else who is alive.

    To do: choose another name, or unpublish the dataset first.
    """

    reason = "NAME_TAKEN"


class LimitDiffers(UsageError, ValueError):
    """A lock or semaphore of this name has another limit than was said.

    All who use a name must give the same number of leases; a lock has one. To do: choose another
    name, or wait until nobody holds or waits for this one.
    """

    reason = "LIMIT_DIFFERS"


class NotHeld(UsageError, RuntimeError):
    """A lock or semaphore is released that this object has not acquired, or released already.

    To do: use it in a ``with`` block. A copy, in a task for instance, does not hold what the
    original does.
    """

    reason = "NOT_HELD"


class NotInTask(UsageError, ValueError):
    """Only code that runs inside a task may do this: there is no worker here.

    Threads that a task starts itself are outside of it.
    """

    reason = "NOT_IN_TASK"


class NotAllowed(UsageError, ValueError):
    """The scheduler was asked to run code of a user, and was not started so that it may.

    Whoever can make it do so has its rights. To do: start it with ``gd scheduler --allow-run`` if
    all who reach it may have them.
    """

    reason = "RUN_NOT_ALLOWED"


class ClientClosed(UsageError, RuntimeError):
    """The client is closed.

    To do: use futures inside the ``with`` block; keep results by ``publish_dataset``.
    """

    reason = "CLIENT_CLOSED"


class InvariantBroken(AssertionError):
    """A bug of ours: the books do not agree. Please report it."""
