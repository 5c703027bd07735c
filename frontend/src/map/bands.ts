/** Zoom bands (design section 7): which spec of a layer is drawn, which tiles it needs, where a value sits on the ramp. */
import type { IocKey, LayerSpec, Role } from './types';

/** The last zoom whose tiles carry everything; closer views enlarge them. */
export const MAX_TILE_ZOOM = 16;

export const inBand = (ioc: Pick<IocKey, 'band'> | undefined, zoom: number): boolean => {
  const [lo, hi] = ioc?.band ?? [0, 99];
  return zoom >= lo && zoom < hi;
};

/** Specs to draw at a zoom: those of visible layers whose band holds it, in the order given. */
export function activeSpecs(specs: readonly LayerSpec[], visible: ReadonlySet<string>, zoom: number): LayerSpec[] {
  return specs.filter((s) => (s.ioc ? visible.has(s.ioc.layer) && inBand(s.ioc, zoom) : true));
}

/** Integer zoom of the tiles a role reads. Marks hold on to z 14 tiles: a z 15 view then needs a quarter of the requests. */
export function tileZoom(role: Role | undefined, zoom: number): number {
  const z = Math.max(0, Math.min(MAX_TILE_ZOOM, Math.floor(zoom)));
  return role === 'marks' && z === 15 ? 14 : z;
}

export interface TileId {
  z: number;
  x: number;
  y: number;
}

export const tileKey = (t: TileId): string => `${t.z}/${t.x}/${t.y}`;

const clampLat = (lat: number): number => Math.max(-85.05, Math.min(85.05, lat));
const rowOf = (lat: number, n: number): number => {
  const s = Math.sin((clampLat(lat) * Math.PI) / 180);
  return Math.floor((0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)) * n);
};

/** Tiles of zoom `z` that touch west, south, east, north; nearest to the middle first. */
export function coverTiles(bounds: [number, number, number, number], z: number): TileId[] {
  const [w, s, e, n] = bounds;
  const size = 2 ** z;
  const clamp = (v: number): number => Math.max(0, Math.min(size - 1, v));
  const x0 = clamp(Math.floor(((w + 180) / 360) * size));
  const x1 = clamp(Math.floor(((e + 180) / 360) * size));
  const y0 = clamp(rowOf(n, size));
  const y1 = clamp(rowOf(s, size));
  const tiles: TileId[] = [];
  for (let x = x0; x <= x1; x++) for (let y = y0; y <= y1; y++) tiles.push({ z, x, y });
  const cx = (x0 + x1) / 2;
  const cy = (y0 + y1) / 2;
  return tiles.sort((a, b) => Math.hypot(a.x - cx, a.y - cy) - Math.hypot(b.x - cx, b.y - cy));
}

const NICE = [1, 1.5, 2, 3, 4, 5, 6, 8, 10];

/** A round number not below n: the top of a ramp stays the same while one pans. */
export function niceTop(n: number): number {
  if (n <= 10) return Math.max(1, Math.ceil(n));
  const p = 10 ** Math.floor(Math.log10(n));
  return NICE.map((k) => k * p).find((v) => v >= n) ?? 10 * p;
}

/** Few devices in a cell stay near the ground, so that towns stand out of the countryside. */
const GAMMA = 1.2;
const FLOOR = 0.4;

/** Place of n on the ramp, from just above h0 to a little above `cap`; logarithmic between `low` and `top`. */
export function rampStep(n: number, low: number, top: number, cap: number): number {
  if (n <= 0) return 0;
  const span = Math.log(Math.max(top, low + 1) / low);
  const t = span > 0 ? Math.log(Math.max(n, low) / low) / span : 1;
  return FLOOR + Math.min(1, Math.max(0, t)) ** GAMMA * (Math.min(cap, 5) + 0.7 - FLOOR);
}
