// The protocol, which is read from `proto/`, and values: in codecs that every language reads, and in chunks.

import { credentials, loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { join } from "node:path";
import { crc32 } from "node:zlib";

/** A plain object with the fields of a message in `proto/`. A larger worker may want types: `npm run types`. */
export type Message = any;

const protocol = loadSync(["gdistributed/v1/scheduler.proto", "gdistributed/v1/server.proto"], {
  includeDirs: [join(__dirname, "../../../proto")],
  keepCase: true, // names as in the .proto files
  longs: String, // a number of JavaScript has 53 bits, an attempt 64
  enums: String,
  defaults: true,
});
export const v1 = (loadPackageDefinition(protocol) as Message).gdistributed.v1;
export const OPTIONS = {
  "grpc.max_receive_message_length": 256 << 20, // Limits.message_nbytes; gRPC's own limit is 4 MiB
  "grpc.keepalive_time_ms": 10_000, // pings find a dead peer
  "grpc.max_reconnect_backoff_ms": 5_000,
  "grpc.enable_http_proxy": 0,
};
export const connected = (service: Message, to: string) => new service(to, credentials.createInsecure(), OPTIONS);

/** Why a task fails, if not by its function. */
export const failure = (reason: string, message: string) => Object.assign(new Error(message), { reason });

/** What a TaskError says of whatever was thrown. */
export function described(thrown: Message): Message {
  const { name, message, stack, reason } = thrown instanceof Error ? (thrown as Message) : new Error(String(thrown));
  const kind = reason ? { kind: "TASK_ERROR_KIND_SYSTEM", reason } : { kind: "TASK_ERROR_KIND_USER", retryable: true };
  return { type: name, message, traceback: stack, runtime: "typescript", counts: true, ...kind };
}

export const CODECS = ["null", "raw", "text", "json"];
export const typeOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

/** The codecs that say a value. JSON.stringify would say NaN and a Map, too, but as null and {}. */
function codecsOf(value: unknown): string[] {
  if (value === null) return ["null", "json"];
  if (typeof value === "string") return ["text", "json"];
  if (value instanceof Uint8Array) return ["raw"];
  if (typeof value === "boolean" || Number.isFinite(value)) return ["json"];
  const isPlain = ["Array", "Object"].includes(typeOf(value));
  return isPlain && Object.values(value as object).every((each) => codecsOf(each).includes("json")) ? ["json"] : [];
}

/** Say a value in the first of these codecs that can. */
export function encode(value: unknown, accepts: string[]): Message {
  const able = codecsOf(value);
  const codec = accepts.length > 0 ? accepts.find((each) => able.includes(each)) : able[0];
  if (!codec) throw failure("CODEC_UNSUPPORTED", `a ${typeOf(value)} can be said in [${able}], not in [${accepts}]`);
  return { codec, data: Buffer.from(codec === "json" ? JSON.stringify(value) : ((value ?? "") as string)) };
}

/** Read a value; an object {"$ref": KEY} in it stands for the result of that key. */
export function decode({ codec, data, refs }: Message, results = new Map<string, unknown>()): unknown {
  if (codec === "" || codec === "null") return null;
  if (codec === "raw") return data;
  if (codec === "text") return String(data);
  if (codec !== "json") throw failure("CODEC_UNSUPPORTED", `a value comes in ${codec}, not in one of [${CODECS}]`);
  return JSON.parse(String(data), (_, value) => (refs.includes(value?.$ref) ? results.get(value.$ref) : value));
}

/** Cut a value for GetData, if it is large. */
export function* cut({ index, value, ...about }: Message, nbytes = 1 << 20): Generator<Message> {
  const { codec, data } = value;
  if (data.length <= nbytes) return yield { items: [{ index, value, ...about }] };
  const first = { ...about, value: { codec }, data_nbytes: data.length, fingerprint: `${codec}-${crc32(data)}` };
  for (let offset = 0; offset < data.length; offset += nbytes) {
    const piece = data.subarray(offset, offset + nbytes);
    yield { chunk: { index, header: offset === 0 ? first : null, offset, crc32: crc32(piece), data: piece } };
  }
}

/** Join what GetData has said of one value. */
export function joined(responses: Message[]): Message {
  const { items, chunk } = responses[0];
  if (!chunk) return items[0];
  if (responses.some(({ chunk }) => crc32(chunk.data) !== chunk.crc32)) throw new Error("a chunk is damaged");
  const data = Buffer.concat(responses.map(({ chunk }) => chunk.data));
  return { ...chunk.header, value: { ...chunk.header.value, data } };
}
