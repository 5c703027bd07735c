import { GeoJSONVT } from '@maplibre/geojson-vt';
import { describe, expect, it } from 'vitest';
import { Atlas } from '../src/map/atlas';
import { activeSpecs, coverTiles, niceTop, rampStep, tileKey, tileZoom } from '../src/map/bands';
import { resolution, scaleLength, scaleText } from '../src/map/controls';
import { colouredSpecs, hatch } from '../src/map/grids';
import { merge, type Found } from '../src/map/interact';
import { clipRing, innerRuns } from '../src/map/mvt';
import { overlays } from '../src/map/overlays';
import { place } from '../src/map/plates';
import { geographicRows, mercatorLat } from '../src/map/protocols';
import { HEAD, headOf, shownAt, works, type Work } from '../src/map/records';
import { outerRings, regionShape } from '../src/map/region';
import { fontStack, scaled, scaleStyle, withFonts } from '../src/map/style';
import { TileSource } from '../src/map/tiles';
import { parseColor } from '../src/map/tokens';
import type { LayerSpec } from '../src/map/types';
import { item, settle } from './fakes';

const spec = (id: string, layer: string, band: [number, number]): LayerSpec => ({ id, ioc: { layer, band, role: 'marks' } });

describe('zoom bands', () => {
  const specs = [spec('c0', 'camera', [0, 12]), spec('c1', 'camera', [12, 14]), spec('c2', 'camera', [14, 16]), spec('c3', 'camera', [16, 25]), spec('g', 'grid', [14, 25])];
  it('draws exactly one spec of a layer at every zoom', () => {
    for (let z = 0; z < 22; z += 0.1) expect(activeSpecs(specs, new Set(['camera']), z), String(z)).toHaveLength(1);
    expect(activeSpecs(specs, new Set(['camera', 'grid']), 14).map((s) => s.id)).toEqual(['c2', 'g']);
    expect(activeSpecs(specs, new Set(), 10)).toEqual([]);
  });
  it('asks for the tiles of the zoom below, at most z 16', () => {
    expect([9.9, 11.99, 13.2, 19].map((z) => tileZoom('icons', z))).toEqual([9, 11, 13, 16]);
    expect(tileZoom('marks', 15.7)).toBe(14);
  });
  it('covers a view, nearest tiles first', () => {
    const tiles = coverTiles([111.2, 21.4, 112.4, 22.8], 9);
    expect(new Set(tiles.map(tileKey)).size).toBe(tiles.length);
    expect(tiles.length).toBe(6);
    expect(coverTiles([-180, -90, 180, 90], 1)).toHaveLength(4);
  });
  it('puts counts on the ramp, logarithmic and capped', () => {
    expect(rampStep(0, 1, 100, 4)).toBe(0);
    expect(rampStep(1, 1, 100, 4)).toBeCloseTo(0.4);
    expect(rampStep(100, 1, 100, 4)).toBeCloseTo(4.7);
    expect(rampStep(1e6, 1, 100, 4)).toBeCloseTo(4.7);
    expect(rampStep(10, 1, 100, 4)).toBeLessThan(2.7);
    for (let n = 1; n < 100; n++) expect(rampStep(n + 1, 1, 100, 4)).toBeGreaterThan(rampStep(n, 1, 100, 4));
    expect([1, 3, 11, 480, 501, 2100].map(niceTop)).toEqual([1, 3, 15, 500, 600, 3000]);
  });
});

describe('tiles', () => {
  const box: [number, number, number, number] = [0.1, 0.1, 0.2, 0.2];
  it('keeps the old zoom until the new one is complete', async () => {
    const waiting: (() => void)[] = [];
    let changes = 0;
    const source = new TileSource('/t/{z}/{x}/{y}', () => changes++, () => new Promise((r) => waiting.push(() => r({ status: 204, buffer: new ArrayBuffer(0) }))));
    source.view(box, 8);
    expect(source.complete).toBe(false);
    waiting.splice(0).forEach((f) => f());
    await settle();
    expect([source.z, source.complete]).toEqual([8, true]);
    const first = source.data;
    source.view(box, 12);
    expect([source.z, source.complete]).toEqual([8, false]);
    expect(source.data).toBe(first);
    waiting.splice(0).forEach((f) => f());
    await settle();
    expect([source.z, source.complete]).toEqual([12, true]);
    expect(changes).toBeGreaterThanOrEqual(2);
    source.destroy();
  });
  it('refetches what is seen without emptying it', async () => {
    let n = 0;
    const source = new TileSource('/t/{z}/{x}/{y}', () => undefined, async () => ({ status: n++ < 100 ? 204 : 500, buffer: new ArrayBuffer(0) }));
    source.view(box, 9);
    await settle();
    const asked = n;
    const data = source.data;
    source.refresh();
    expect(source.complete).toBe(true);
    expect(source.data).toBe(data);
    await settle();
    expect(n).toBe(asked * 2);
    expect(source.data).not.toBe(data);
    source.destroy();
  });
  it('does not hold the page for a tile that fails', async () => {
    const source = new TileSource('/t/{z}/{x}/{y}', () => undefined, async () => ({ status: 500, buffer: new ArrayBuffer(0) }));
    source.view(box, 9);
    await settle();
    expect([source.complete, source.failing]).toEqual([true, true]);
    source.destroy();
  });
  it('does not draw the cuts at tile edges', () => {
    const ring = [{ x: -64, y: -64 }, { x: 4160, y: -64 }, { x: 2000, y: 2000 }, { x: -64, y: -64 }];
    expect(innerRuns(ring, 4096)).toEqual([[{ x: 4160, y: -64 }, { x: 2000, y: 2000 }, { x: -64, y: -64 }]]);
    const clipped = clipRing([{ x: -64, y: -64 }, { x: 4160, y: -64 }, { x: 4160, y: 4160 }, { x: -64, y: 4160 }], 4096);
    expect(Math.max(...clipped.map((p) => p.x))).toBe(4096);
    expect(Math.min(...clipped.map((p) => p.y))).toBe(0);
  });
  it('reads a real tile', async () => {
    const { fromGeojsonVt } = await import('@maplibre/vt-pbf');
    const { parseTile } = await import('../src/map/mvt');
    const collection = { type: 'FeatureCollection' as const, features: [{ type: 'Feature' as const, properties: { id: 7, name: 'x' }, geometry: { type: 'Point' as const, coordinates: [111.98, 21.86] } }] };
    const tile = new GeoJSONVT(collection, { maxZoom: 16, indexMaxZoom: 16 }).getTile(14, 13288, 7184);
    const at = coverTiles([111.98, 21.86, 111.98, 21.86], 14)[0]!;
    const real = new GeoJSONVT(collection, { maxZoom: 16, indexMaxZoom: 16 }).getTile(14, at.x, at.y);
    expect(tile === null || real !== null).toBe(true);
    const buffer = fromGeojsonVt({ points: real! } as never, { version: 2, extent: 4096 } as never);
    const { points } = parseTile(new Uint8Array(buffer).buffer as ArrayBuffer, at);
    expect(points).toHaveLength(1);
    expect(points[0]!.lon).toBeCloseTo(111.98, 5);
    expect(points[0]!.lat).toBeCloseTo(21.86, 5);
    expect(points[0]!['id']).toBe(7);
  });
});

describe('base map', () => {
  it('finds the rows of an EPSG:4490 matrix under a Mercator tile', () => {
    // z 8, tile row 111: latitudes 21.9..23.2; c rows are 1.40625 degrees high from +90.
    const [r0, r1] = geographicRows(111, 8);
    const d = 360 / 2 ** 8;
    expect(90 - r0 * d).toBeGreaterThanOrEqual(mercatorLat(111, 8));
    expect(90 - (r1 + 1) * d).toBeLessThanOrEqual(mercatorLat(112, 8));
    expect(r1 - r0).toBeLessThanOrEqual(2);
  });
  it('writes round scales', () => {
    expect(scaleLength(resolution(22, 9), 96)[0]).toBe(20_000 / 2);
    expect(scaleText(300, 'zh')).toMatch(/^1:\d+ 万$/);
    expect(scaleText(1, 'en')).toBe('1:3,800');
  });
});

describe('style of a wall', () => {
  it('scales outputs and leaves zooms alone', () => {
    expect(scaled(10, 2)).toBe(20);
    expect(scaled(['interpolate', ['linear'], ['zoom'], 8, 10, 12, 14], 2)).toEqual(['interpolate', ['linear'], ['zoom'], 8, 20, 12, 28]);
    expect(scaled(['step', ['zoom'], 10, 12, 14], 2)).toEqual(['step', ['zoom'], 20, 12, 28]);
    expect(scaled(['match', ['get', 'k'], 'a', 1, 'b', 2, 3], 2)).toEqual(['match', ['get', 'k'], 'a', 2, 'b', 4, 6]);
    expect(scaled(['case', ['has', 'x'], 1, 2], 2)).toEqual(['case', ['has', 'x'], 2, 4]);
    expect(scaled(['get', 'size'], 2)).toEqual(['*', 2, ['get', 'size']]);
    const style = { version: 8 as const, sources: {}, layers: [{ id: 'l', type: 'symbol' as const, source: 'x', layout: { 'text-size': 14 }, paint: { 'text-halo-width': 1 } }] };
    const out = scaleStyle(style, 2, 1).layers[0] as (typeof style.layers)[0];
    expect([out.layout['text-size'], out.paint['text-halo-width']]).toEqual([28, 2]);
    expect(scaleStyle(style, 1, 1)).toBe(style);
  });
});

describe('names on the map', () => {
  it('uses fonts the browser can parse, bold by a leading name', () => {
    const family = `"Inter IOC","Microsoft YaHei UI",'思源黑体',sans-serif`;
    expect(fontStack(family, false)).toEqual(['Inter IOC', 'Microsoft YaHei UI', 'sans-serif']);
    expect(fontStack(family, true)[0]).toMatch(/Semibold/);
    const style = { version: 8 as const, sources: {}, layers: [{ id: 'l', type: 'symbol' as const, source: 'x', layout: { 'text-field': 'a', 'text-font': ['sans-serif bold'] } }] };
    expect((withFonts(style, family).layers[0] as (typeof style.layers)[0]).layout['text-font'][0]).toBe('IOC Semibold');
    expect(withFonts({ ...style, glyphs: '/g' }, family).layers).toBe(style.layers);
  });
});

describe('events and cases', () => {
  const work = (o: Partial<Work>): Work => ({ key: 'case:1', lon: 0, lat: 0, urgency: 'routine', level: null, provisional: false, suspected: false, title: '', icon: 'pin', item: null, ...o });
  it('leaves routine marks to z 14', () => {
    expect(shownAt(work({}), 11, '')).toBe(false);
    expect(shownAt(work({}), 14, '')).toBe(true);
    expect(shownAt(work({ urgency: 'urgent' }), 5, '')).toBe(true);
    expect(shownAt(work({ level: 4 }), 5, '')).toBe(true);
    // an incident nobody has given a level is shown as one, without a level it does not have
    expect(shownAt(work({ level: 0 }), 5, '')).toBe(true);
    const bare = item({ id: 7, flow: 'incident', level: null });
    expect(works([bare], () => undefined, [], new Set([bare.type]))[0]?.level).toBe(0);
    expect(shownAt(work({}), 5, 'case:1')).toBe(true);
  });
  it('draws the head of a long queue and what is selected from the store, the rest from tiles', () => {
    const rows = Array.from({ length: HEAD + 5 }, (_, id) => item({ id }));
    const head = headOf(rows, rows[HEAD + 3]);
    expect([head.length, head[HEAD]?.id]).toEqual([HEAD + 1, HEAD + 3]);
    expect(headOf(rows, rows[3])).toHaveLength(HEAD);
    const data = { cells: [], pins: [], areas: [], lines: [], points: [{ id: HEAD + 4, u: 1, lv: 0, lon: 0, lat: 0 }] };
    const list = works(head, (k) => rows.find((r) => r.key === k), [{ layer: 'case', data }], new Set(['case']));
    expect(list[list.length - 1]?.key).toBe(`case:${HEAD + 4}`);
  });
  it('completes live rows from tiles once, and leaves closed ones away', () => {
    const rows = [item({ id: 1 }), item({ id: 2, closed: true })];
    const data = { cells: [], pins: [], areas: [], lines: [], points: [1, 2, 3].map((id) => ({ id, u: 1, lv: 0, lon: 0, lat: 0 })) };
    const list = works(rows, (k) => rows.find((r) => r.key === k), [{ layer: 'case', data }], new Set(['case']));
    expect(list.map((w) => w.key)).toEqual(['case:1', 'case:3']);
    expect(works(rows, () => undefined, [], new Set(['event']))).toEqual([]);
    const doubt = item({ key: 'event:9', type: 'event', id: 9, suspected: true, lon: 112, lat: 21 });
    expect(works([doubt], () => undefined, [], new Set(['event']))).toEqual([]);
    expect(works([doubt], () => undefined, [], new Set(['event_suspected'])).map((w) => w.key)).toEqual(['event:9']);
    const tiled = works([], () => undefined, [{ layer: 'event_suspected', data }], new Set(['event_suspected']));
    expect(tiled.every((w) => w.key.startsWith('event:'))).toBe(true);
  });
});

describe('plates', () => {
  const view = { w: 800, h: 600 };
  const c = (x: number, y: number, must: boolean) => ({ x, y, w: 160, h: 40, r: 14, must });
  it('never drops an incident and drops others without room', () => {
    const crowd = Array.from({ length: 12 }, (_, i) => c(400 + i, 300 + i, i < 4));
    const spots = place(crowd, view, []);
    expect(spots.slice(0, 4).every(Boolean)).toBe(true);
    expect(spots.slice(4).filter((s) => s === null).length).toBeGreaterThan(0);
  });
  it('stays inside the map', () => {
    const [s] = place([c(790, 20, true)], view, []);
    expect(s!.x + s!.w).toBeLessThanOrEqual(800);
  });
  it('stays clear of panels over the map, and keeps an incident whose mark is below one', () => {
    const panel = { x: 12, y: 12, w: 216, h: 500 };
    const hidden = (s: { x: number; y: number; w: number; h: number } | null): boolean => s !== null && s.x < panel.x + panel.w && s.x + s.w > panel.x && s.y < panel.y + panel.h && s.y + s.h > panel.y;
    const list = [c(235, 200, true), c(215, 300, true), c(60, 400, true), c(60, 250, false), c(400, 100, false)];
    const spots = place(list, view, [], [panel]);
    expect(spots.map(hidden)).toEqual(list.map(() => false));
    expect(spots.slice(0, 3).every(Boolean)).toBe(true);
    expect(spots[4]).toEqual(place([list[4]!], view, [])[0]);
  });
  it('finds panels by geometry: beside the map or beside what it stands in, not frames, not what passes', () => {
    document.body.innerHTML = '<main><nav></nav><section><div id="frame"></div><div id="lay"></div><div id="card" data-passing></div><div id="flow"></div><div id="map"></div></section></main>';
    const at = (e: Element | null, [left, top, width, height]: number[], position = 'absolute'): void => {
      (e as HTMLElement).style.position = position;
      e!.getBoundingClientRect = () => ({ left, top, width, height, right: left! + width!, bottom: top! + height! }) as DOMRect;
    };
    const q = (s: string): Element | null => document.querySelector(s);
    at(q('#map'), [100, 50, 800, 600]);
    at(q('#frame'), [100, 50, 800, 600]);
    at(q('#lay'), [112, 62, 216, 300]);
    at(q('#card'), [400, 300, 100, 40]);
    at(q('#flow'), [100, 0, 800, 60], 'static');
    at(q('nav'), [0, 600, 1000, 56], 'fixed');
    expect(overlays(q('#map') as HTMLElement)).toEqual([
      { x: 12, y: 12, w: 216, h: 300 },
      { x: 0, y: 550, w: 800, h: 50 },
    ]);
  });
});

describe('click-through', () => {
  const f = (key: string, geometry: Found['geometry']): Found => ({ key, layer: '', title: key, geometry });
  it('lists points above lines above areas, once each', () => {
    const list = merge([f('device:1', 'point')], [f('region:1', 'polygon'), f('pipe:1', 'line'), f('device:1', 'point'), f('grid:1', 'polygon')]);
    expect(list.map((x) => x.key)).toEqual(['device:1', 'pipe:1', 'region:1', 'grid:1']);
  });
});

describe('region', () => {
  const square = [[[0, 0], [2, 0], [2, 1], [0, 0]]];
  it('takes a geometry, a feature or our own shape', () => {
    for (const body of [{ type: 'Polygon', coordinates: square }, { type: 'Feature', properties: { name: 'n' }, geometry: { type: 'Polygon', coordinates: square } }, { geometry: { type: 'MultiPolygon', coordinates: [square] } }])
      expect(regionShape('1', body)?.bbox).toEqual([0, 0, 2, 1]);
    expect(regionShape('1', {})).toBeNull();
    expect(outerRings({ type: 'Point', coordinates: [0, 0] })).toEqual([]);
  });
});

describe('drawing', () => {
  it('reads the colours of the tokens', () => {
    expect(parseColor('#17212A')).toEqual([23, 33, 42, 255]);
    expect(parseColor('#fff')).toEqual([255, 255, 255, 255]);
    expect(parseColor('rgba(14, 19, 24, .93)')).toEqual([14, 19, 24, 237]);
  });
  it('draws each key once and hands out a new image only then', () => {
    const atlas = new Atlas(2, (w, h) => ({ width: w, height: h, getContext: () => null }) as unknown as HTMLCanvasElement);
    let drawn = 0;
    const put = (k: string): string => atlas.put(k, () => (drawn++, { width: 20, height: 10, draw: () => undefined }));
    put('a');
    put('a');
    expect(drawn).toBe(1);
    expect(atlas.commit()).toBe(true);
    const image = atlas.image;
    expect(atlas.commit()).toBe(false);
    put('b');
    atlas.commit();
    expect(atlas.image).not.toBe(image);
    for (let i = 0; i < 4000; i++) put(`k${i}`);
    const boxes = Object.values(atlas.mapping);
    expect(boxes.every((b) => b.x + b.width <= 2048)).toBe(true);
    expect(atlas.size('a')).toBeCloseTo(11);
  });
});

describe('grid cells coloured by a measure', () => {
  const specs: LayerSpec[] = [
    { id: 'grid_cell-areas-14', data: '/a', ioc: { layer: 'grid_cell', role: 'areas', band: [14, 25] } },
    { id: 'grid_cell-coloured', data: '/t?by={by}', ioc: { layer: 'grid_cell', role: 'areas', band: [0, 25], coloured: true } },
    { id: 'camera', data: '/c', ioc: { layer: 'camera', role: 'marks' } },
  ];
  it('takes the place of the outlines, and only while a measure is named', () => {
    expect(colouredSpecs(specs, '').map((s) => s.id)).toEqual(['grid_cell-areas-14', 'camera']);
    expect(colouredSpecs(specs, 'events').map((s) => [s.id, s.data])).toEqual([['grid_cell-coloured', '/t?by=events'], ['camera', '/c']]);
  });
  it('hatches inside the ring and outside its holes, on one lattice', () => {
    const square = (a: number, b: number): [number, number][] => [[a, a], [b, a], [b, b], [a, b]];
    const lines = hatch([square(0, 10), square(4, 6)], 1);
    const inside = ([x, y]: [number, number], a: number, b: number): boolean => x > a + 1e-9 && x < b - 1e-9 && y > a + 1e-9 && y < b - 1e-9;
    expect(lines.length).toBeGreaterThan(18);
    for (const [p, q] of lines as [[number, number], [number, number]][]) {
      expect((p[0] + p[1]) % 1).toBeCloseTo(0);
      const middle: [number, number] = [(p[0] + q[0]) / 2, (p[1] + q[1]) / 2];
      expect(inside(middle, 0, 10)).toBe(true);
      expect(inside(middle, 4, 6)).toBe(false);
    }
    expect(hatch([], 1)).toEqual([]);
    expect(hatch([square(0, 1)], 0)).toEqual([]);
  });
});
