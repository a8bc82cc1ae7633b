// A session with the scheduler: numbered messages both ways, which outlives the stream that carries it.

import { status, type ClientDuplexStream, type StatusObject } from "@grpc/grpc-js";
import type { FromWorker } from "./gen/gdistributed/v1/FromWorker";
import type { ToWorker__Output } from "./gen/gdistributed/v1/ToWorker";
import type { Welcome__Output } from "./gen/gdistributed/v1/Welcome";
import type { WorkerHello } from "./gen/gdistributed/v1/WorkerHello";
import { OPTIONS, insecure, v1 } from "./protocol";
import type { Worker } from "./worker";

type Stream = ClientDuplexStream<FromWorker, ToWorker__Output>;

const RETRY_MS = 500;
const REFUSALS = [status.FAILED_PRECONDITION, status.INVALID_ARGUMENT, status.ALREADY_EXISTS, status.ABORTED];

export class Session {
  readonly #scheduler;
  #stream: Stream | null = null;
  #welcome: Welcome__Output | null = null;
  #sent = 0;
  #received = 0;
  #unheard: FromWorker[] = []; // said, and not acknowledged
  #open: FromWorker = {}; // the batch that goes out next
  #isOver = false;

  constructor(address: string, readonly hello: WorkerHello, readonly worker: Worker) {
    this.#scheduler = new v1.Scheduler(address, insecure(), OPTIONS);
    this.#connect();
  }

  #connect(): void {
    const stream = this.#scheduler.ConnectWorker();
    const { session_id, cluster_id, epoch } = this.#welcome ?? {};
    const resume = session_id ? { session_id, received: this.#received } : null;
    stream.write({ hello: { ...this.hello, resume, cluster_id, epoch } });
    stream.on("data", (batch: ToWorker__Output) => {
      if (batch.welcome) this.#welcomed(batch.welcome, stream);
      else if (Number(batch.sequence) > this.#received) this.#hear(batch);
    });
    stream.on("error", () => undefined); // the status says it, too, and when there is no error
    stream.on("status", (ended: StatusObject) => this.#broken(ended));
  }

  get isConnected(): boolean {
    return this.#stream !== null;
  }

  /** Say something, together with all else that is said before the loop comes to rest. */
  say(words: FromWorker): void {
    if (Object.keys(this.#open).length === 0) setImmediate(() => this.#flush());
    for (const [kind, said] of Object.entries(words)) {
      const before = (this.#open as Record<string, unknown>)[kind];
      (this.#open as Record<string, unknown>)[kind] = Array.isArray(before) ? [...before, ...(said as unknown[])] : said;
    }
  }

  end(reason: string): void {
    this.say({ goodbye: { reason } });
    this.#flush();
    this.#isOver = true;
    this.#stream?.end();
    this.worker.ended();
  }

  #welcomed(welcome: Welcome__Output, stream: Stream): void {
    const { protocol_major, required } = welcome.software!;
    if (protocol_major !== 1) return this.#refuse(`PROTOCOL_VERSION: the scheduler speaks ${protocol_major}, this worker 1`);
    if (required.length > 0) return this.#refuse(`CAPABILITY_MISSING: the scheduler requires ${required.join(", ")}`);
    if (welcome.epoch < (this.#welcome?.epoch ?? 0)) return stream.cancel(); // an old one; come again
    this.#stream = stream;
    this.#welcome = welcome;
    if (welcome.resumed) {
      this.#forget(Number(welcome.received));
      for (const message of this.#unheard) stream.write(message);
      console.error("resumed");
      return;
    }
    const unheard = [...this.#unheard, this.#open];
    [this.#sent, this.#received, this.#unheard, this.#open] = [0, 0, [], {}];
    this.worker.begun(welcome, unheard);
  }

  #hear(batch: ToWorker__Output): void {
    this.#received = Number(batch.sequence);
    this.#forget(Number(batch.acknowledged));
    this.worker.heard(batch);
  }

  #forget(acknowledged: number): void {
    this.#unheard = this.#unheard.filter((message) => Number(message.sequence) > acknowledged);
  }

  #flush(): void {
    if (Object.keys(this.#open).length === 0) return;
    const message = { ...this.#open, sequence: ++this.#sent, acknowledged: this.#received };
    this.#open = {};
    this.#unheard.push(message);
    this.#stream?.write(message);
  }

  #broken({ code, details, metadata }: StatusObject): void {
    this.#stream = null;
    if (this.#isOver) return;
    if (REFUSALS.includes(code)) this.#refuse(`${metadata.get("gdistributed-reason").join()}: ${details}`);
    else setTimeout(() => this.#connect(), RETRY_MS);
  }

  #refuse(why: string): void {
    this.#isOver = true;
    this.worker.ended(why);
  }
}
