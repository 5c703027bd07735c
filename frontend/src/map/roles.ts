/** From rows to deck.gl layers, one renderer a role (docs/ui.md). Layers are cheap descriptions: data goes in by reference. */
import type { Layer } from '@deck.gl/core';
import { H3HexagonLayer } from '@deck.gl/geo-layers';
import { IconLayer, PathLayer, SolidPolygonLayer } from '@deck.gl/layers';
import { count } from '../core/format';
import type { Lang } from '../core/types';
import { word } from '../core/words';
import type { Atlas } from './atlas';
import { niceTop, rampStep } from './bands';
import * as draw from './draw';
import type { LonLat, ParsedTile, PointRow, ShapeRow } from './mvt';
import { mix, type Rgba, type TokenName, type Tokens } from './tokens';
import type { IocKey, LayerSpec } from './types';
import { dashes } from './warnings';

export interface Scene {
  atlas: Atlas;
  tokens: Tokens;
  sizes: draw.Sizes;
  lang: Lang;
  /** The centre's time zone, for times in labels. */
  zone: string;
  /** A small map of an embed: flags without their words, which stand in the strip above it. */
  brief?: boolean;
  zoom: number;
  selected: string;
  interactive: boolean;
  beforeId: string | undefined;
  /** Highest value of a layer at a resolution, for the ramp; survives panning. */
  tops: Map<string, number>;
}

/** One icon on the map. `src` is what a click or hover is about. */
export interface MarkRow {
  lon: number;
  lat: number;
  icon: string;
  angle?: number;
  src: PointRow | null;
  key: string;
}

/** Props of a spec that pass through to deck.gl; the rest is the role's business. */
const PASS = ['opacity', 'pickable', 'coverage', 'autoHighlight', 'parameters', 'visible'] as const;

export function passed(spec: LayerSpec): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const k of PASS) if (spec[k] !== undefined) out[k] = spec[k];
  return out;
}

const isDark = (scene: Scene): boolean => scene.tokens.dark;

// ------------------------------------------------------------------ density

interface CellRow extends PointRow {
  h: string;
}

const memo = new WeakMap<object, Map<string, unknown>>();

/** Derived data per (source object, name): the same input gives the same output object, so deck.gl uploads nothing. */
export function derive<T>(source: object, name: string, make: () => T): T {
  let m = memo.get(source);
  if (!m) memo.set(source, (m = new Map()));
  if (!m.has(name)) m.set(name, make());
  return m.get(name) as T;
}

export function rampColor(t: Tokens, step: number, soft: boolean): Rgba {
  const i = Math.min(5, Math.floor(step));
  const names: TokenName[] = ['h0', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6'];
  const c = mix(t.rgba(names[i]!), t.rgba(names[i + 1]!), step - i);
  const alpha = t.dark ? 0.42 + 0.085 * i : 0.45 + 0.08 * i;
  return [c[0], c[1], c[2], Math.round(255 * (soft ? alpha * 0.85 : alpha))];
}

export function density(scene: Scene, spec: LayerSpec, ioc: IocKey, data: ParsedTile, z: number): Layer[] {
  const field = ioc.value ?? 'n';
  const rows = derive(data, `cells:${field}`, () => data.cells.filter((c) => Number(c[field] ?? 0) > 0 && typeof c['h'] === 'string') as CellRow[]);
  const key = `${ioc.layer}:${z}`;
  let top = ioc.breaks?.[1] ?? scene.tops.get(key) ?? 1;
  if (!ioc.breaks) for (const r of rows) top = Math.max(top, niceTop(Number(r[field])));
  scene.tops.set(key, top);
  scene.tops.set(ioc.layer, top);
  const low = ioc.breaks?.[0] ?? 1;
  const cap = ioc.cap ?? 5;
  const soft = ioc.role === 'heat';
  return [
    new H3HexagonLayer<CellRow>({
      id: spec.id,
      data: rows,
      getHexagon: (d) => d.h,
      getFillColor: (d) => rampColor(scene.tokens, rampStep(Number(d[field]), low, top, cap), soft),
      extruded: false,
      stroked: false,
      filled: true,
      coverage: 0.9,
      pickable: scene.interactive,
      highPrecision: true,
      ...passed(spec),
      updateTriggers: { getFillColor: [isDark(scene), top, low, cap] },
      ...({ beforeId: scene.beforeId } as object),
    }),
  ];
}

// ------------------------------------------------------------------ icons

/** IconLayer over the atlas. `rows` must be a derived object. */
export function iconLayer(scene: Scene, id: string, rows: readonly MarkRow[], extra: Record<string, unknown> = {}): Layer {
  scene.atlas.commit();
  return new IconLayer<MarkRow>({
    id,
    data: rows as MarkRow[],
    iconAtlas: scene.atlas.image as unknown as string,
    iconMapping: scene.atlas.mapping,
    getIcon: (d) => d.icon,
    getPosition: (d) => [d.lon, d.lat],
    getSize: (d) => scene.atlas.size(d.icon),
    getAngle: (d) => d.angle ?? 0,
    sizeUnits: 'pixels',
    sizeBasis: 'height',
    alphaCutoff: 0.02,
    pickable: scene.interactive,
    textureParameters: { minFilter: 'linear', magFilter: 'linear', mipmapFilter: 'none', addressModeU: 'clamp-to-edge', addressModeV: 'clamp-to-edge' } as never,
    updateTriggers: { getSize: [isDark(scene), scene.sizes.text], getIcon: [isDark(scene)] },
    ...extra,
    ...({ beforeId: scene.beforeId } as object),
  });
}

export const themeKey = (scene: Scene): string => `${scene.tokens.dark ? 'd' : 'l'}${scene.sizes.text}${scene.lang}`;

export function stateOf(row: PointRow): draw.DotState {
  if (Number(row['ex'] ?? 0) > 0) return 'ex';
  const s = row['s'];
  if (s === 'offline' || s === 2) return 'off';
  return s === 'fault' || s === 3 ? 'fault' : 'on';
}

/** Level 1 to 4 of a major hazard; 0: none. */
export function hazardOf(row: PointRow): number {
  const n = Number(row['hz'] ?? 0);
  return n >= 1 && n <= 4 ? n : 0;
}

/** `device:12` for a tile row of a layer: the key the server's detail knows. */
export function rowKey(layer: string, id: unknown): string {
  const type = layer === 'camera' || layer === 'sensor' ? 'device' : layer === 'grid_cell' ? 'grid' : layer.startsWith('thematic') ? 'feature' : layer === 'event_suspected' ? 'event' : layer === 'crossing' ? 'alarm' : layer;
  return `${type}:${String(id)}`;
}

export function pins(scene: Scene, spec: LayerSpec, ioc: IocKey, data: ParsedTile, icon: string): Layer[] {
  const rows = derive(data, `pins:${spec.id}:${themeKey(scene)}`, () => data.pins.map((row) => pinRow(scene, ioc, row, icon)));
  // Counts of work hang below the pin of the devices in the same cell instead of covering it.
  const below = ioc.layer === 'case' ? 1.08 : ioc.layer === 'event' ? 2.16 : ioc.layer === 'event_suspected' ? 3.24 : 0;
  return [iconLayer(scene, spec.id, keepDrawn(scene, rows, (r) => pinRow(scene, ioc, r.src!, icon)), { ...passed(spec), getPixelOffset: [0, below * scene.sizes.disc] })];
}

function pinRow(scene: Scene, ioc: IocKey, row: PointRow, icon: string): MarkRow {
  const second = ioc.second ? Number(row[ioc.second] ?? 0) : 0;
  const text = second > 0 ? `${word(ioc.second === 'ex' ? 'exceeded' : 'offline', scene.lang)} ${count(second)}` : '';
  const strong = ioc.second === 'ex' && second > 0;
  const n = count(Number(row['n'] ?? 0));
  const key = `pin|${icon}|${n}|${text}|${ioc.shape ?? ''}|${strong}`;
  scene.atlas.put(key, () => draw.pin(scene.tokens, scene.sizes, { icon, n, second: text, square: ioc.shape === 'square', strong }));
  return { lon: row.lon, lat: row.lat, icon: key, src: row, key: '' };
}

/** After the atlas was emptied (full, new theme) the derived rows are still right but their drawings are gone. */
function keepDrawn(scene: Scene, rows: readonly MarkRow[], again: (row: MarkRow) => unknown): readonly MarkRow[] {
  const first = rows.find((r) => !scene.atlas.mapping[r.icon]);
  if (first) for (const r of rows) if (!scene.atlas.mapping[r.icon]) again(r);
  return rows;
}

export function marks(scene: Scene, spec: LayerSpec, ioc: IocKey, data: ParsedTile, icon: string): Layer[] {
  const square = ioc.shape === 'square';
  const make = (row: PointRow): MarkRow => {
    const state = stateOf(row);
    const danger = hazardOf(row);
    const key = danger ? `hz|${danger}` : square ? `sq|${icon}` : `dot|${state}`;
    scene.atlas.put(key, () => (danger ? draw.hazard(scene.tokens, scene.sizes, danger) : square ? draw.disc(scene.tokens, scene.sizes, { icon, state: 'on', label: '', square }) : draw.dot(scene.tokens, scene.sizes, state)));
    return { lon: row.lon, lat: row.lat, icon: key, src: row, key: rowKey(ioc.layer, row['id']) };
  };
  // Offline under online under exceeded: what matters is not covered.
  const weight = { off: 0, fault: 1, on: 2, ex: 3 };
  const rank = (row: PointRow): number => (hazardOf(row) ? 9 - hazardOf(row) : weight[stateOf(row)]);
  const rows = derive(data, `marks:${spec.id}:${themeKey(scene)}`, () => data.points.map(make).sort((a, b) => rank(a.src!) - rank(b.src!)));
  const out = [iconLayer(scene, spec.id, keepDrawn(scene, rows, (r) => make(r.src!)), passed(spec))];
  // Tiles with too many points carry pins instead.
  if (data.pins.length) out.push(...pins(scene, { ...spec, id: `${spec.id}-dense` }, { ...ioc, second: ioc.second ?? (ioc.layer === 'sensor' ? 'ex' : 'off') }, data, icon));
  return out;
}

export function icons(scene: Scene, spec: LayerSpec, ioc: IocKey, data: ParsedTile, icon: string): Layer[] {
  const square = ioc.shape === 'square' || ioc.layer === 'resource';
  const make = (row: PointRow): MarkRow => {
    const state = stateOf(row);
    const name = typeof row['icon'] === 'string' ? row['icon'] : icon;
    const label = typeof row['label'] === 'string' ? row['label'] : '';
    const danger = hazardOf(row);
    const key = `disc|${name}|${state}|${label}|${square}|${danger}`;
    scene.atlas.put(key, () => draw.disc(scene.tokens, scene.sizes, { icon: name, state, label, square, hazard: danger }));
    return { lon: row.lon, lat: row.lat, icon: key, src: row, key: rowKey(ioc.layer, row['id']) };
  };
  const rows = derive(data, `icons:${spec.id}:${themeKey(scene)}`, () => data.points.map(make));
  const out: Layer[] = [];
  const cones = derive(data, `cones:${spec.id}:${themeKey(scene)}`, () => data.points.flatMap((r) => coneRow(scene, r)));
  if (ioc.cone !== false && cones.length) out.push(iconLayer(scene, `${spec.id}-cone`, keepDrawn(scene, cones, (r) => coneRow(scene, r.src!)), { pickable: false }));
  out.push(iconLayer(scene, spec.id, keepDrawn(scene, rows, (r) => make(r.src!)), passed(spec)));
  return out;
}

/** A cone only where the record has both angles; none is guessed. */
function coneRow(scene: Scene, row: PointRow): MarkRow[] {
  const az = row['az'];
  const fov = row['fov'];
  if (typeof az !== 'number' || typeof fov !== 'number' || fov <= 0 || stateOf(row) === 'off') return [];
  const wide = Math.round(fov / 5) * 5;
  const key = `cone|${wide}`;
  scene.atlas.put(key, () => draw.cone(scene.tokens, scene.sizes, wide));
  return [{ lon: row.lon, lat: row.lat, icon: key, angle: -az, src: row, key: '' }];
}

// ------------------------------------------------------------------ areas and lines

interface PathRow {
  path: LonLat[];
  shape: ShapeRow;
}

export function shapes(scene: Scene, spec: LayerSpec, ioc: IocKey, data: ParsedTile, kind: 'areas' | 'lines'): Layer[] {
  const list = data[kind];
  const zoom = Math.round(scene.zoom);
  const pieces = (s: ShapeRow): LonLat[][] => (ioc.dash ? s.paths.flatMap((p) => dashes(p, zoom)) : s.paths);
  const paths = derive(data, `paths:${kind}:${ioc.dash ? zoom : ''}`, () => list.flatMap((shape) => pieces(shape).map((path): PathRow => ({ path, shape }))));
  const t = scene.tokens;
  const color = (s: ShapeRow): Rgba => {
    if (rowKey(ioc.layer, s.props['id']) === scene.selected) return t.rgba('accent');
    return kind === 'lines' ? t.rgba('series', 0.9) : t.rgba('map-line', 0.85);
  };
  const width = (ioc.width ?? (kind === 'lines' ? 2 : 1)) * scene.sizes.k;
  const out: Layer[] = [];
  if (kind === 'areas' && ioc.fill) out.push(fills(scene, spec, ioc, data));
  out.push(
    new PathLayer<PathRow>({
      id: spec.id,
      data: paths,
      getPath: (d) => d.path,
      getColor: (d) => color(d.shape),
      getWidth: (d) => (rowKey(ioc.layer, d.shape.props['id']) === scene.selected ? 2 * width : width),
      widthUnits: 'pixels',
      jointRounded: true,
      capRounded: true,
      pickable: scene.interactive && kind === 'lines',
      updateTriggers: { getColor: [isDark(scene), scene.selected], getWidth: [scene.selected, width] },
      ...passed(spec),
      ...({ beforeId: scene.beforeId } as object),
    }),
  );
  if (scene.zoom >= (ioc.labelZoom ?? 16)) out.push(shapeLabels(scene, spec, ioc, data, kind));
  return out;
}

function fills(scene: Scene, spec: LayerSpec, ioc: IocKey, data: ParsedTile): Layer {
  interface Fill {
    polygon: LonLat[][];
    shape: ShapeRow;
  }
  const rows = derive(data, 'fills', () => data.areas.flatMap((shape) => shape.polygons.map((polygon): Fill => ({ polygon, shape }))));
  return new SolidPolygonLayer<Fill>({
    id: `${spec.id}-fill`,
    data: rows,
    getPolygon: (d) => d.polygon,
    getFillColor: (d) => {
      const selected = rowKey(ioc.layer, d.shape.props['id']) === scene.selected;
      return scene.tokens.rgba('series', selected ? 0.34 : 0.16);
    },
    extruded: false,
    pickable: false,
    updateTriggers: { getFillColor: [isDark(scene), scene.selected] },
    ...({ beforeId: scene.beforeId } as object),
  });
}

/** One label a shape, on its biggest part in view. */
export function shapeLabels(scene: Scene, spec: LayerSpec, ioc: IocKey, data: ParsedTile, kind: 'areas' | 'lines'): Layer {
  const make = (s: ShapeRow): MarkRow => {
    const text = String(s.props['label'] ?? s.props['name'] ?? '');
    const key = `label|${text}`;
    scene.atlas.put(key, () => draw.label(scene.tokens, scene.sizes, text));
    return { lon: s.at[0], lat: s.at[1], icon: key, src: { ...s.props, lon: s.at[0], lat: s.at[1] }, key: rowKey(ioc.layer, s.props['id']) };
  };
  const shapesOf = derive(data, `best:${kind}`, () => biggest(data[kind]));
  const rows = derive(data, `labels:${spec.id}:${themeKey(scene)}`, () => shapesOf.map(make));
  if (rows.some((r) => !scene.atlas.mapping[r.icon])) shapesOf.forEach(make);
  return iconLayer(scene, `${spec.id}-label`, rows, { pickable: false });
}

/** Of each record its biggest part in view: where the label stands. */
export function biggest(shapes: readonly ShapeRow[]): ShapeRow[] {
  const m = new Map<string, ShapeRow>();
  for (const s of shapes) {
    const id = String(s.props['id']);
    const old = m.get(id);
    if (!old || s.size > old.size) m.set(id, s);
  }
  return [...m.values()];
}
