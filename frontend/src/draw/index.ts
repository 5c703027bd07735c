/** Drawing and measuring on a command map (terra-draw). A module of its own: only the command page loads it. */
import type { Feature, LineString, Polygon, Position } from 'geojson';
import type { Map as MapLibre } from 'maplibre-gl';
import { TerraDraw, TerraDrawCircleMode, TerraDrawLineStringMode, TerraDrawPointMode, TerraDrawPolygonMode } from 'terra-draw';
import { TerraDrawMapLibreGLAdapter } from 'terra-draw-maplibre-gl-adapter';
import { areaM2, lengthM } from './measure';

export type Mode = 'polygon' | 'circle' | 'linestring' | 'point';
type Drawn = Feature<Polygon | LineString> | Feature<{ type: 'Point'; coordinates: Position }>;

export interface Told {
  mode: Mode;
  geometry: Drawn['geometry'];
  /** Metres of a line, square metres of an area, 0 of a point. */
  measure: number;
  done: boolean;
}

/** One drawing at a time on `map`: `tell` hears every change and, with `done`, the end. Returns what stops it. */
export function drawOn(map: MapLibre, mode: Mode, colour: string, tell: (t: Told) => void): () => void {
  // its own style is that of the product: one accent, texture for what is not done yet
  const area = { fillColor: colour, fillOpacity: 0.12, outlineColor: colour, outlineWidth: 2 } as const;
  const points = { closingPointColor: colour, closingPointWidth: 5, closingPointOutlineColor: colour, closingPointOutlineWidth: 1 } as const;
  const hex = (o: object): never => o as never;
  const draw = new TerraDraw({
    adapter: new TerraDrawMapLibreGLAdapter({ map, coordinatePrecision: 7 }),
    modes: [
      new TerraDrawPolygonMode({ styles: hex({ ...area, ...points }) }),
      new TerraDrawCircleMode({ styles: hex(area) }),
      new TerraDrawLineStringMode({ styles: hex({ lineStringColor: colour, lineStringWidth: 2, ...points }) }),
      new TerraDrawPointMode({ styles: hex({ pointColor: colour, pointWidth: 6, pointOutlineColor: colour, pointOutlineWidth: 1 }) }),
    ],
  });
  draw.start();
  draw.setMode(mode);
  const told = (id: string | number, done: boolean): void => {
    const found = draw.getSnapshotFeature(id) as Drawn | undefined;
    if (found && found.geometry.type !== undefined) tell({ mode, geometry: found.geometry, measure: measureOf(found.geometry), done });
  };
  draw.on('change', (ids) => {
    for (const id of ids) if (draw.hasFeature(id)) told(id, false);
  });
  draw.on('finish', (id) => told(id, true));
  return () => {
    if (draw.enabled) draw.stop();
  };
}

function measureOf(geometry: Drawn['geometry']): number {
  if (geometry.type === 'Polygon') return areaM2(geometry.coordinates);
  return geometry.type === 'LineString' ? lengthM(geometry.coordinates) : 0;
}
