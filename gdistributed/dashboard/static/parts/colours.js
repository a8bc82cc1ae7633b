/** A colour for each prefix, the same on every visit.
 *
 * The palette has twelve hues of middle lightness, legible on light and dark ground, told apart by
 * lightness too where eyes do not tell hues apart. Red is not among them: it means "failed". A prefix
 * takes the place that its hash says, or the next free one; after twelve prefixes places are shared. */

const PALETTE = [
  "#4a7fe0", "#e39a2d", "#1fa28f", "#a46fd1", "#8fae3a", "#3cb3e0",
  "#b27a41", "#d77fb8", "#5a67b8", "#cdb53c", "#4c9f57", "#7f8ea3",
];
const STRIDE = 5; // coprime to the palette's length, so that looking for a free place visits all

/** @type {Map<string, number>} */
const places = new Map();
const taken = new Set();

/** @param {string} prefix @returns {string} a colour as #rrggbb */
export function prefixColour(prefix) {
  let place = places.get(prefix);
  if (place === undefined) {
    place = hash(prefix) % PALETTE.length;
    for (let tries = 0; tries < PALETTE.length && taken.has(place); tries += 1) {
      place = (place + STRIDE) % PALETTE.length;
    }
    places.set(prefix, place);
    taken.add(place);
  }
  return PALETTE[place];
}

/** FNV-1a, 32 bits. */
function hash(text) {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  }
  return (value ^ (value >>> 15)) >>> 0;
}

/** @param {string} token e.g. "--erred" @returns {string} what it is in the theme of now */
export function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
