import type { StyleSpecification } from 'maplibre-gl';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MapReady } from '../src/map/ready';
import { lighter } from '../src/map/style';

describe('a map becomes complete', () => {
  const frames: (() => void)[] = [];
  const frame = (): void => frames.splice(0).forEach((f) => f());
  beforeEach(() => {
    frames.length = 0;
    vi.stubGlobal('requestAnimationFrame', (f: () => void) => frames.push(f));
    vi.stubGlobal('cancelAnimationFrame', () => frames.splice(0));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });
  const make = (still: boolean) => {
    const waiting: Record<string, boolean | string> = { map: true, tiles: 'camera', frame: false, deck: true };
    const shown: boolean[] = [];
    let done = 0;
    const ready = new MapReady({ still, waiting: () => waiting, show: (v) => shown.push(v), done: () => done++ });
    ready.begin();
    return { ready, waiting, shown, done: () => done };
  };

  it('hidden until everything of the view is there, reported only after a frame was drawn in view', () => {
    const m = make(false);
    frame();
    m.ready.rendered();
    expect(m.shown).toEqual([false]);
    Object.assign(m.waiting, { map: false, tiles: '', deck: false });
    frame();
    expect(m.shown).toEqual([false, true]);
    frame();
    expect(m.done()).toBe(0);
    m.ready.rendered();
    frame();
    expect(m.done()).toBe(1);
  });

  it('is shown in time when the base map never comes, and then still waits for the rest', () => {
    const m = make(false);
    frame();
    vi.advanceTimersByTime(4100);
    expect(m.shown).toEqual([false, true]);
    m.ready.rendered();
    frame();
    expect(m.done()).toBe(0);
  });

  it('a picture for comparison waits for three quiet frames', () => {
    const m = make(true);
    Object.assign(m.waiting, { map: false, tiles: '', deck: false });
    frame();
    m.ready.rendered();
    frame();
    frame();
    expect(m.done()).toBe(0);
    frame();
    expect(m.done()).toBe(1);
  });
});

it('a map drawn by the processor has no blurred lines, no dashes and no smoothed fills', () => {
  const layer = (type: string, id: string, paint: object): object => ({ id, type, source: 'base', paint });
  const layers = [layer('line', 'shore', { 'line-blur': 6 }), layer('line', 'rail', { 'line-width': 1, 'line-dasharray': [3, 2] }), layer('fill', 'land', { 'fill-color': '#123' })];
  const style = { version: 8, sources: {}, layers } as unknown as StyleSpecification;
  expect(lighter(style).layers.map((l) => [l.id, l.paint])).toEqual([
    ['rail', { 'line-width': 1 }],
    ['land', { 'fill-color': '#123', 'fill-antialias': false }],
  ]);
});
