/** An area while it is drawn: its border, its vertices. The form beside the map holds it (assets/fence.js). */
import type { Layer } from '@deck.gl/core';
import { PathLayer, ScatterplotLayer, SolidPolygonLayer } from '@deck.gl/layers';
import type { LonLat } from './mvt';
import type { Scene } from './roles';

export function sketchLayers(scene: Scene, points: readonly LonLat[]): Layer[] {
  const accent = scene.tokens.rgba('accent');
  const ring = [...points, ...(points.length > 2 ? [points[0]!] : [])];
  const out: Layer[] = [];
  if (points.length > 2) out.push(new SolidPolygonLayer<LonLat[]>({ id: 'ioc-sketch-fill', data: [ring], getPolygon: (d) => d, getFillColor: scene.tokens.rgba('accent', 0.16), extruded: false, pickable: false }));
  if (points.length > 1) out.push(new PathLayer<LonLat[]>({ id: 'ioc-sketch-line', data: [ring], getPath: (d) => d, getColor: accent, getWidth: 2 * scene.sizes.k, widthUnits: 'pixels', pickable: false }));
  out.push(new ScatterplotLayer<LonLat>({ id: 'ioc-sketch-points', data: [...points], getPosition: (d) => d, getRadius: 5 * scene.sizes.k, radiusUnits: 'pixels', getFillColor: scene.tokens.rgba('bg-1'), stroked: true, getLineColor: accent, getLineWidth: 2 * scene.sizes.k, lineWidthUnits: 'pixels', pickable: false }));
  return out;
}
