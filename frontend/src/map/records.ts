/** Events, cases and incidents on the map: from the live store, completed by the rows of their tiles. */
import type { Layer } from '@deck.gl/core';
import { isIncident } from '../core/order';
import type { Item, Urgency } from '../core/types';
import * as draw from './draw';
import type { ParsedTile, PointRow } from './mvt';
import { derive, iconLayer, type MarkRow, type Scene } from './roles';

export interface Work {
  key: string;
  lon: number;
  lat: number;
  urgency: Urgency;
  /** 1 to 4 of an incident, 0 while nobody has said its level; null: no incident. */
  level: number | null;
  provisional: boolean;
  suspected: boolean;
  title: string;
  icon: string;
  item: Item | null;
}

/** Suspected events are a layer of their own: a suspicion is no fact. */
const SUSPECTED = 'event_suspected';
const layerOf = (item: Item): string => (item.type === 'event' && item.suspected ? SUSPECTED : item.type);

const URGENCIES: Urgency[] = ['routine', 'urgent', 'critical'];

export function fromItem(item: Item): Work | null {
  if (item.closed || item.lon == null || item.lat == null) return null;
  const incident = isIncident(item);
  return { key: item.key, lon: item.lon, lat: item.lat, urgency: item.urgency, level: incident ? (item.level ?? 0) : null, provisional: item.provisional, suspected: layerOf(item) === SUSPECTED, title: item.title, icon: item.icon, item };
}

function fromTile(layer: string, row: PointRow): Work {
  const lv = Number(row['lv'] ?? 0);
  return {
    key: `${layer === SUSPECTED ? 'event' : layer}:${String(row['id'])}`,
    lon: row.lon,
    lat: row.lat,
    urgency: URGENCIES[Number(row['u'] ?? 0)] ?? 'routine',
    level: layer === 'case' && row['k'] === 'incident' ? (lv >= 1 && lv <= 4 ? lv : 0) : layer !== 'case' && lv >= 1 && lv <= 4 ? lv : null,
    provisional: Number(row['pv'] ?? 0) > 0,
    suspected: layer === SUSPECTED,
    title: String(row['title'] ?? ''),
    icon: 'pin',
    item: null,
  };
}

/** What a zoom shows: 一般 only from z 14 (design section 7). The selected one is always there. */
export function shownAt(work: Work, zoom: number, selected: string): boolean {
  return zoom >= 14 || work.level !== null || work.urgency !== 'routine' || work.key === selected;
}

/** Marks of the head of the queue are drawn from the store, which is ahead of the tiles; the rest comes with the tiles. */
export const HEAD = 2000;

export function headOf(sorted: readonly Item[], selected: Item | undefined): readonly Item[] {
  const head = sorted.slice(0, HEAD);
  return selected && !head.includes(selected) ? [...head, selected] : head;
}

/** Live rows (in their order) first, then tile rows. One the store knows as closed or moved away stays away. */
export function works(items: readonly Item[], known: (key: string) => Item | undefined, tiles: readonly { layer: string; data: ParsedTile }[], only: ReadonlySet<string>): Work[] {
  const out: Work[] = [];
  const seen = new Set<string>();
  for (const item of items) {
    if (!only.has(layerOf(item))) continue;
    const w = fromItem(item);
    if (w) {
      out.push(w);
      seen.add(w.key);
    }
  }
  for (const { layer, data } of tiles)
    for (const row of data.points) {
      const w = fromTile(layer, row);
      const live = seen.has(w.key) ? null : known(w.key);
      if (seen.has(w.key) || (live && !fromItem(live))) continue;
      seen.add(w.key);
      out.push(w);
    }
  return out;
}

const importance = (w: Work): number => (w.level !== null ? 10 - (w.level || 5) : URGENCIES.indexOf(w.urgency));

export function workLayers(scene: Scene, list: readonly Work[], label: boolean): Layer[] {
  // Above the labels: a name must not cut through the mark of an incident.
  const top = { ...scene, beforeId: undefined };
  const theme = `${scene.tokens.dark}${scene.sizes.text}${scene.lang}`;
  const close = scene.zoom >= 16;
  const middle = scene.zoom >= 14;
  const shown = derive(list, `shown:${middle}:${scene.selected}`, () => list.filter((w) => shownAt(w, scene.zoom, scene.selected)).sort((a, b) => importance(a) - importance(b)));
  const make = (w: Work): MarkRow => ({ lon: w.lon, lat: w.lat, icon: put(scene, w), src: null, key: w.key });
  const rows = derive(shown, `marks:${theme}`, () => shown.map(make));
  if (rows.some((r) => !scene.atlas.mapping[r.icon])) shown.forEach((w) => put(scene, w));
  const out = [iconLayer(top, 'ioc-work', rows)];
  if (!label || !middle) return out;
  const named = (w: Work): (MarkRow & { w: number; h: number })[] => {
    // z 14-15: an incident's kind beside its shape; z >= 16: icon and title of everything.
    if (!close && w.level === null) return [];
    const offset = (w.level !== null ? scene.sizes.incident : w.urgency === 'critical' ? scene.sizes.chip * 3 : scene.sizes.urgent) / 2 + 4;
    const text = close ? w.title : '';
    const key = `title|${w.icon}|${text}|${offset}`;
    scene.atlas.put(key, () => draw.titled(scene.tokens, scene.sizes, { icon: w.icon, text, offset }));
    return [{ lon: w.lon, lat: w.lat, icon: key, src: null, key: w.key, w: scene.atlas.width(key), h: scene.atlas.size(key) }];
  };
  // The most important first; a name that would lie on another is left out until one is closer.
  const step = Math.floor(scene.zoom * 2) / 2;
  const names = derive(shown, `names:${theme}:${close}:${step}`, () => roomy([...shown].reverse().flatMap(named), step));
  if (names.some((r) => !scene.atlas.mapping[r.icon])) shown.forEach(named);
  if (names.length) out.unshift(iconLayer(top, 'ioc-work-name', names, { pickable: false }));
  return out;
}

const pixel = (lon: number, lat: number, zoom: number): [number, number] => {
  const size = 512 * 2 ** zoom;
  const s = Math.sin((lat * Math.PI) / 180);
  return [((lon + 180) / 360) * size, (0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)) * size];
};

/** Rows whose boxes (right of their position) do not overlap one taken before, at the coarsest zoom they are shown. */
export function roomy<T extends { lon: number; lat: number; w: number; h: number }>(rows: readonly T[], zoom: number): T[] {
  const taken: [number, number, number, number][] = [];
  return rows.filter((r) => {
    const [x, y] = pixel(r.lon, r.lat, zoom);
    const free = taken.every(([a, b, w, h]) => x >= a + w || a >= x + r.w || Math.abs(y - b) >= (h + r.h) / 2);
    if (free) taken.push([x, y, r.w, r.h]);
    return free;
  });
}

function put(scene: Scene, w: Work): string {
  const { atlas, tokens, sizes, lang } = scene;
  if (w.level !== null) return atlas.put(`lv|${w.level}|${w.provisional}`, () => draw.level(tokens, sizes, w.level ?? 0, w.provisional));
  return atlas.put(`ug|${w.urgency}|${w.suspected}`, () => draw.urgency(tokens, sizes, w.urgency, lang, w.suspected));
}
