// Values between workers: in one message, or in chunks when they are large.

import { status, type ServiceError } from "@grpc/grpc-js";
import { setTimeout as sleep } from "node:timers/promises";
import type { DataChunk__Output } from "./gen/gdistributed/v1/DataChunk";
import type { DataItem__Output } from "./gen/gdistributed/v1/DataItem";
import type { GetDataRequest__Output } from "./gen/gdistributed/v1/GetDataRequest";
import type { GetDataResponse } from "./gen/gdistributed/v1/GetDataResponse";
import type { Payload__Output } from "./gen/gdistributed/v1/Payload";
import type { Peer__Output } from "./gen/gdistributed/v1/Peer";
import type { StoredData } from "./gen/gdistributed/v1/StoredData";
import { OPTIONS, insecure, v1 } from "./protocol";
import { crc32 } from "./crc32";
import { converted, Failure } from "./values";

const CHUNK_NBYTES = 1 << 20;
const CHUNK_NBYTES_MAX = 4 << 20;
const BUSY_MS = 100; // after which a peer is asked again that answers as many as it can

/** A value that lies here, as StoredData describes it. */
export interface Held extends StoredData {
  payload: Payload__Output;
  nbytes: number;
  put: number;
}

/** Answer GetData. */
export function* answers(request: GetDataRequest__Output, held: Map<string, Held>): Generator<GetDataResponse> {
  for (const [index, key] of request.keys.entries()) {
    const value = held.get(key);
    try {
      if (value === undefined) yield { items: [{ index, missing: true }] };
      else yield* pieces(index, value, converted(value.payload, request.accept_codecs), request.chunk_nbytes || CHUNK_NBYTES);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      yield { items: [{ index, error: error.error }] };
    }
  }
}

function* pieces(index: number, { nbytes, type }: Held, payload: Payload__Output, wanted: number): Generator<GetDataResponse> {
  const length = Math.min(wanted, CHUNK_NBYTES_MAX);
  const { data, buffers, ...rest } = payload;
  const whole = Buffer.concat([data, ...buffers]);
  if (whole.length <= length) return yield { items: [{ index, nbytes, type, value: payload }] };
  const lengths = { data_nbytes: data.length, buffer_nbytes: buffers.map((buffer) => buffer.length) };
  const fingerprint = `${rest.codec}-${whole.length}-${crc32(whole.subarray(0, CHUNK_NBYTES))}`;
  for (let offset = 0; offset < whole.length; offset += length) {
    const piece = whole.subarray(offset, offset + length);
    const header = offset === 0 ? { value: rest, ...lengths, nbytes, type, fingerprint } : null;
    yield { chunk: { index, header, offset, crc32: crc32(piece), data: piece } };
  }
}

/** Values that come in items and chunks; `items` has those that are whole. */
export class Incoming {
  readonly items = new Map<number, DataItem__Output>();
  #header: DataChunk__Output["header"] = null;
  #whole: Buffer[] = [];
  #nbytes = 0;

  take({ items, chunk }: { items: DataItem__Output[]; chunk: DataChunk__Output | null }): void {
    for (const item of items) this.items.set(item.index, item);
    if (chunk === null) return;
    if (chunk.header !== null) [this.#header, this.#whole, this.#nbytes] = [chunk.header, [], 0];
    if (Number(chunk.offset) !== this.#nbytes || crc32(chunk.data) !== chunk.crc32) throw new Error("a damaged chunk");
    this.#whole.push(chunk.data);
    this.#nbytes += chunk.data.length;
    const { value, nbytes, type, data_nbytes, buffer_nbytes } = this.#header!;
    const lengths = [data_nbytes, ...buffer_nbytes].map(Number);
    if (this.#nbytes < lengths.reduce((sum, length) => sum + length)) return;
    const whole = Buffer.concat(this.#whole);
    let end = 0;
    const [data, ...buffers] = lengths.map((length) => whole.subarray(end, (end += length)));
    this.items.set(chunk.index, { index: chunk.index, nbytes, type, value: { ...value!, data: data!, buffers }, outcome: "value" });
  }
}

const clients = new Map<string, InstanceType<typeof v1.Worker>>();

/** Ask a peer for a value in one of these codecs, or as the peer likes to say it when none is named. */
export async function fetched(peer: Peer__Output, key: string, accept_codecs: string[]): Promise<DataItem__Output> {
  if (!clients.has(peer.address)) clients.set(peer.address, new v1.Worker(peer.address, insecure(), OPTIONS));
  const { worker_id } = peer;
  const incoming = new Incoming();
  try {
    const answers = clients.get(peer.address)!.GetData({ worker_id, keys: [key], accept_codecs });
    for await (const response of answers) incoming.take(response);
    return incoming.items.get(0)!;
  } catch (error) {
    if ((error as ServiceError).code !== status.RESOURCE_EXHAUSTED) throw error;
    await sleep(BUSY_MS);
    return fetched(peer, key, accept_codecs);
  }
}
