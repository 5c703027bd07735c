import { describe, expect, it, vi } from 'vitest';
import { locate, type Device, type Fix } from '../src/phone/locate';
import { blocked, request } from '../src/phone/queue';
import { adds, sketch, stopwatch, unrecorded, walked, type TrackPoint } from '../src/phone/track';
import type { Entry, Warning, WalkPart } from '../src/phone/types';
import { nextChange, standing } from '../src/phone/warn';

const T0 = Date.parse('2026-11-22T01:00:00Z');
const fix = (s: number, north_m = 0, accuracy_m = 6): Fix => ({ at: T0 + s * 1000, lon: 111.15, lat: 21.65 + north_m / 111_195, accuracy_m });

describe('the track of a walk', () => {
  it('is thinned: a step, or a sign of life each minute, never every second, and no wandering on the table', () => {
    expect(adds(undefined, fix(0))).toBe(true);
    expect(adds(fix(0), fix(3, 50))).toBe(false);
    expect(adds(fix(0), fix(6, 12))).toBe(true);
    expect(adds(fix(0), fix(6, 4))).toBe(false);
    expect(adds(fix(0), fix(6, 20, 60))).toBe(false); // within its own inaccuracy
    expect(adds(fix(0), fix(60))).toBe(true);
    expect(adds(fix(0), fix(20, 500, 900))).toBe(false); // a cell tower
  });

  it('a day of it stays within what the server takes', () => {
    let last: TrackPoint | undefined;
    let kept = 0;
    for (let s = 0; s < 24 * 3600; s++) {
      const now = fix(s, s * 1.4);
      if (adds(last, now)) {
        last = now;
        kept++;
      }
    }
    expect(kept).toBeLessThan(20_000);
    expect(kept).toBeGreaterThan(24 * 60);
  });

  it('is as long as the way, coarse points aside', () => {
    const points = [fix(0), fix(10, 100), fix(15, 9000, 800), fix(20, 250)];
    expect(walked(points)).toBeCloseTo(250, 0);
    expect(walked([])).toBe(0);
  });

  it('tells the minutes nobody recorded: at the beginning, between, at the end', () => {
    const points = [fix(600), fix(660), fix(660 + 1200)];
    expect(unrecorded(points, T0, T0 + 1860 * 1000)).toBe(30);
    expect(unrecorded([fix(60)], T0, T0 + 120_000)).toBe(0);
  });

  it('is drawn true to shape inside its box, and not at all without two points', () => {
    expect(sketch([fix(0)], 300, 200)).toBeNull();
    const made = sketch([fix(0), fix(10, 500)], 300, 200)!;
    const [[x0, y0], [x1, y1]] = [made.at(fix(0)), made.at(fix(0, 500))];
    expect(x0).toBeCloseTo(x1);
    expect(y0 - y1).toBeCloseTo(500 / made.metres_px, 0);
    for (const v of [y0, y1]) expect(v >= 0 && v <= 200).toBe(true);
  });

  it('has a clock', () => expect([stopwatch(0), stopwatch(3_661_000), stopwatch(-5)]).toEqual(['0:00:00', '1:01:01', '0:00:00']));
});

describe('the parts of a patrol in the queue', () => {
  const entry = (seq: number, part: WalkPart, state: Entry['state'] = 'waiting', key = 'k'): Entry => ({ id: `${key}${seq}`, seq, login: 'tan', kind: 'walk', title: '', at: '', state, tries: 0, notBefore: 0, photos: [], walk: { key, part, body: { a: 1 } } });

  it('wait for the beginning of their own, and for nothing else', () => {
    const all = [entry(1, 'start'), entry(2, 'track'), entry(3, 'finding', 'refused'), entry(4, 'end'), entry(5, 'track', 'waiting', 'other')];
    expect(blocked(all[0]!, all)).toBeUndefined();
    expect([1, 2, 3].map((i) => blocked(all[i]!, all)?.id)).toEqual(['k1', 'k1', 'k1']);
    expect(blocked(all[4]!, all)).toBeUndefined();
    const begun = [{ ...all[0]!, state: 'sent' as const }, ...all.slice(1)];
    expect(begun.map((e) => blocked(e, begun))).toEqual([undefined, undefined, undefined, undefined, undefined]);
  });

  it('go to the address of the patrol the server made, each under its own key', () => {
    const told = (part: WalkPart, photos: Entry['photos'] = []): [string, unknown] => {
      const [url, init] = request({ ...entry(1, part), photos }, 7);
      expect((init.headers as Record<string, string>)['Idempotency-Key']).toBe('k1');
      return [url, JSON.parse(init.body as string)];
    };
    expect(told('start')).toEqual(['/api/v1/patrols', { a: 1 }]);
    expect(told('track')[0]).toBe('/api/v1/patrols/7/track');
    expect(told('visit')[0]).toBe('/api/v1/patrols/7/visits');
    expect(told('end')[0]).toBe('/api/v1/patrols/7/end');
    expect(told('finding', [{ key: 'p', slot: 'other', blob: null, at: '', sent: '12' }])).toEqual(['/api/v1/patrols/7/findings', { a: 1, photos: [12] }]);
  });
});

describe('the place of a phone', () => {
  type Answer = number | { accuracy: number };
  const device = (answers: Answer[], secure = true): Device & { asked: boolean[] } => {
    const asked: boolean[] = [];
    const getCurrentPosition = (ok: PositionCallback, no: PositionErrorCallback | null | undefined, o?: PositionOptions): void => {
      asked.push(Boolean(o?.enableHighAccuracy));
      const next = answers.shift() ?? 3;
      if (typeof next === 'number') no?.({ code: next } as GeolocationPositionError);
      else ok({ timestamp: T0, coords: { longitude: 111.15, latitude: 21.65, accuracy: next.accuracy } } as GeolocationPosition);
    };
    return { geolocation: { getCurrentPosition }, secure, now: () => T0, asked };
  };

  it('is asked for exactly, then roughly, and a rough one says how rough', async () => {
    const d = device([3, { accuracy: 850 }]);
    const rough = vi.fn();
    const found = await locate(d, null, rough);
    expect(d.asked).toEqual([true, false]);
    expect(rough).toHaveBeenCalledOnce();
    expect(found).toEqual({ fix: { lon: 111.15, lat: 21.65, accuracy_m: 850, at: T0 }, trouble: null, last: null });
  });

  it('refused is not asked again; the last known one is offered with its age, an old one is not', async () => {
    const last: Fix = { lon: 1, lat: 2, accuracy_m: 20, at: T0 - 12 * 60_000 };
    const d = device([1, { accuracy: 5 }]);
    expect(await locate(d, last)).toEqual({ fix: null, trouble: 'denied', last });
    expect(d.asked).toEqual([true]);
    expect((await locate(device([3, 3]), { ...last, at: T0 - 3 * 3_600_000 })).last).toBeNull();
    expect((await locate(device([3, 3]), null)).trouble).toBe('timeout');
    expect((await locate(device([2, 2]), null)).trouble).toBe('unavailable');
  });

  it('never is silently nothing', async () => {
    expect((await locate(device([], false), null)).trouble).toBe('insecure');
    expect((await locate({ geolocation: undefined, secure: true, now: () => T0 }, null)).trouble).toBe('unsupported');
    vi.useFakeTimers();
    const mute = locate({ geolocation: { getCurrentPosition: () => undefined }, secure: true, now: () => T0 }, null);
    await vi.advanceTimersByTimeAsync(60_000);
    vi.useRealTimers();
    expect((await mute).trouble).toBe('timeout');
  });
});

describe('warnings on the phone', () => {
  const w = (key: string, onset: number, expires: number | null, colour: Warning['colour'] = 'orange'): Warning => ({ key, kind: { zh: '暴雨', en: 'Rain' }, colour, area: '', note: '', sender: '', onset_at: new Date(T0 + onset).toISOString(), expires_at: expires === null ? null : new Date(T0 + expires).toISOString() });

  it('what has ended by the clock is gone, what is to come stands last', () => {
    const list = [w('ended', -9, -1), w('soon', 60_000, null, 'red'), w('yellow', -5, null, 'yellow'), w('red', -7, 500, 'red')];
    expect(standing(list, T0).map((s) => [s.warning.key, s.ahead])).toEqual([['red', false], ['yellow', false], ['soon', true]]);
    expect(standing(list, T0 + 60_000).map((s) => [s.warning.key, s.ahead])).toEqual([['soon', false], ['yellow', false]]);
  });

  it('knows when the next one begins or ends', () => {
    const list = [w('a', -5, 900), w('b', 300, null)];
    expect(nextChange(list, T0)).toBe(T0 + 300);
    expect(nextChange(list, T0 + 300)).toBe(T0 + 900);
    expect(nextChange(list, T0 + 900)).toBeNull();
  });
});
