// What this worker offers. A function of yours is one more entry. It may be async, and shares the event loop with the
// worker: while it computes, nothing else is heard or said. Arguments that are given by name come last, in one object.
import { setTimeout as sleep } from "node:timers/promises";

const wait = async (seconds: number) => [process.uptime(), await sleep(seconds * 1000).then(process.uptime)];
export const functions: Record<string, [description: string, call: (...args: any[]) => unknown]> = {
  "conformance.echo": ["Return the argument.", (value: unknown) => value],
  "conformance.list": ["Return all arguments as a list.", (...values: unknown[]) => values],
  "conformance.repeat": ["Return a text, repeated so often.", (text: string, count: number) => text.repeat(count)],
  "conformance.wait": ["Wait; return when that began and ended, in seconds.", wait],
  "conformance.fail": ["Fail with this message.", (message: string) => Promise.reject(new RangeError(message))],
  "wordcount.Count": ["Count how often each word stands in a text.", countWords],
};

function countWords(text: string): Record<string, number> {
  const counts = new Map<string, number>();
  for (const [word] of text.toLowerCase().matchAll(/[\p{L}\p{Nd}]+/gu)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return Object.fromEntries(counts);
}
