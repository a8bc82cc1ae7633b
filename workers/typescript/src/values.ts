// Values: what JavaScript makes of the codecs that every language reads, and back.

import type { Payload__Output } from "./gen/gdistributed/v1/Payload";
import type { TaskError } from "./gen/gdistributed/v1/TaskError";
import type { Duration__Output } from "./gen/google/protobuf/Duration";

export type Value = unknown;

/** Why a task fails. */
export class Failure extends Error {
  constructor(readonly error: TaskError) {
    super(error.message);
  }
}

export function failed(reason: string, message: string): Failure {
  return new Failure({ type: "Failure", kind: "TASK_ERROR_KIND_SYSTEM", reason, message });
}

const encoders: Record<string, (value: Value) => Buffer | undefined> = {
  null: (value) => (value === null || value === undefined ? Buffer.alloc(0) : undefined),
  raw: (value) => (value instanceof Uint8Array ? Buffer.from(value) : undefined),
  text: (value) => (typeof value === "string" ? Buffer.from(value) : undefined),
  json: (value) => (isPlain(value) ? Buffer.from(JSON.stringify(value)) : undefined),
};
export const CODECS = Object.keys(encoders);

const EMPTY = { compression: "", refs: [], attributes: {}, blob: null, buffers: [] };

/** Whether JSON says all of a value: JSON.stringify itself makes null of NaN, and {} of a Map. */
function isPlain(value: Value): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (value === null || ["string", "boolean"].includes(typeof value)) return true;
  if (Array.isArray(value)) return value.every(isPlain);
  return typeOf(value) === "Object" && Object.values(value as object).every(isPlain);
}

/** Say a value in the first of some codecs that can. */
export function encode(value: Value, accepts: string[]): Payload__Output {
  for (const codec of accepts.length > 0 ? accepts : CODECS) {
    const data = encoders[codec]?.(value);
    if (data !== undefined) return { ...EMPTY, codec, data };
  }
  const can = CODECS.filter((codec) => encoders[codec]!(value) !== undefined).join(", ") || "no codec";
  throw failed("CODEC_UNSUPPORTED", `a value of type ${typeOf(value)} can be said in ${can}, not in ${accepts.join(", ")}`);
}

/** Read a value; an object {"$ref": KEY} in it stands for the result of that key. */
export function decode({ codec, data, refs }: Payload__Output, result: (key: string) => Value): Value {
  if (codec === "" || codec === "null") return null;
  if (codec === "raw") return data;
  if (codec === "text") return data.toString();
  if (codec !== "json") throw failed("CODEC_UNSUPPORTED", `a value comes in ${codec}; ${CODECS.join(", ")} are read here`);
  return JSON.parse(data.toString(), (_, value: { $ref?: string } | null) =>
    refs.includes(value?.$ref ?? "") ? result(value!.$ref!) : value,
  );
}

/** Say a payload in the first codec that is accepted; one that cannot be read here goes on as it is. */
export function converted(payload: Payload__Output, accepts: string[]): Payload__Output {
  const codec = payload.codec || "null";
  const isWelcome = CODECS.includes(codec) ? accepts[0] === codec : accepts.includes(codec);
  return isWelcome || accepts.length === 0 ? payload : encode(decode(payload, () => null), accepts);
}

export function typeOf(value: Value): string {
  if (value === null || value === undefined) return "null";
  return Object.getPrototypeOf(value)?.constructor.name ?? "Object";
}

export function milliseconds({ seconds, nanos }: Duration__Output): number {
  return Number(seconds) * 1000 + nanos / 1e6;
}
