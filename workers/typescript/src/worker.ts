// What a worker does with what the scheduler says.

import type { Worker as Thread } from "node:worker_threads";
import { fetched, type Held } from "./data";
import type { Argument__Output } from "./gen/gdistributed/v1/Argument";
import type { DataItem__Output } from "./gen/gdistributed/v1/DataItem";
import type { Dependency__Output } from "./gen/gdistributed/v1/Dependency";
import type { FromWorker } from "./gen/gdistributed/v1/FromWorker";
import type { Payload__Output } from "./gen/gdistributed/v1/Payload";
import type { Peer__Output } from "./gen/gdistributed/v1/Peer";
import type { RunTask__Output } from "./gen/gdistributed/v1/RunTask";
import type { TaskTemplate__Output } from "./gen/gdistributed/v1/TaskTemplate";
import type { ToWorker__Output } from "./gen/gdistributed/v1/ToWorker";
import type { Welcome__Output } from "./gen/gdistributed/v1/Welcome";
import type { WorkerHello } from "./gen/gdistributed/v1/WorkerHello";
import { functions } from "./functions";
import { RUNTIME, v1 } from "./protocol";
import { Session } from "./session";
import { Threads } from "./threads";
import { CODECS, decode, encode, Failure, failed, milliseconds, typeOf, type Value } from "./values";

const UNCLAIMED_MS = 60_000;

interface Task extends RunTask__Output {
  of: TaskTemplate__Output;
  name: string; // of its function
  thread?: Thread; // once it has begun
}

/** Thrown when nobody gave a value; the scheduler has been told, and takes back what needs it. */
class NotThere extends Error {}

export class Worker {
  readonly held = new Map<string, Held>();
  readonly session: Session;
  readonly #threads: Threads;
  readonly #names = new Map<string, string>(); // of functions, by their ids
  readonly #templates = new Map<number, TaskTemplate__Output>();
  readonly #peers = new Map<number, Peer__Output>();
  readonly #tasks = new Map<string, Task>();
  #inlineNbytes = 0;
  #beat?: NodeJS.Timeout;
  #isClosing = false;
  #puts = 0;

  constructor(address: string, readonly hello: WorkerHello, readonly ended: (error?: string) => void) {
    this.#threads = new Threads(hello.nthreads!);
    this.session = new Session(address, hello, this);
  }

  begun(welcome: Welcome__Output, unheard: FromWorker[]): void {
    this.#inlineNbytes = Number(welcome.limits!.inline_nbytes);
    clearInterval(this.#beat);
    this.#beat = setInterval(() => this.#heartbeat(), milliseconds(welcome.limits!.heartbeat!));
    const tasks = [...this.#tasks.values()].map(({ key, attempt, thread }) => ({ key, attempt, thread }));
    const inventory = {
      held: [...this.held.values()],
      running: tasks.filter(({ thread }) => thread),
      queued: tasks.filter(({ thread }) => !thread),
      finished: unheard.flatMap(({ finished }) => finished ?? []),
      erred: unheard.flatMap(({ erred }) => erred ?? []),
    };
    this.session.say({ inventory: { ...inventory, last: true } });
    console.error("registered");
  }

  heard(batch: ToWorker__Output): void {
    for (const each of batch.functions) this.#names.set(each.id, each.name ?? "");
    for (const each of batch.templates) this.#templates.set(each.id, each);
    for (const each of batch.peers) this.#peers.set(each.number, each);
    for (const key of batch.reconcile?.drop ?? []) this.held.delete(key);
    for (const each of [...(batch.reconcile?.cancel ?? []), ...batch.cancel]) this.#end(each.key, each.attempt);
    for (const { key, attempt } of batch.revoke) {
      const task = this.#tasks.get(key);
      const given_back = task?.attempt === attempt && !task.thread && this.#tasks.delete(key);
      this.session.say({ revoked: [{ key, attempt, given_back }] });
    }
    for (const { key, put } of batch.claim) {
      const held = this.held.get(key);
      if (!held) this.session.say({ dropped: [key] });
      else if (put === "0" || Number(put) === held.put) held.put = 0;
    }
    for (const key of batch.free) if (!this.held.get(key)?.put) this.held.delete(key);
    for (const each of batch.fetch) void this.#copy(each);
    for (const run of batch.run) this.#begin(run);
    for (const id of batch.forget_functions) this.#names.delete(id);
    for (const id of batch.forget_templates) this.#templates.delete(id);
    this.#isClosing ||= batch.drain;
    if (batch.goodbye) this.session.end("closed");
  }

  /** Store a value that somebody has put here. */
  put(key: string, item: DataItem__Output): Held {
    const held = this.#store(key, item, ++this.#puts);
    setTimeout(() => held.put && this.held.get(key) === held && this.held.delete(key), UNCLAIMED_MS).unref();
    return held;
  }

  /** Begin to leave: others copy what lies here alone, and then the scheduler says goodbye. */
  leave(): void {
    if (!this.session.isConnected) return this.session.end("closed");
    this.#isClosing = true;
    this.#heartbeat();
  }

  #heartbeat(): void {
    const status = this.#isClosing ? "WORKER_STATUS_CLOSING" : "WORKER_STATUS_RUNNING";
    const executing = [...this.#tasks.values()].filter(({ thread }) => thread).length;
    const managed_nbytes = [...this.held.values()].reduce((sum, { nbytes }) => sum + nbytes, 0);
    const metrics = { memory_nbytes: process.memoryUsage.rss(), managed_nbytes, executing };
    this.session.say({ heartbeat: { status, metrics } });
  }

  #begin(run: RunTask__Output): void {
    const older = this.#tasks.get(run.key)?.attempt ?? "0";
    if (BigInt(older) > BigInt(run.attempt)) return;
    this.#end(run.key, older);
    const of = this.#templates.get(run.template)!;
    const task = { ...run, of, name: this.#names.get(of.function_id) ?? "" };
    this.#tasks.set(run.key, task);
    void this.#live(task);
  }

  /** A task from its arguments to its report; one that is not wanted any more is not reported on. */
  async #live(task: Task): Promise<void> {
    const { key, attempt } = task;
    const isWanted = () => this.#tasks.get(key) === task;
    try {
      const args = await this.#arguments(task);
      const thread = await this.#threads.next(BigInt(task.rank));
      if (!isWanted() || this.#isClosing) return this.#threads.free(thread);
      task.thread = thread;
      this.session.say({ started: [{ key, attempt }] });
      const { value, run_ns } = await this.#threads.call(thread, task.name, args, task.of.timeout);
      if (isWanted()) this.#finish(task, value, run_ns);
    } catch (error) {
      task.thread = undefined; // it is free again
      if (isWanted() && !(error instanceof NotThere)) this.#fail(task, error);
    }
  }

  async #arguments(task: Task): Promise<Value[]> {
    const { arguments: said, packed } = v1.Arguments.deserialize(task.arguments);
    if (!Object.hasOwn(functions, task.name)) throw failed("UNKNOWN_FUNCTION", `no function ${task.name} is offered here`);
    if (packed) throw failed("CODEC_UNSUPPORTED", "the arguments are packed in a form of another language");
    const payloads = await Promise.all(task.dependencies.map((each) => this.#payload(each)));
    const results = new Map(task.dependencies.map(({ key }, index) => [key, decode(payloads[index]!, () => null)]));
    const result = (key: string) => results.get(key);
    const value = ({ key, literal }: Argument__Output) => (literal ? decode(literal, result) : result(key!));
    const named = said.filter(({ name }) => name).map((each) => [each.name, value(each)]);
    const positional = said.filter(({ name }) => !name).map(value);
    return named.length > 0 ? [...positional, Object.fromEntries(named)] : positional;
  }

  async #payload(dependency: Dependency__Output): Promise<Payload__Output> {
    const { key, value } = dependency;
    const here = value.length > 0 ? v1.Payload.deserialize(value) : this.held.get(key)?.payload;
    return here ?? (await this.#fetched(dependency, CODECS)).value!;
  }

  /** Ask one holder after the other, and tell the scheduler of those who did not give a value. */
  async #fetched({ key, holders }: Dependency__Output, accepts: string[]): Promise<DataItem__Output> {
    for (const peer of holders.map((number) => this.#peers.get(number)!)) {
      const item = await fetched(peer, key, accepts).catch(() => null);
      if (item?.error) throw new Failure(item.error);
      if (item?.value) return item;
      this.session.say({ missing: [{ key, worker_id: peer.worker_id, unreachable: item === null }] });
    }
    throw new NotThere();
  }

  async #copy(dependency: Dependency__Output): Promise<void> {
    const item = await this.#fetched(dependency, []).catch(() => null);
    if (item) this.session.say({ stored: [this.#store(dependency.key, item, 0)] });
  }

  #store(key: string, { value, nbytes, type }: DataItem__Output, put: number): Held {
    const held = { key, payload: value!, nbytes: Number(nbytes), type, attempt: "0", put };
    this.held.set(key, held);
    return held;
  }

  #finish(task: Task, value: Value, run_ns: bigint): void {
    const { key, attempt } = task;
    const payload = encode(value, task.of.result_codecs);
    const held = { key, payload, nbytes: payload.data.length, type: typeOf(value), attempt, put: 0 };
    this.held.set(key, held);
    this.#tasks.delete(key);
    const inline = v1.Payload.serialize(payload);
    const rides = inline.length <= this.#inlineNbytes ? { value: inline } : {};
    this.session.say({ finished: [{ ...held, run_ns: String(run_ns), ...rides }] });
  }

  #fail(task: Task, error: unknown): void {
    const { key, attempt } = task;
    this.#end(key, attempt);
    const known = error instanceof Failure ? error.error : failed("", String(error)).error;
    const where = { worker_id: this.hello.worker_id, worker_name: this.hello.name, key, attempt, runtime: RUNTIME };
    this.session.say({ erred: [{ key, attempt, error: { ...where, ...known } }] });
  }

  /** Forget a task, and end the thread that runs it: another one takes its place. */
  #end(key: string, attempt: string): void {
    const task = this.#tasks.get(key);
    if (task?.attempt !== attempt) return;
    this.#tasks.delete(key);
    if (task.thread) this.#threads.end(task.thread);
  }
}
