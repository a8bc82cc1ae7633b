/** Moving and zooming a drawing: by wheel, drag, two fingers and keys. It changes one transform, and
 * renders nothing. */

const ZOOM_MIN = 0.05;
const ZOOM_MAX = 3;
const FIT_MAX = 1.25; // a small drawing is not blown up beyond this
const STEP = 60;
const NARROW = 700;
const LEGIBLE = 0.75; // on a narrow screen a drawing is cut off rather than too small to read

export class PanZoom {
  /** @param {SVGSVGElement} frame @param {SVGGElement} drawing */
  constructor(frame, drawing) {
    this.frame = frame;
    this.drawing = drawing;
    this.size = { width: 1, height: 1 };
    this.isFitted = true;
    this.fingers = new Map();
    this.end = new AbortController();
    const on = (name, listener, options = {}) => frame.addEventListener(name, listener, { signal: this.end.signal, ...options });
    on("wheel", (event) => this.#wheel(event), { passive: false });
    on("pointerdown", (event) => this.#down(event));
    on("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel", "pointerleave"]) on(name, (event) => this.fingers.delete(event.pointerId));
    on("click", (event) => this.dragged && event.preventDefault(), { capture: true });
    on("keydown", (event) => this.key(event.key) && event.preventDefault());
    this.resized = new ResizeObserver(() => this.isFitted && this.fit());
    this.resized.observe(frame);
  }

  close() {
    this.end.abort();
    this.resized.disconnect();
  }

  /** The drawing has another size: fit it again, unless the viewer has moved it. */
  resize(size) {
    this.size = size;
    if (this.isFitted) this.fit();
  }

  fit() {
    const { clientWidth: width, clientHeight: height } = this.frame;
    this.isFitted = true;
    const least = width < NARROW ? LEGIBLE : 0;
    this.k = Math.max(least, Math.min(FIT_MAX, width / this.size.width, height / this.size.height));
    this.x = Math.max(0, (width - this.size.width * this.k) / 2);
    this.y = Math.max(0, (height - this.size.height * this.k) / 2);
    this.#apply();
  }

  /** @param {number} factor @param {number} x @param {number} y the place that stays where it is */
  zoom(factor, x = this.frame.clientWidth / 2, y = this.frame.clientHeight / 2) {
    const k = Math.min(ZOOM_MAX, Math.max(ZOOM_MIN, this.k * factor));
    this.x = x - ((x - this.x) * k) / this.k;
    this.y = y - ((y - this.y) * k) / this.k;
    this.k = k;
    this.isFitted = false;
    this.#apply();
  }

  move(x, y) {
    this.x += x;
    this.y += y;
    this.isFitted = false;
    this.#apply();
  }

  /** @returns {boolean} whether the key means something */
  key(key) {
    const actions = {
      "+": () => this.zoom(1.25), "=": () => this.zoom(1.25), "-": () => this.zoom(0.8), 0: () => this.fit(),
      ArrowLeft: () => this.move(STEP, 0), ArrowRight: () => this.move(-STEP, 0),
      ArrowUp: () => this.move(0, STEP), ArrowDown: () => this.move(0, -STEP),
    };
    actions[key]?.();
    return key in actions;
  }

  #apply() {
    this.drawing.setAttribute("transform", `translate(${this.x} ${this.y}) scale(${this.k})`);
  }

  #wheel(event) {
    event.preventDefault();
    const box = this.frame.getBoundingClientRect();
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.zoom(Math.exp((-event.deltaY * lines) / 500), event.clientX - box.left, event.clientY - box.top);
  }

  #down(event) {
    this.fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.dragged = false;
    this.travel = 0;
  }

  #move(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const [x, y] = [now.x - before.x, now.y - before.y];
    this.travel += Math.abs(x) + Math.abs(y);
    this.dragged ||= this.travel > 4;
    this.fingers.set(event.pointerId, now);
    const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (!other) {
      this.move(x, y);
      return;
    }
    const box = this.frame.getBoundingClientRect();
    const apart = (a) => Math.hypot(a.x - other.x, a.y - other.y) || 1;
    this.zoom(apart(now) / apart(before), (now.x + other.x) / 2 - box.left, (now.y + other.y) / 2 - box.top);
  }
}
