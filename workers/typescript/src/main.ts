// The program: node build/main.js ADDRESS [--name NAME] [--nthreads N] [--host HOST] [--port PORT]

import { Metadata, Server, ServerCredentials, status, type sendUnaryData, type ServiceError } from "@grpc/grpc-js";
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { Readable } from "node:stream";
import { parseArgs } from "node:util";
import { answers, Incoming } from "./data";
import { functions } from "./functions";
import { OPTIONS, RUNTIME, v1 } from "./protocol";
import { CODECS } from "./values";
import { Worker } from "./worker";
import type { PutDataRequest__Output } from "./gen/gdistributed/v1/PutDataRequest";
import type { WorkerHandlers } from "./gen/gdistributed/v1/Worker";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    name: { type: "string", default: "" },
    nthreads: { type: "string", default: "1" },
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "0" },
    "stop-with-parent": { type: "boolean", default: false },
  },
});
if (positionals.length !== 1) {
  console.error("usage: node build/main.js ADDRESS [--name NAME] [--nthreads N] [--host HOST] [--port PORT]");
  process.exit(2);
}

const worker_id = randomUUID();
const software = { protocol_major: 1, protocol_minor: 0, name: "gdistributed-typescript", version: "0.1.0", versions: { node: process.versions.node } };

function refusal(code: status, reason: string, details: string): Partial<ServiceError> {
  const metadata = new Metadata();
  metadata.set("gdistributed-reason", reason);
  return { code, details, metadata };
}

const WRONG_WORKER = refusal(status.FAILED_PRECONDITION, "WRONG_WORKER", "another worker answers here");
const isMeant = (request: { worker_id: string }) => ["", worker_id].includes(request.worker_id);

const service = {
  GetData(call) {
    if (!isMeant(call.request)) call.emit("error", WRONG_WORKER);
    else Readable.from(answers(call.request, worker.held)).pipe(call as unknown as NodeJS.WritableStream);
  },
  async PutData(call, answer) {
    const incoming = new Incoming();
    let keys: string[] = [];
    try {
      for await (const message of call as AsyncIterable<PutDataRequest__Output>) {
        if (!isMeant(message)) return answer(WRONG_WORKER);
        if (message.keys.length > 0) keys = message.keys;
        incoming.take(message);
      }
      answer(null, { stored: keys.map((key, index) => worker.put(key, incoming.items.get(index)!)) });
    } catch (error) {
      answer(refusal(status.DATA_LOSS, "BAD_CHUNK", String(error)));
    }
  },
} as Partial<WorkerHandlers> as WorkerHandlers;

let worker: Worker;
const server = new Server(OPTIONS);
server.addService(v1.Worker.service, service);
server.addService(v1.Server.service, {
  Identify: (_: unknown, answer: sendUnaryData<object>) =>
    answer(null, { role: "worker", id: worker_id, name: options.name, software, process_id: process.pid, host: hostname() }),
});
server.bindAsync(`${options.host}:${options.port}`, ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  const offers = Object.entries(functions).map(([name, { description }]) => ({ name, description }));
  const hello = {
    software,
    worker_id,
    name: options.name,
    address: `${options.host}:${port}`,
    host: hostname(),
    process_id: process.pid,
    nthreads: Number(options.nthreads),
    runtimes: [{ runtime: RUNTIME, version: process.versions.node, functions: offers, decodes: CODECS, encodes: CODECS }],
  };
  worker = new Worker(positionals[0]!, hello, (failure) => {
    if (failure) console.error(failure);
    setImmediate(() => process.exit(failure ? 1 : 0)); // after the goodbye is written
  });
  process.on("SIGTERM", () => worker.leave());
  process.on("SIGINT", () => worker.session.end("interrupted"));
  if (options["stop-with-parent"]) process.stdin.on("close", () => worker.session.end("its parent ended")).resume();
});
