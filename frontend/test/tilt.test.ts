import type * as maplibregl from 'maplibre-gl';
import { describe, expect, it, vi } from 'vitest';
import { EXTRUSION, extrusion, PITCH, Tilt, tiltSaid } from '../src/map/tilt';

function fakeMap(fails = false): { map: maplibregl.Map; layers: Set<string>; sources: Set<string>; view: { pitch: number; zoom: number; center: [number, number] } } {
  const layers = new Set<string>();
  const sources = new Set<string>();
  const view = { pitch: 0, zoom: 15.3, center: [112, 21.9] as [number, number] };
  const map = {
    getCenter: () => view.center,
    getZoom: () => view.zoom,
    getPitch: () => view.pitch,
    getLayer: (id: string) => (layers.has(id) ? {} : undefined),
    getSource: (id: string) => (sources.has(id) ? {} : undefined),
    addSource: (id: string) => sources.add(id),
    addLayer: (l: { id: string }) => {
      if (fails) throw new Error('no such layer here');
      layers.add(l.id);
    },
    removeLayer: (id: string) => layers.delete(id),
    removeSource: (id: string) => sources.delete(id),
    easeTo: (to: Partial<typeof view>) => Object.assign(view, to),
    on: () => undefined,
    off: () => undefined,
    jumpTo: (to: Partial<typeof view>) => Object.assign(view, to),
  } as unknown as maplibregl.Map;
  return { map, layers, sources, view };
}

const tilt = (map: maplibregl.Map, buildings = true): Tilt =>
  new Tilt({ map: () => map, colour: () => '#888', buildings: () => buildings, region: () => '', beforeId: () => undefined, lean: () => false, jumps: () => true, changed: () => undefined, said: () => undefined });

describe('the tilted map', () => {
  it('keeps place and zoom, raises buildings, and leaves nothing behind', () => {
    const { map, layers, sources, view } = fakeMap();
    const t = tilt(map);
    t.toggle();
    expect(view).toMatchObject({ pitch: PITCH, zoom: 15.3, center: [112, 21.9] });
    expect([...layers]).toEqual([EXTRUSION]);
    layers.clear();
    view.pitch = 0;
    t.again();
    expect([...layers], 'a new style has them again').toEqual([EXTRUSION]);
    expect(view.pitch).toBe(PITCH);
    t.toggle();
    expect(view).toMatchObject({ pitch: 0, zoom: 15.3, center: [112, 21.9] });
    expect([layers.size, sources.size]).toEqual([0, 0]);
  });

  it('is flat where there are no buildings or they cannot be drawn', () => {
    const bare = fakeMap();
    tilt(bare.map, false).toggle();
    expect([bare.view.pitch, bare.layers.size]).toEqual([PITCH, 0]);
    const silent = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const weak = fakeMap(true);
    tilt(weak.map).toggle();
    expect([weak.view.pitch, weak.layers.size]).toEqual([PITCH, 0]);
    silent.mockRestore();
  });

  it('says what is not raised, and why', () => {
    expect(tiltSaid(12, false, true, [])).toEqual(['tiltNear', {}]);
    expect(tiltSaid(15, true, true, [9])).toEqual(['tiltSoft', {}]);
    expect(tiltSaid(17, true, true, [9, null, 0])).toEqual(['tiltKnown', { n: '1', m: '2' }]);
    expect(tiltSaid(17, false, false, [])).toEqual(['tiltFlat', {}]);
    expect(tiltSaid(17, false, true, [])).toEqual(['', {}]);
  });

  it('raises only what has a height', () => {
    expect(extrusion('#fff', true)).toMatchObject({ minzoom: 16, filter: ['>', ['coalesce', ['get', 'hm'], 0], 0] });
  });
});
