/** The region one has drilled into: everything else dimmed, its outline in the accent colour. */
import type { Layer } from '@deck.gl/core';
import { PathLayer, SolidPolygonLayer } from '@deck.gl/layers';
import type { Geometry, GeometryCollection } from 'geojson';
import type { LonLat } from './mvt';
import type { Scene } from './roles';

export interface RegionShape {
  code: string;
  name: string;
  rings: LonLat[][];
  bbox: [number, number, number, number];
}

type Simple = Exclude<Geometry, GeometryCollection>;

/** Outer rings of a polygon geometry. */
export function outerRings(g: Geometry | null | undefined): LonLat[][] {
  if (!g) return [];
  if (g.type === 'GeometryCollection') return g.geometries.flatMap((x) => outerRings(x as Simple));
  if (g.type === 'Polygon') return g.coordinates.slice(0, 1) as LonLat[][];
  if (g.type === 'MultiPolygon') return g.coordinates.map((p) => p[0] as LonLat[]);
  return [];
}

export function boundsOf(rings: readonly LonLat[][]): [number, number, number, number] {
  let [w, s, e, n] = [180, 90, -180, -90];
  for (const ring of rings)
    for (const [x, y] of ring) {
      w = Math.min(w, x);
      e = Math.max(e, x);
      s = Math.min(s, y);
      n = Math.max(n, y);
    }
  return [w, s, e, n];
}

/** Geometry of a region: GeoJSON geometry, Feature, or `{geometry, bbox, name}`. */
export function regionShape(code: string, body: unknown): RegionShape | null {
  const b = body as { type?: string; geometry?: Geometry; properties?: { name?: string }; name?: string; bbox?: number[] };
  const rings = outerRings(b.geometry ?? (body as Geometry));
  if (!rings.length) return null;
  return { code, name: b.name ?? b.properties?.name ?? '', rings, bbox: boundsOf(rings) };
}

const PAD_DEG = 12;

export function regionLayers(scene: Scene, shape: RegionShape): Layer[] {
  const [w, s, e, n] = shape.bbox;
  const frame: LonLat[] = [
    [w - PAD_DEG, Math.max(-85, s - PAD_DEG)],
    [e + PAD_DEG, Math.max(-85, s - PAD_DEG)],
    [e + PAD_DEG, Math.min(85, n + PAD_DEG)],
    [w - PAD_DEG, Math.min(85, n + PAD_DEG)],
  ];
  const before = { beforeId: scene.beforeId } as object;
  return [
    new SolidPolygonLayer<LonLat[][]>({
      id: 'ioc-region-mask',
      data: maskData(shape, frame),
      getPolygon: (d) => d,
      getFillColor: scene.tokens.rgba('map-sea', scene.tokens.dark ? 0.5 : 0.45),
      pickable: false,
      ...before,
    }),
    new PathLayer<LonLat[]>({
      id: 'ioc-region-line',
      data: shape.rings,
      getPath: (d) => d,
      getColor: scene.tokens.rgba('accent'),
      getWidth: 1.8 * scene.sizes.k,
      widthUnits: 'pixels',
      jointRounded: true,
      pickable: false,
      ...before,
    }),
  ];
}

const masks = new WeakMap<RegionShape, LonLat[][][]>();
function maskData(shape: RegionShape, frame: LonLat[]): LonLat[][][] {
  let m = masks.get(shape);
  if (!m) masks.set(shape, (m = [[frame, ...shape.rings]]));
  return m;
}
