// What this worker offers. A function of yours is one more entry: arguments that are given by name come
// last, in one object. It may be async.

import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { conformance } from "./conformance";

type Counts = Record<string, number>;

export const functions: Record<string, { description: string; call: (...args: any[]) => unknown }> = {
  ...conformance,
  "wordcount.Count": { description: "Count how often each word stands in a text.", call: countWords },
  "wordcount.Merge": { description: "Add up the counts of several texts.", call: mergeCounts },
  "plain.Noop": { description: "Do nothing.", call: () => null },
  "plain.Echo": { description: "Return the argument as it came.", call: (value) => value },
  "plain.Sleep": { description: "Sleep for so many seconds.", call: (seconds: number) => sleep(seconds * 1000, null) },
  "plain.Spin": { description: "Keep a thread busy, for ever.", call: spin },
  "fails.Error": { description: "Throw an error.", call: fail },
  "fails.Once": { description: "Throw an error unless this file is there, and make it.", call: failOnce },
};

function countWords(text: string): Counts {
  const counts: Counts = Object.create(null);
  for (const [word] of text.toLowerCase().matchAll(/[\p{L}\p{Nd}]+/gu)) counts[word] = (counts[word] ?? 0) + 1;
  return { ...counts };
}

function mergeCounts(...parts: Counts[]): Counts {
  const total: Counts = Object.create(null);
  for (const counts of parts) for (const [word, count] of Object.entries(counts)) total[word] = (total[word] ?? 0) + count;
  return { ...total };
}

function spin(): never {
  for (;;);
}

function fail(message: string): never {
  throw new RangeError(message);
}

function failOnce(path: string): null {
  if (existsSync(path)) return null;
  writeFileSync(path, "");
  throw new RangeError("the first time");
}
