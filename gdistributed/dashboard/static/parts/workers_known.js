/** Workers by address, for answers that name them so. */

import { live } from "./live.js";

/** @param {string} address @returns {string | undefined} the name of the worker that is there */
export function workerAt(address) {
  return live.workers?.find((worker) => worker.address === address)?.name;
}
