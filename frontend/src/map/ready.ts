/** When a map is complete: shown at once as a whole, then reported to the page. */

/** A base map that does not come must not leave the page without what we can draw. */
const REVEAL_MS = 4000;
const LIMIT_MS = 60_000;

export type Waiting = Record<string, boolean | string>;

export interface MapReadyOptions {
  /** Screenshots wait until nothing is left to draw at all. */
  still: boolean;
  /** What the map still waits for, by name; `false` and `''` mean nothing. */
  waiting: () => Waiting;
  /** Shows or hides the canvas. A hidden one is drawn small and not composed into the page: that is most of a frame's cost. */
  show: (visible: boolean) => void;
  done: () => void;
}

export class MapReady {
  private frame = 0;
  private finished = false;
  private shown = true;
  private painted = 0;
  /** The canvas was drawn since it is shown. */
  private seen = false;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly o: MapReadyOptions) {}

  /** A new canvas: hidden until its picture is complete, so that a city never builds itself up tile by tile. */
  begin(): void {
    this.shown = this.seen = false;
    this.painted = 0;
    this.o.show(false);
    if (this.timer) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.reveal(), REVEAL_MS);
    this.check();
  }

  stop(): void {
    cancelAnimationFrame(this.frame);
    if (this.timer) clearTimeout(this.timer);
  }

  /** The map has drawn a frame. */
  rendered(): void {
    this.seen = this.shown;
  }

  /** deck.gl has drawn once more. */
  paint(): void {
    this.painted++;
  }

  get visible(): boolean {
    return this.shown;
  }

  idle(): boolean {
    return Object.values(this.o.waiting()).every((v) => v === false || v === '');
  }

  /** Looks in every frame until the map is complete; does nothing afterwards. */
  check(): void {
    if (this.frame || (this.finished && this.shown)) return;
    let calm = 0;
    const started = performance.now();
    // A living city never stops changing: outside of screenshots one shown frame of a complete map is enough.
    const enough = this.o.still ? 3 : 1;
    const look = (): void => {
      this.frame = 0;
      const complete = this.o.still ? this.idle() : this.complete();
      if (complete) this.reveal();
      if (!complete || !this.seen) calm = 0;
      else calm++;
      const late = performance.now() - started > LIMIT_MS;
      if (calm >= enough || late) {
        if (calm < enough) console.error('map was not idle in time', this.o.waiting());
        this.reveal();
        if (!this.finished) this.o.done();
        this.finished = true;
        return;
      }
      this.frame = requestAnimationFrame(look);
    };
    this.frame = requestAnimationFrame(look);
  }

  private reveal(): void {
    if (this.shown) return;
    this.shown = true;
    if (this.timer) clearTimeout(this.timer);
    this.o.show(true);
  }

  /** Everything of the view is there and drawn, whatever changes next. */
  private complete(): boolean {
    return Object.entries(this.o.waiting()).every(([k, v]) => v === false || v === '' || k === 'frame' || (k === 'deck' && this.painted > 0));
  }
}
