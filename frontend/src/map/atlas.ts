/** Icons drawn on a canvas from the sprite's paths, packed in shelves. Keys are strings; a new key repaints nothing old. */

export interface Drawing {
  /** CSS px. */
  width: number;
  height: number;
  /** Point of the drawing that lies on the position; default: the middle. */
  anchorX?: number;
  anchorY?: number;
  draw(g: CanvasRenderingContext2D): void;
}

export interface Mapping {
  x: number;
  y: number;
  width: number;
  height: number;
  anchorX: number;
  anchorY: number;
  mask: boolean;
}

const WIDTH = 2048;
const MAX_HEIGHT = 8192;
const GAP = 2;

export class Atlas {
  /** A new canvas object after every addition: deck.gl uploads by identity. */
  image: HTMLCanvasElement;
  mapping: Record<string, Mapping> = {};
  private sizes = new Map<string, number>();
  private canvas: HTMLCanvasElement;
  private x = GAP;
  private y = GAP;
  private shelf = 0;
  private dirty = false;

  constructor(
    readonly ratio: number,
    private readonly make: (width: number, height: number) => HTMLCanvasElement = newCanvas,
  ) {
    this.canvas = make(WIDTH, 256);
    this.image = this.canvas;
  }

  /** Draws once per key; returns the key. */
  put(key: string, drawing: () => Drawing): string {
    if (this.mapping[key]) return key;
    const d = drawing();
    const r = this.ratio;
    const w = Math.ceil(d.width * r) + 2;
    const h = Math.ceil(d.height * r) + 2;
    if (this.x + w + GAP > WIDTH) {
      this.x = GAP;
      this.y += this.shelf + GAP;
      this.shelf = 0;
    }
    if (this.y + h + GAP > this.canvas.height && !this.grow(this.y + h + GAP)) {
      // Full: begin again; the next frame draws what is still asked for.
      this.reset();
      return this.put(key, drawing);
    }
    const g = this.canvas.getContext('2d');
    if (g) {
      g.save();
      g.translate(this.x + 1, this.y + 1);
      g.scale(r, r);
      d.draw(g);
      g.restore();
    }
    const ax = (d.anchorX ?? d.width / 2) * r + 1;
    const ay = (d.anchorY ?? d.height / 2) * r + 1;
    this.mapping[key] = { x: this.x, y: this.y, width: w, height: h, anchorX: ax, anchorY: ay, mask: false };
    this.sizes.set(key, h / r);
    this.x += w + GAP;
    this.shelf = Math.max(this.shelf, h);
    this.dirty = true;
    return key;
  }

  /** Height on screen in CSS px, what IconLayer calls size. */
  size(key: string): number {
    return this.sizes.get(key) ?? 1;
  }

  width(key: string): number {
    return (this.mapping[key]?.width ?? 1) / this.ratio;
  }

  /** Call after a round of `put`: hands out fresh objects when something was drawn. */
  commit(): boolean {
    if (!this.dirty) return false;
    const copy = this.make(this.canvas.width, this.canvas.height);
    copy.getContext('2d')?.drawImage(this.canvas, 0, 0);
    this.image = copy;
    this.mapping = { ...this.mapping };
    this.dirty = false;
    return true;
  }

  reset(): void {
    this.canvas = this.make(WIDTH, 256);
    this.mapping = {};
    this.sizes.clear();
    this.x = this.y = GAP;
    this.shelf = 0;
    this.dirty = true;
  }

  private grow(needed: number): boolean {
    let height = this.canvas.height;
    while (height < needed) height *= 2;
    if (height > MAX_HEIGHT) return false;
    const bigger = this.make(WIDTH, height);
    bigger.getContext('2d')?.drawImage(this.canvas, 0, 0);
    this.canvas = bigger;
    return true;
  }
}

function newCanvas(width: number, height: number): HTMLCanvasElement {
  const c = document.createElement('canvas');
  c.width = width;
  c.height = height;
  return c;
}
