/** Areas of official warnings: filled in their colour while in force, dashed and hollow while they are to come, always with words. */
import type { Layer } from '@deck.gl/core';
import { PathLayer, SolidPolygonLayer } from '@deck.gl/layers';
import { dateTime } from '../core/format';
import { word, type Word } from '../core/words';
import * as draw from './draw';
import type { LonLat, ParsedTile, ShapeRow } from './mvt';
import { biggest, derive, iconLayer, passed, rowKey, themeKey, type MarkRow, type Scene } from './roles';
import type { Rgba } from './tokens';
import type { LayerSpec } from './types';

const WIDTH = 2.2;
const DASH = { on: 11, off: 8 };
const COLOURS = ['red', 'orange', 'yellow', 'blue', 'white'] as const;
const TILE = 512;

interface PathRow {
  path: LonLat[];
  shape: ShapeRow;
}
interface FillRow {
  polygon: LonLat[][];
  shape: ShapeRow;
}

const ahead = (s: ShapeRow): boolean => Number(s.props['ahead'] ?? 0) > 0;
const colourOf = (s: ShapeRow): string => String(s.props['colour'] ?? '');
const keyOf = (s: ShapeRow): string => rowKey('warning', s.props['id']);

/** Opacity of the filled area: seen on the dark map and on the bright one, never hiding what lies under it. */
export function fillAlpha(colour: string, dark: boolean, selected: boolean, toCome: boolean): number {
  if (toCome) return selected ? 0.16 : 0.05;
  // light colours weigh more on a dark map, and a warning of the whole city must not veil it
  const base = dark ? (colour === 'white' ? 0.1 : colour === 'yellow' ? 0.13 : 0.22) : colour === 'white' ? 0.5 : 0.26;
  return Math.min(0.75, base + (selected ? 0.14 : 0));
}

/** A line as pieces of `on` px with `off` px between them at `zoom`, along its whole length. Degrees in and out. */
export function dashes(path: readonly LonLat[], zoom: number, on = DASH.on, off = DASH.off): LonLat[][] {
  const perDegree = (TILE * 2 ** zoom) / 360;
  const out: LonLat[][] = [];
  let drawn = true;
  let left = on;
  let piece: LonLat[] = path[0] ? [path[0]] : [];
  for (let i = 1; i < path.length; i++) {
    let [x, y] = path[i - 1]!;
    const [x1, y1] = path[i]!;
    const squeeze = Math.max(0.2, Math.cos((y * Math.PI) / 180)); // a degree of latitude is longer on the map
    let rest = Math.hypot(x1 - x, (y1 - y) / squeeze) * perDegree;
    while (rest > left) {
      const f = left / rest;
      [x, y] = [x + (x1 - x) * f, y + (y1 - y) * f];
      rest -= left;
      if (drawn) out.push([...piece, [x, y]]);
      drawn = !drawn;
      left = drawn ? on : off;
      piece = [[x, y]];
    }
    left -= rest;
    if (drawn) piece.push([x1, y1]);
  }
  if (drawn && piece.length > 1) out.push(piece);
  return out;
}

export function warnings(scene: Scene, spec: LayerSpec, data: ParsedTile): Layer[] {
  return [areas(scene, spec, data), ...outlines(scene, spec, data), flags(scene, spec, data)];
}

function tint(scene: Scene, s: ShapeRow, alpha?: number): Rgba {
  if (keyOf(s) === scene.selected && alpha === undefined) return scene.tokens.rgba('accent');
  const colour = colourOf(s);
  // white on a bright map is told by a dark outline
  const name = colour === 'white' && !scene.tokens.dark && alpha === undefined ? 'ink-2' : draw.flagColor(colour);
  return scene.tokens.rgba(name, alpha);
}

function areas(scene: Scene, spec: LayerSpec, data: ParsedTile): Layer {
  const rows = derive(data, 'warning:fills', () => data.areas.flatMap((shape) => shape.polygons.map((polygon): FillRow => ({ polygon, shape }))));
  return new SolidPolygonLayer<FillRow>({
    id: `${spec.id}-fill`,
    data: rows,
    getPolygon: (d) => d.polygon,
    getFillColor: (d) => tint(scene, d.shape, fillAlpha(colourOf(d.shape), scene.tokens.dark, keyOf(d.shape) === scene.selected, ahead(d.shape))),
    extruded: false,
    pickable: false,
    updateTriggers: { getFillColor: [scene.tokens.dark, scene.selected] },
    ...({ beforeId: scene.beforeId } as object),
  });
}

/** In force a whole line, to come a dashed one; on a bright map with a darker edge under the light colours. */
function outlines(scene: Scene, spec: LayerSpec, data: ParsedTile): Layer[] {
  const zoom = Math.round(scene.zoom);
  const rows = derive(data, `warning:paths:${zoom}`, () => {
    const pieces = (s: ShapeRow): LonLat[][] => (ahead(s) ? s.paths.flatMap((p) => dashes(p, zoom)) : s.paths);
    return data.areas.flatMap((shape) => pieces(shape).map((path): PathRow => ({ path, shape })));
  });
  const line = (id: string, wider: number, color: (s: ShapeRow) => Rgba): Layer =>
    new PathLayer<PathRow>({
      id,
      data: rows,
      getPath: (d) => d.path,
      getColor: (d) => color(d.shape),
      getWidth: (d) => (WIDTH * (keyOf(d.shape) === scene.selected ? 1.7 : 1) + wider) * scene.sizes.k,
      widthUnits: 'pixels',
      jointRounded: true,
      capRounded: true,
      pickable: false,
      updateTriggers: { getColor: [scene.tokens.dark, scene.selected], getWidth: [scene.selected, scene.sizes.k] },
      ...passed(spec),
      ...({ beforeId: scene.beforeId } as object),
    });
  const edge = line(`${spec.id}-edge`, 2, () => scene.tokens.rgba('map-halo', scene.tokens.dark ? 0.75 : 0.9));
  return [edge, line(spec.id, 0, (s) => tint(scene, s))];
}

/** `暴雨橙色预警`, and for one to come `将于 11-22 18:00 生效`. */
export function wordsOf(s: ShapeRow, scene: Pick<Scene, 'lang' | 'zone'>): { text: string; note: string } {
  const colour = colourOf(s);
  const kind = String((scene.lang === 'en' && s.props['name_en']) || s.props['name'] || '');
  const known = (COLOURS as readonly string[]).includes(colour);
  const text = known ? word('warningOf', scene.lang, { kind, colour: word(`warning.${colour}` as Word, scene.lang) }) : kind;
  const onset = Number(s.props['onset'] ?? 0) * 1000;
  return { text, note: ahead(s) && onset ? word('takesEffect', scene.lang, { at: dateTime(onset, scene.zone) }) : '' };
}

function flags(scene: Scene, spec: LayerSpec, data: ParsedTile): Layer {
  // over the labels and everything that is counted, under events and cases
  const top = { ...scene, beforeId: undefined };
  const zoom = Math.round(scene.zoom * 2) / 2;
  const list = derive(data, `warning:best:${zoom}:${themeKey(scene)}`, () => stacked(biggest(data.areas), zoom, scene.sizes.incident + 8));
  const make = ({ shape, shift }: { shape: ShapeRow; shift: number }): MarkRow => {
    const { text, note } = scene.brief ? { text: '', note: '' } : wordsOf(shape, scene);
    const icon = `flag|${colourOf(shape)}|${ahead(shape)}|${text}|${note}|${shift}`;
    scene.atlas.put(icon, () => draw.flag(scene.tokens, scene.sizes, colourOf(shape), { text, note, ahead: ahead(shape), shift }));
    return { lon: shape.at[0], lat: shape.at[1], icon, src: { ...shape.props, lon: shape.at[0], lat: shape.at[1] }, key: keyOf(shape) };
  };
  const rows = derive(list, 'rows', () => list.map(make));
  if (rows.some((r) => !scene.atlas.mapping[r.icon])) list.forEach(make);
  return iconLayer(top, `${spec.id}-label`, rows, { pickable: false });
}

/** Flags that would lie on each other stand below or above each other, `high` px apart: what is in force first. `shift` in px. */
export function stacked(shapes: readonly ShapeRow[], zoom: number, high: number): { shape: ShapeRow; shift: number }[] {
  const perDegree = (TILE * 2 ** zoom) / 360;
  const placed: [number, number][] = [];
  return [...shapes]
    .sort((a, b) => Number(ahead(a)) - Number(ahead(b)) || COLOURS.indexOf(colourOf(a) as never) - COLOURS.indexOf(colourOf(b) as never))
    .map((shape) => {
      const x = shape.at[0] * perDegree;
      const y = (-shape.at[1] * perDegree) / Math.max(0.2, Math.cos((shape.at[1] * Math.PI) / 180));
      const free = (d: number): boolean => placed.every(([px, py]) => Math.abs(px - x) >= 4.2 * high || Math.abs(py - y - d) >= high - 0.5);
      // the nearest free place below or above its own
      const shift = [0, ...Array.from({ length: 16 }, (_, i) => ((i >> 1) + 1) * (high / 2) * (i % 2 ? -1 : 1))].find(free) ?? 0;
      placed.push([x, y + shift]);
      return { shape, shift: Math.round(shift) };
    });
}
