/** What a command page lays over the map: rings, areas, isochrones, routes, closures, drawn marks. Geometry comes from the server. */
import type { Layer } from '@deck.gl/core';
import { PathLayer, SolidPolygonLayer } from '@deck.gl/layers';
import type { Geometry, Position } from 'geojson';
import type { LonLat } from './mvt';
import type { Scene } from './roles';
import type { Rgba, TokenName } from './tokens';
import { dashes } from './warnings';

export interface Shape {
  id: string;
  geometry: Geometry;
  /** Name of a colour token; a level's hue only for the incident itself. */
  tone?: TokenName;
  width?: number;
  dashed?: boolean;
  /** Opacity of the filled inside, 0: hollow. */
  fill?: number;
}

interface Line {
  path: LonLat[];
  shape: Shape;
}

interface Fill {
  polygon: LonLat[][];
  shape: Shape;
}

const flat = (line: readonly Position[]): LonLat[] => line.map((p) => [p[0]!, p[1]!]);

/** Lines of a geometry, rings of polygons among them. Points are drawn by the page as marks with their words. */
export function linesOf(geometry: Geometry): LonLat[][] {
  switch (geometry.type) {
    case 'LineString':
      return [flat(geometry.coordinates)];
    case 'MultiLineString':
    case 'Polygon':
      return geometry.coordinates.map(flat);
    case 'MultiPolygon':
      return geometry.coordinates.flatMap((p) => p.map(flat));
    case 'GeometryCollection':
      return geometry.geometries.flatMap(linesOf);
    default:
      return [];
  }
}

export function polygonsOf(geometry: Geometry): LonLat[][][] {
  switch (geometry.type) {
    case 'Polygon':
      return [geometry.coordinates.map(flat)];
    case 'MultiPolygon':
      return geometry.coordinates.map((p) => p.map(flat));
    case 'GeometryCollection':
      return geometry.geometries.flatMap(polygonsOf);
    default:
      return [];
  }
}

export function shapeLayers(scene: Scene, shapes: readonly Shape[]): Layer[] {
  if (!shapes.length) return [];
  const colour = (s: Shape, alpha?: number): Rgba => scene.tokens.rgba(s.tone ?? 'ink-2', alpha);
  const zoom = Math.round(scene.zoom);
  const fills = shapes.filter((s) => s.fill).flatMap((shape) => polygonsOf(shape.geometry).map((polygon): Fill => ({ polygon, shape })));
  const lines = shapes.flatMap((shape) => linesOf(shape.geometry).flatMap((path) => (shape.dashed ? dashes(path, zoom) : [path])).map((path): Line => ({ path, shape })));
  return [
    new SolidPolygonLayer<Fill>({
      id: 'ioc-shapes-fill',
      data: fills,
      getPolygon: (d) => d.polygon,
      getFillColor: (d) => colour(d.shape, d.shape.fill),
      extruded: false,
      pickable: false,
      ...({ beforeId: scene.beforeId } as object),
    }),
    new PathLayer<Line>({
      id: 'ioc-shapes-line',
      data: lines,
      getPath: (d) => d.path,
      getColor: (d) => colour(d.shape),
      getWidth: (d) => (d.shape.width ?? 1.5) * scene.sizes.k,
      widthUnits: 'pixels',
      pickable: false,
      ...({ beforeId: scene.beforeId } as object),
    }),
  ];
}
