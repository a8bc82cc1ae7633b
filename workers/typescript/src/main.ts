// A worker: node build/main.js ADDRESS [--name NAME] [--nthreads N] [--host HOST] [--port PORT]

import { Metadata, Server, ServerCredentials, status } from "@grpc/grpc-js";
import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { parseArgs } from "node:util";
import { CODECS, connected, OPTIONS, v1, type Message } from "./data";
import { cut, decode, described, encode, failure, joined, typeOf } from "./data";
import { functions } from "./functions";

const REFUSALS = [status.FAILED_PRECONDITION, status.INVALID_ARGUMENT, status.ALREADY_EXISTS, status.ABORTED];
const text = (value: string) => ({ type: "string", default: value }) as const;
const options = { name: text(""), nthreads: text("1"), host: text("127.0.0.1"), port: text("0") };
const { values: given, positionals } = parseArgs({ allowPositionals: true, strict: false, options });
const software = { protocol_major: 1, name: "gdistributed-typescript", version: "0.1.0" };
const offers = Object.entries(functions).map(([name, [description]]) => ({ name, description }));
const runtimes = [{ runtime: "typescript", functions: offers, decodes: CODECS, encodes: CODECS }];
const [worker_id, nthreads] = [randomUUID(), Number(given.nthreads)];
const hello: Message = { software, worker_id, name: given.name, nthreads, runtimes, epoch: 0 };

// The session: numbered messages both ways, which outlives the stream that carries it.
const scheduler = connected(v1.Scheduler, positionals[0]!);
let stream: Message = null; // which the scheduler has welcomed
let limits: Message, heartbeats: NodeJS.Timeout;
let [sent, received] = [0, 0]; // numbers of the last messages
let unheard: Message[] = []; // said, and not acknowledged
let isClosing = false; // heartbeats say so, others copy what lies here alone, and the scheduler says goodbye

function connect(): void {
  const opened = scheduler.ConnectWorker();
  opened.write({ hello });
  opened.on("data", (batch: Message) => (batch.welcome ? begin(opened, batch.welcome) : hear(batch)));
  opened.on("error", () => undefined); // the status says it, too, and when there is no error
  opened.on("status", ({ code, details, metadata }: Message) => {
    if (REFUSALS.includes(code)) end(`${metadata.get("gdistributed-reason")}: ${details}`, 1);
    stream = null;
    clearInterval(heartbeats);
    if (hello.resume) hello.resume.received = received;
    setTimeout(connect, 500);
  });
}

function begin(opened: Message, { software, cluster_id, epoch, session_id, resumed, ...welcome }: Message): void {
  if (software.protocol_major !== 1) return end(`PROTOCOL_VERSION: the scheduler speaks ${software.protocol_major}`, 1);
  if (software.required.length > 0) return end(`CAPABILITY_MISSING: the scheduler requires ${software.required}`, 1);
  if (epoch < hello.epoch) return opened.cancel(); // the scheduler of before: come again
  Object.assign(hello, { cluster_id, epoch, resume: { session_id } });
  [stream, limits] = [opened, welcome.limits];
  heartbeats = setInterval(() => {
    const status = isClosing ? "WORKER_STATUS_CLOSING" : "WORKER_STATUS_RUNNING";
    say({ heartbeat: { status, metrics: { memory_nbytes: process.memoryUsage.rss() } } });
  }, limits.heartbeat.seconds * 1000 + limits.heartbeat.nanos / 1e6);
  console.error(resumed ? "resumed" : "registered");
  unheard = unheard.filter(({ sequence }) => !resumed || sequence > welcome.received);
  if (resumed) return unheard.forEach((message) => stream.write(message));
  const [running, queued] = [tasksIn("running"), tasksIn("waiting", "ready")];
  const [finished, erred] = ["finished", "erred"].map((kind) => unheard.flatMap((message) => message[kind] ?? []));
  [sent, received, unheard] = [0, 0, []];
  say({ inventory: { held: [...held.values()], running, queued, finished, erred, last: true } });
}

function say(words: Message): void {
  unheard.push({ ...words, sequence: ++sent, acknowledged: received });
  stream?.write(unheard.at(-1));
}

function end(reason: string, exitCode = 0): void {
  console.error(reason);
  say({ goodbye: { reason } });
  stream?.end();
  setImmediate(() => process.exit(exitCode)); // after the goodbye is written
}

// What the scheduler says, and what came of it.
const names = new Map<string, string>(); // of functions, by their ids
const templates = new Map<number, Message>();
const peers = new Map<number, Message>();
const held = new Map<string, Message>(); // values, with what StoredData says of them
const tasks = new Map<string, Message>(); // that are wanted
const tasksIn = (...states: string[]) => [...tasks.values()].filter(({ state }) => states.includes(state));

function hear(batch: Message): void {
  if (batch.sequence <= received) return; // heard before
  received = Number(batch.sequence);
  unheard = unheard.filter(({ sequence }) => sequence > batch.acknowledged);
  for (const { id, name } of batch.functions) names.set(id, name);
  for (const each of batch.templates) templates.set(each.id, each);
  for (const each of batch.peers) peers.set(each.number, { ...each, client: connected(v1.Worker, each.address) });
  for (const each of [...(batch.reconcile?.cancel ?? []), ...batch.cancel]) forget(each);
  for (const { key, attempt } of batch.revoke) {
    const given_back = tasks.get(key)?.state !== "running" && forget({ key, attempt });
    say({ revoked: [{ key, attempt, given_back }] });
  }
  for (const key of [...(batch.reconcile?.drop ?? []), ...batch.free]) held.delete(key);
  for (const each of batch.fetch) resultOf(each).then((stored) => keep(stored, { stored: [stored] }), () => undefined);
  for (const each of batch.run) void perform(each);
  isClosing ||= batch.drain;
  if (batch.goodbye) end(`the scheduler says goodbye: ${batch.goodbye.reason}`);
}

/** End a task, if this attempt of it is wanted. A cancelled one that runs does so to its end, and nothing is said. */
function forget({ key, attempt }: Message): boolean {
  setImmediate(beginNext); // after what the scheduler has said meanwhile
  return tasks.get(key)?.attempt === attempt && tasks.delete(key);
}

function keep(value: Message, words: Message): void {
  held.set(value.key, value);
  say(words);
}

/** Bring a task from its arguments to its report. */
async function perform(run: Message): Promise<void> {
  const { key, attempt } = run;
  const { function_id, result_codecs } = templates.get(run.template);
  const task = { ...run, name: names.get(function_id), state: "waiting" };
  tasks.set(key, task);
  try {
    const args = await argumentsOf(task);
    setImmediate(beginNext);
    await new Promise((begin) => Object.assign(task, { begin, state: "ready" }));
    const value = (await functions[task.name]![1](...args)) ?? null;
    const payload = encode(value, result_codecs);
    const stored = { key, attempt, value, nbytes: payload.data.length, type: typeOf(value) };
    const inline = v1.Payload.serialize(payload);
    if (!forget(task)) return;
    keep(stored, { finished: [{ ...stored, value: inline.length <= limits.inline_nbytes ? inline : null }] });
  } catch (error) {
    if (forget(task)) say({ erred: [{ key, attempt, error: { ...described(error), key, attempt } }] });
  }
}

/** Begin those of the lowest rank, as many at once as there are threads. */
function beginNext(): void {
  const ready = tasksIn("ready").sort((one, other) => Number(BigInt(one.rank) - BigInt(other.rank)));
  for (const task of ready.slice(0, isClosing ? 0 : Math.max(0, nthreads - tasksIn("running").length))) {
    task.state = "running";
    task.begin();
  }
}

async function argumentsOf({ name, dependencies, arguments: serialised }: Message): Promise<unknown[]> {
  if (!Object.hasOwn(functions, name)) throw failure("UNKNOWN_FUNCTION", `no function ${name} is offered here`);
  const results = new Map<string, unknown>();
  await Promise.all(dependencies.map(async (each: Message) => results.set(each.key, (await resultOf(each)).value)));
  const args: Message[] = v1.Arguments.deserialize(serialised).arguments;
  const value = ({ key, literal }: Message) => (literal ? decode(literal, results) : results.get(key));
  const named = args.filter(({ name }) => name).map((each) => [each.name, value(each)]);
  const positional = args.filter(({ name }) => !name).map(value);
  return named.length > 0 ? [...positional, Object.fromEntries(named)] : positional;
}

/** A value that lies here, came along, or lies at a holder; the scheduler hears of holders that did not give it. */
async function resultOf({ key, value, holders }: Message): Promise<Message> {
  if (held.has(key)) return held.get(key);
  if (value.length > 0) return { key, value: decode(v1.Payload.deserialize(value)) };
  for (const { client, worker_id } of holders.map((number: number) => peers.get(number))) {
    const call = client.GetData({ worker_id, keys: [key], accept_codecs: CODECS });
    const item = await call.toArray().then(joined).catch(() => null);
    if (item?.error) throw failure(item.error.reason, item.error.message);
    if (item?.value) return { key, nbytes: item.nbytes, type: item.type, value: decode(item.value) };
    say({ missing: [{ key, worker_id, unreachable: item === null }] });
  }
  return new Promise(() => undefined); // the scheduler takes back what needs the value
}

function* answers({ keys, accept_codecs }: Message): Generator<Message> {
  for (const [index, key] of keys.entries()) {
    const { value, nbytes, type } = held.get(key) ?? {};
    try {
      if (!held.has(key)) yield { items: [{ index, missing: true }] };
      else yield* cut({ index, nbytes, type, value: encode(value, accept_codecs) });
    } catch (error) {
      yield { items: [{ index, error: described(error) }] };
    }
  }
}

function GetData(call: Message): void {
  if (["", worker_id].includes(call.request.worker_id)) return Readable.from(answers(call.request)).pipe(call);
  const metadata = Metadata.fromHttp2Headers({ "gdistributed-reason": "WRONG_WORKER" });
  call.emit("error", { code: status.FAILED_PRECONDITION, details: "another worker answers here", metadata });
}

const server = new Server(OPTIONS);
const identity = { role: "worker", id: worker_id, name: given.name, software };
server.addService(v1.Server.service, { Identify: (_: Message, answer: Message) => answer(null, identity) });
server.addService(v1.Worker.service, { GetData });
server.bindAsync(`${given.host}:${given.port}`, ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  hello.address = `${given.host}:${port}`;
  connect();
});
process.on("SIGTERM", () => (stream ? (isClosing = true) : end("there is no scheduler to say goodbye")));
process.on("SIGINT", () => end("interrupted"));
