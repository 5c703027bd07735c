/** Mapbox vector tile to rows with WGS 84 positions. Parsed on the main thread: a tile is 2-7 kB, well under a millisecond. */
import { classifyRings, VectorTile, type VectorTileLayer } from '@mapbox/vector-tile';
import { PbfReader } from 'pbf';
import type { TileId } from './bands';

export type LonLat = [number, number];
export type Props = Record<string, string | number | boolean | undefined>;

export interface PointRow extends Props {
  lon: number;
  lat: number;
}
export interface ShapeRow {
  props: Props;
  /** Outlines (open at tile edges) or lines. */
  paths: LonLat[][];
  /** Filled parts, clipped to the tile: outer ring, then holes. */
  polygons: LonLat[][][];
  /** Middle of the biggest part in this tile, and its size, to choose one label of several tiles. */
  at: LonLat;
  size: number;
}
export interface ParsedTile {
  cells: PointRow[];
  pins: PointRow[];
  points: PointRow[];
  areas: ShapeRow[];
  lines: ShapeRow[];
}

type Pt = { x: number; y: number };

export const emptyTile = (): ParsedTile => ({ cells: [], pins: [], points: [], areas: [], lines: [] });

export function parseTile(buffer: ArrayBuffer, tile: TileId): ParsedTile {
  const out = emptyTile();
  if (buffer.byteLength === 0) return out;
  const layers = new VectorTile(new PbfReader(new Uint8Array(buffer))).layers;
  for (const name of ['cells', 'pins', 'points'] as const) if (layers[name]) out[name] = points(layers[name], tile);
  for (const name of ['areas', 'lines'] as const) if (layers[name]) out[name] = shapes(layers[name], tile, name === 'areas');
  return out;
}

function projector(layer: VectorTileLayer, tile: TileId): (p: Pt) => LonLat {
  const scale = 1 / (layer.extent * 2 ** tile.z);
  const x0 = tile.x * layer.extent;
  const y0 = tile.y * layer.extent;
  return (p) => {
    const lon = (p.x + x0) * scale * 360 - 180;
    const lat = (Math.atan(Math.sinh(Math.PI * (1 - 2 * (p.y + y0) * scale))) * 180) / Math.PI;
    return [lon, lat];
  };
}

function points(layer: VectorTileLayer, tile: TileId): PointRow[] {
  const project = projector(layer, tile);
  const rows: PointRow[] = [];
  for (let i = 0; i < layer.length; i++) {
    const feature = layer.feature(i);
    const props = feature.properties as Props;
    if (props['id'] === undefined && feature.id !== undefined) props['id'] = feature.id;
    for (const part of feature.loadGeometry())
      for (const p of part) {
        const [lon, lat] = project(p);
        rows.push({ ...props, lon, lat });
      }
  }
  return rows;
}

function shapes(layer: VectorTileLayer, tile: TileId, area: boolean): ShapeRow[] {
  const project = projector(layer, tile);
  const rows: ShapeRow[] = [];
  for (let i = 0; i < layer.length; i++) {
    const feature = layer.feature(i);
    const props = feature.properties as Props;
    if (props['id'] === undefined && feature.id !== undefined) props['id'] = feature.id;
    const geometry = feature.loadGeometry() as unknown as Pt[][];
    const paths = geometry.flatMap((ring) => innerRuns(ring, layer.extent)).map((run) => run.map(project));
    const polygons = area ? clipped(geometry, layer.extent).map((poly) => poly.map((ring) => ring.map(project))) : [];
    const { at, size } = middle(geometry, area, layer.extent);
    rows.push({ props, paths, polygons, at: project(at), size });
  }
  return rows;
}

const outside = (a: Pt, b: Pt, e: number): boolean => (a.x <= 0 && b.x <= 0) || (a.y <= 0 && b.y <= 0) || (a.x >= e && b.x >= e) || (a.y >= e && b.y >= e);

/** Runs of a ring without the edges in the tile's buffer: those are cuts, or drawn by the neighbour. */
export function innerRuns(ring: readonly Pt[], extent: number): Pt[][] {
  const runs: Pt[][] = [];
  let run: Pt[] = [];
  for (let i = 1; i < ring.length; i++) {
    const a = ring[i - 1]!;
    const b = ring[i]!;
    if (outside(a, b, extent)) {
      if (run.length > 1) runs.push(run);
      run = [];
    } else {
      if (!run.length) run.push(a);
      run.push(b);
    }
  }
  if (run.length > 1) runs.push(run);
  return runs;
}

/** Sutherland-Hodgman against the tile: overlapping buffers would fill twice. */
export function clipRing(ring: readonly Pt[], extent: number): Pt[] {
  const edges: [(p: Pt) => number, (a: Pt, b: Pt, t: number) => Pt][] = [
    [(p) => p.x, lerp],
    [(p) => extent - p.x, lerp],
    [(p) => p.y, lerp],
    [(p) => extent - p.y, lerp],
  ];
  let pts = [...ring];
  for (const [side, cut] of edges) {
    const next: Pt[] = [];
    for (let i = 0; i < pts.length; i++) {
      const a = pts[i]!;
      const b = pts[(i + 1) % pts.length]!;
      const da = side(a);
      const db = side(b);
      if (da >= 0) next.push(a);
      if (da * db < 0) next.push(cut(a, b, da / (da - db)));
    }
    pts = next;
    if (pts.length < 3) return [];
  }
  return pts;
}

const lerp = (a: Pt, b: Pt, t: number): Pt => ({ x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t });

function clipped(geometry: Pt[][], extent: number): Pt[][][] {
  const groups = classifyRings(geometry as unknown as Parameters<typeof classifyRings>[0]) as unknown as Pt[][][];
  return groups
    .map((rings) => rings.map((r) => clipRing(r, extent)).filter((r) => r.length >= 3))
    .filter((rings) => rings.length > 0);
}

function middle(geometry: Pt[][], area: boolean, extent: number): { at: Pt; size: number } {
  let best = { at: { x: extent / 2, y: extent / 2 }, size: -1 };
  for (const ring of geometry) {
    const part = area ? clipRing(ring, extent) : ring;
    if (part.length < 2) continue;
    if (!area) {
      if (part.length > best.size) best = { at: part[Math.floor(part.length / 2)]!, size: part.length };
      continue;
    }
    const { at, size } = centroid(part);
    if (size > best.size) best = { at, size };
  }
  return best;
}

function centroid(ring: readonly Pt[]): { at: Pt; size: number } {
  let a = 0;
  let x = 0;
  let y = 0;
  for (let i = 0; i < ring.length; i++) {
    const p = ring[i]!;
    const q = ring[(i + 1) % ring.length]!;
    const f = p.x * q.y - q.x * p.y;
    a += f;
    x += (p.x + q.x) * f;
    y += (p.y + q.y) * f;
  }
  if (Math.abs(a) < 1e-9) return { at: ring[0]!, size: 0 };
  return { at: { x: x / (3 * a), y: y / (3 * a) }, size: Math.abs(a / 2) };
}
