/** Questions to the server: `POST api/Service/Method` with JSON, as the protocol defines them. */

import { useEffect, useRef, useState } from "../vendor/preact.js";
import { live } from "./live.js";

/** What the server answered in place of an answer. `code` is gRPC's, `reason` the protocol's. */
export class ApiError extends Error {
  constructor({ code = "", reason = "", message = "" }, status) {
    super(message || `the server answered ${status}`);
    this.code = code;
    this.reason = reason;
    this.status = status;
  }
}

/** What an older scheduler does not know: it is asked for it once. */
const absent = new Set();

/** @param {string} method "Scheduler/ListTasks" @param {object} request
 *  @param {{worker?: string, signal?: AbortSignal}} options a worker by name, to be asked itself */
export async function ask(method, request = {}, { worker, signal } = {}) {
  if (absent.has(method)) throw new ApiError({ code: "UNIMPLEMENTED", message: `${method} is not offered here` }, 501);
  const query = worker === undefined ? "" : `?worker=${encodeURIComponent(worker)}`;
  const answer = await fetch(`api/${method}${query}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
    signal,
  });
  if (answer.ok) return answer.json();
  const text = await answer.text();
  if (answer.status === 501 && worker === undefined) absent.add(method);
  throw new ApiError(text.startsWith("{") ? JSON.parse(text) : { message: text.slice(0, 300) }, answer.status);
}

/** Ask, and again every `everyMs` while the page is visible; `onChange`: only once something happened
 *  in the cluster. What is there stays while it is asked again. An expensive question is asked less
 *  often: it may take a twentieth of the time.
 *
 *  @returns {{data: any, error: ApiError | null}} both null until the first answer */
export function useQuery(method, request, { worker, everyMs = 0, onChange = false } = {}) {
  const id = JSON.stringify([method, request, worker]);
  const [state, setState] = useState({ id: "", data: null, error: null });
  const current = useRef(id);
  current.current = id;
  useEffect(() => {
    if (!method) return undefined;
    return repeat(
      async (signal) => {
        const data = await ask(method, request, { worker, signal });
        if (current.current === id) setState({ id, data, error: null });
      },
      (error) => current.current === id && setState((old) => ({ id, data: old.id === id ? old.data : null, error })),
      { everyMs, onChange },
    );
  }, [id, everyMs, onChange]);
  return state;
}

/** @returns {() => void} what ends it */
function repeat(action, failed, { everyMs, onChange }) {
  const stop = new AbortController();
  let timer = 0;
  let revision = -1;
  const once = async () => {
    const now = live.summary?.revision ?? 0;
    const isDue = revision < 0 || (!document.hidden && (!onChange || now !== revision));
    const start = performance.now();
    if (isDue) {
      try {
        await action(stop.signal);
        revision = now;
      } catch (error) {
        if (stop.signal.aborted) return;
        failed(error);
        if (error.code === "UNIMPLEMENTED") return; // it will not be otherwise later
      }
    }
    if (everyMs && !stop.signal.aborted) {
      timer = setTimeout(once, Math.max(everyMs, 20 * (performance.now() - start)));
    }
  };
  once();
  return () => {
    stop.abort();
    clearTimeout(timer);
  };
}
