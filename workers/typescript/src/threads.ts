// Threads that call functions, so that the worker goes on answering while they run, and can end a call.

import { isMainThread, parentPort, Worker as Thread } from "node:worker_threads";
import { functions } from "./functions";
import type { Duration__Output } from "./gen/google/protobuf/Duration";
import { Failure, failed, milliseconds, typeOf, type Value } from "./values";

const TIMEOUT = {
  type: "Timeout",
  message: "it ran longer than its timeout",
  kind: "TASK_ERROR_KIND_TIMEOUT",
  reason: "TASK_TIMEOUT",
  retryable: true,
  counts: true,
} as const;

export interface Result {
  value: Value;
  run_ns: bigint;
}

/** So many threads. Who waits for one with the lowest rank gets the next that is free. */
export class Threads {
  readonly #idle: Thread[] = [];
  readonly #waiting: { rank: bigint; go: (thread: Thread) => void }[] = [];

  constructor(count: number) {
    while (count-- > 0) this.#begin();
  }

  next(rank: bigint): Promise<Thread> {
    return new Promise((go) => {
      this.#waiting.push({ rank, go });
      this.#waiting.sort((one, other) => (one.rank < other.rank ? -1 : 1));
      if (this.#idle.length > 0) this.free(this.#idle.pop()!);
    });
  }

  free(thread: Thread): void {
    const first = this.#waiting.shift();
    if (first) first.go(thread);
    else this.#idle.push(thread);
  }

  /** Call a function: its result, or a Failure. The thread is free afterwards. */
  call(thread: Thread, name: string, args: Value[], timeout: Duration__Output | null): Promise<Result> {
    return new Promise((resolve, reject) => {
      const overrun = () => {
        reject(new Failure(TIMEOUT));
        this.end(thread);
      };
      const timer = timeout ? setTimeout(overrun, milliseconds(timeout)) : undefined;
      const ended = () => {
        clearTimeout(timer);
        reject(failed("PROCESS_ENDED", `the thread ended while it ran ${name}`));
      };
      thread.once("exit", ended);
      thread.once("message", ({ error, ...result }) => {
        thread.off("exit", ended);
        clearTimeout(timer);
        this.free(thread);
        if (error) reject(new Failure(error));
        else resolve(result);
      });
      thread.postMessage({ name, args });
    });
  }

  /** End a thread, whatever it does; another one takes its place. */
  end(thread: Thread): void {
    thread.removeAllListeners("message");
    void thread.terminate();
  }

  #begin(): void {
    const thread = new Thread(__filename);
    thread.on("error", () => undefined); // its exit follows
    thread.on("exit", () => {
      if (this.#idle.includes(thread)) this.#idle.splice(this.#idle.indexOf(thread), 1);
      this.#begin();
    });
    this.free(thread);
  }
}

const cut = (text: string) => text.slice(0, 1 << 16); // what the protocol wishes

if (!isMainThread) {
  parentPort!.on("message", async ({ name, args }) => {
    const start = process.hrtime.bigint();
    try {
      const needed = functions[name]!.call.length;
      if (args.length < needed) throw new TypeError(`it takes ${needed} arguments, and ${args.length} were given`);
      parentPort!.postMessage({ value: await functions[name]!.call(...args), run_ns: process.hrtime.bigint() - start });
    } catch (error) {
      const { message, stack } = error instanceof Error ? error : new Error(String(error));
      const kind = { kind: "TASK_ERROR_KIND_USER", retryable: true, counts: true };
      parentPort!.postMessage({ error: { type: typeOf(error), message: cut(message), traceback: cut(stack ?? ""), ...kind } });
    }
  });
}
