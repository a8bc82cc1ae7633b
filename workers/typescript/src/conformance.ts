// The functions that `gd conformance` asks for (docs/conformance.md).

import { setTimeout as sleep } from "node:timers/promises";

export const conformance = {
  "conformance.echo": { description: "Return the argument.", call: (value: unknown) => value },
  "conformance.list": { description: "Return all arguments as one list.", call: (...values: unknown[]) => values },
  "conformance.repeat": {
    description: "Return a text, repeated so many times.",
    call: (text: string, count: number) => text.repeat(count),
  },
  "conformance.wait": { description: "Wait; return when that began and ended, in seconds.", call: wait },
  "conformance.fail": { description: "Fail, with this message.", call: fail },
};

async function wait(seconds: number): Promise<number[]> {
  const now = () => Number(process.hrtime.bigint()) / 1e9; // one clock for all threads
  const began = now();
  await sleep(seconds * 1000);
  return [began, now()];
}

function fail(message: string): never {
  throw new Error(message);
}
