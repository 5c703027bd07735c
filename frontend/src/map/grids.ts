/** Grid cells coloured by a measure: the class of each comes with its tile; what has no data is hatched. */
import type { Layer } from '@deck.gl/core';
import { PathLayer, SolidPolygonLayer } from '@deck.gl/layers';
import type { LonLat, ParsedTile, ShapeRow } from './mvt';
import { derive, rampColor, rowKey, shapeLabels, type Scene } from './roles';
import type { Rgba } from './tokens';
import type { LayerSpec } from './types';

/** Farther out a cell is a few pixels wide: borders would be all one sees. */
const BORDERS_FROM = 11.5;
const NO_DATA = -1;
const WORK = new Set(['event', 'event_suspected', 'case', 'heat']);
/** Distance of hatch lines in pixels. */
const HATCH_PX = 7;

/** Tiles of work for some topics only: the address of their specs says which. */
export function topicSpecs(specs: readonly LayerSpec[], topics: readonly string[]): LayerSpec[] {
  if (!topics.length) return [...specs];
  const by = `&by=${encodeURIComponent(topics.join(','))}`;
  return specs.map((s) => (s.ioc && WORK.has(s.ioc.layer) && typeof s.data === 'string' ? { ...s, data: s.data + by } : s));
}

/** Specs with the measure in their address; without one, coloured specs are left out, and else what they stand for. */
export function colouredSpecs(specs: readonly LayerSpec[], by: string): LayerSpec[] {
  const layers = new Set(specs.filter((s) => s.ioc?.coloured).map((s) => s.ioc!.layer));
  if (!by) return specs.filter((s) => !s.ioc?.coloured);
  return specs
    .filter((s) => !s.ioc || !layers.has(s.ioc.layer) || s.ioc.coloured)
    .map((s) => (s.ioc?.coloured && typeof s.data === 'string' ? { ...s, data: s.data.replace('{by}', encodeURIComponent(by)) } : s));
}

/**
 * Diagonal lines inside a polygon (outer ring and holes, degrees), `step` degrees of longitude apart. They lie on one
 * lattice for the whole map, so that neighbours and tiles meet.
 */
export function hatch(rings: readonly LonLat[][], step: number): LonLat[][] {
  const out: LonLat[][] = [];
  // u runs across the lines, v along them
  const turned = rings.map((ring) => ring.map(([x, y]): LonLat => [x + y, x - y]));
  const us = turned.flat().map((p) => p[0]);
  if (!us.length || !(step > 0)) return out;
  const last = Math.max(...us);
  for (let k = Math.ceil(Math.min(...us) / step); k * step <= last; k++) {
    const u = k * step;
    const vs: number[] = [];
    for (const ring of turned)
      for (let i = 0; i < ring.length; i++) {
        const a = ring[i]!;
        const b = ring[(i + 1) % ring.length]!;
        if (a[0] < u !== b[0] < u) vs.push(a[1] + ((u - a[0]) / (b[0] - a[0])) * (b[1] - a[1]));
      }
    vs.sort((p, q) => p - q);
    for (let i = 0; i + 1 < vs.length; i += 2)
      if (vs[i]! < vs[i + 1]!) out.push([[(u + vs[i]!) / 2, (u - vs[i]!) / 2], [(u + vs[i + 1]!) / 2, (u - vs[i + 1]!) / 2]]);
  }
  return out;
}

interface Fill {
  polygon: LonLat[][];
  shape: ShapeRow;
}

const classOf = (s: ShapeRow): number => Number(s.props['c'] ?? NO_DATA);

export function colouredAreas(scene: Scene, spec: LayerSpec, data: ParsedTile): Layer[] {
  const t = scene.tokens;
  const selected = (s: ShapeRow): boolean => rowKey('grid_cell', s.props['id']) === scene.selected;
  const fills = derive(data, 'coloured', () => data.areas.flatMap((shape) => (classOf(shape) > 0 ? shape.polygons.map((polygon): Fill => ({ polygon, shape })) : [])));
  const zoom = Math.floor(scene.zoom);
  // 512 px of a tile are 360 degrees at zoom 0; lines are measured across, at 45 degrees
  const step = (HATCH_PX * scene.sizes.k * Math.SQRT2 * 360) / (512 * 2 ** zoom);
  const lines = derive(data, `hatch:${zoom}:${scene.sizes.k}`, () => data.areas.flatMap((s) => (classOf(s) === NO_DATA ? s.polygons.flatMap((p) => hatch(p, step)) : [])));
  const top = { beforeId: scene.beforeId } as object;
  const out: Layer[] = [
    new SolidPolygonLayer<Fill>({
      id: `${spec.id}-fill`,
      data: fills,
      getPolygon: (d) => d.polygon,
      getFillColor: (d) => rampColor(t, classOf(d.shape), false),
      extruded: false,
      pickable: false,
      updateTriggers: { getFillColor: [t.dark] },
      ...top,
    }),
    new PathLayer<LonLat[]>({
      id: `${spec.id}-hatch`,
      data: lines,
      getPath: (d) => d,
      getColor: t.rgba('ink-4', 0.55),
      getWidth: scene.sizes.k,
      widthUnits: 'pixels',
      pickable: false,
      updateTriggers: { getColor: [t.dark] },
      ...top,
    }),
  ];
  const border: Rgba = t.rgba('map-line', 0.6);
  const all = scene.zoom >= BORDERS_FROM;
  const rows = derive(data, `borders:${all ? 'all' : scene.selected}`, () => data.areas.filter((s) => all || selected(s)).flatMap((shape) => shape.paths.map((path) => ({ path, shape }))));
  out.push(
    new PathLayer<{ path: LonLat[]; shape: ShapeRow }>({
      id: spec.id,
      data: rows,
      getPath: (d) => d.path,
      getColor: (d) => (selected(d.shape) ? t.rgba('accent') : border),
      getWidth: (d) => (selected(d.shape) ? 2.5 : 0.75) * scene.sizes.k,
      widthUnits: 'pixels',
      jointRounded: true,
      pickable: false,
      updateTriggers: { getColor: [t.dark, scene.selected], getWidth: [scene.selected, scene.sizes.k] },
      ...top,
    }),
  );
  if (scene.zoom >= (spec.ioc?.labelZoom ?? 16)) out.push(shapeLabels(scene, spec, spec.ioc!, data, 'areas'));
  return out;
}
