/** Numbers, sizes and times as people read them, and the JSON of protobuf as numbers.
 *
 * Sizes are binary (KiB, MiB), durations take the unit that leaves two or three figures. What is not
 * known is an en dash, never 0. */

const UNKNOWN = "–";
const SIZES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** @param {number} value a count, e.g. 12345 → "12,345" */
export function count(value) {
  return Number.isFinite(value) ? Math.round(value).toLocaleString("en-GB") : UNKNOWN;
}

/** @param {number} value a count in little room, e.g. 12345 → "12.3k" */
export function shortCount(value) {
  if (value < 10_000) return count(value);
  const [divisor, unit] = value < 999_500 ? [1e3, "k"] : value < 999_500_000 ? [1e6, "M"] : [1e9, "G"];
  return figures(value / divisor) + unit;
}

/** Number with about three figures: 0.123, 1.23, 12.3, 123. */
export function figures(value) {
  if (value === 0) return "0";
  const digits = value < 1 ? 2 : value < 10 ? 1 : value < 100 ? 1 : 0;
  return value.toFixed(digits).replace(/\.0+$/, "");
}

/** @param {number} nbytes e.g. 1536 → "1.5 KiB" */
export function bytes(nbytes) {
  if (!Number.isFinite(nbytes)) return UNKNOWN;
  let unit = 0;
  let value = nbytes;
  while (value >= 999.5 && unit < SIZES.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit ? figures(value) : Math.round(value)} ${SIZES[unit]}`;
}

/** @param {number} s seconds, e.g. 0.0123 → "12.3 ms"; from a minute on "2 m 05 s" */
export function duration(s) {
  if (!Number.isFinite(s)) return UNKNOWN;
  if (s <= 0) return "0 s";
  if (s < 0.9995e-3) return `${figures(s * 1e6)} µs`;
  if (s < 0.9995) return `${figures(s * 1e3)} ms`;
  if (s < 59.95) return `${figures(s)} s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes} m ${two(s % 60)} s`;
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} m`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

function two(value) {
  return String(Math.floor(value)).padStart(2, "0");
}

/** @param {number} perSecond e.g. 1234 → "1,234/s" */
export function rate(perSecond) {
  if (!Number.isFinite(perSecond)) return UNKNOWN;
  return `${perSecond < 100 ? figures(perSecond) : shortCount(perSecond)}/s`;
}

/** @param {number} s time since 1970 in seconds → "17:04:05.123", by the viewer's clock */
export function clock(s) {
  const date = new Date(s * 1000);
  const ms = String(date.getMilliseconds()).padStart(3, "0");
  return `${date.toLocaleTimeString("en-GB")}.${ms}`;
}

/** @param {string} text protobuf's JSON of a Duration, "1.5s" → 1.5; undefined → NaN */
export function durationOf(text) {
  return text === undefined ? NaN : Number.parseFloat(text);
}

/** @param {string} text protobuf's JSON of a Timestamp → seconds since 1970, with its fraction */
export function timeOf(text) {
  if (!text) return NaN;
  const whole = Date.parse(`${text.slice(0, 19)}Z`) / 1000;
  const fraction = text.slice(19).replace(/Z$/, "");
  return whole + (fraction ? Number(`0${fraction}`) : 0);
}

/** @param {string} name of an enum's value, ("TASK_STATE_NO_WORKER", "TASK_STATE_") → "no_worker" */
export function enumOf(name, start) {
  return (name ?? "").replace(start, "").toLowerCase();
}
