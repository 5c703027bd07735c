import { describe, expect, it } from 'vitest';
import goldenAlarm from '../../tests/golden/alarm.json';
import goldenGroup from '../../tests/golden/alarm_group.json';
import { decide, MUTE_MAX_MS, NOTHING, REPEAT_MS } from '../src/core/alarm_sound';
import { byUrgency, standing, valueOf, type Alarm, type Flood, type Page, type Row } from '../src/core/alarms';
import { Signal } from '../src/core/emit';
import type { Change, Conn } from '../src/core/types';
import { AlarmFeed, type AlarmWorld } from '../src/live/alarms';
import { paramsOf } from '../src/ui/AlarmRules';
import { settle } from './fakes';

const NOW = Date.parse('2026-10-03T06:32:08Z');
const RANK = { urgent: 0, high: 1, medium: 2, low: 3 } as const;
const alarm = (id: number, o: Partial<Alarm> = {}): Alarm => {
  const priority = o.priority ?? 'urgent';
  return { ...(goldenAlarm.record as unknown as Alarm), key: `alarm:${id}`, id, priority, rank: RANK[priority], raised_at: new Date(NOW).toISOString(), ...o };
};
const flood = (id: number, o: Partial<Flood> = {}): Flood => ({ ...(goldenGroup.record as unknown as Flood), key: `alarm_group:${id}`, id, ...o });

describe('which tone is due', () => {
  it('an urgent alarm sounds at once, is repeated every half minute, and falls silent when acknowledged', () => {
    const rows = [alarm(1)];
    const first = decide(NOTHING, rows, NOW);
    expect(first.tone).toBe('urgent');
    expect(decide(first.heard, rows, NOW + REPEAT_MS - 1).tone).toBeNull();
    expect(decide(first.heard, rows, NOW + REPEAT_MS).tone).toBe('urgent');
    expect(decide(first.heard, [alarm(1, { state: 'acked', sounds: false })], NOW + 10 * REPEAT_MS).tone).toBeNull();
  });

  it('each priority has its own tone: medium once, low never, the loudest first', () => {
    expect(decide(NOTHING, [alarm(1, { priority: 'medium' }), alarm(2, { priority: 'high' })], NOW).tone).toBe('high');
    const medium = decide(NOTHING, [alarm(1, { priority: 'medium' })], NOW);
    expect(medium.tone).toBe('medium');
    expect(decide(medium.heard, [alarm(1, { priority: 'medium' })], NOW + 20 * REPEAT_MS).tone).toBeNull();
    expect(decide(NOTHING, [alarm(1, { priority: 'low' })], NOW).tone).toBeNull();
  });

  it('a PC just awake says once that something urgent stands, and nothing of old medium ones', () => {
    const old = new Date(NOW - 6 * 3_600_000).toISOString();
    const rows = [...Array.from({ length: 40 }, (_, i) => alarm(i + 1, { raised_at: old })), ...Array.from({ length: 40 }, (_, i) => alarm(i + 100, { raised_at: old, priority: 'medium' }))];
    const woke = decide(NOTHING, rows, NOW);
    expect(woke.tone).toBe('urgent');
    const tones = [1, 2, 3, 10, 29].map((s) => decide(woke.heard, rows, NOW + s * 1000).tone);
    expect(tones).toEqual([null, null, null, null, null]);
    expect(decide(NOTHING, rows.slice(40), NOW).tone).toBeNull();
  });

  it('muting stops repeats for two minutes at most; a new urgent alarm sounds all the same', () => {
    const first = decide(NOTHING, [alarm(1)], NOW);
    const until = NOW + MUTE_MAX_MS;
    expect(MUTE_MAX_MS).toBe(120_000);
    expect(decide(first.heard, [alarm(1)], NOW + REPEAT_MS, until).tone).toBeNull();
    expect(decide(first.heard, [alarm(1), alarm(2)], NOW + REPEAT_MS, until).tone).toBe('urgent');
    expect(decide(first.heard, [alarm(1), alarm(2, { priority: 'high' })], NOW + REPEAT_MS, until).tone).toBeNull();
    expect(decide(first.heard, [alarm(1)], until, until).tone).toBe('urgent');
  });

  it('raised again is new, a flood that grows is not', () => {
    const first = decide(NOTHING, [alarm(1, { priority: 'medium' }), flood(1, { priority: 'medium', rank: 2 })], NOW);
    const grown = flood(1, { priority: 'medium', rank: 2, raised_at: new Date(NOW + 1000).toISOString(), count: 9000 });
    expect(decide(first.heard, [grown], NOW + 1000).tone).toBeNull();
    expect(decide(first.heard, [alarm(1, { priority: 'medium', raised_at: new Date(NOW + 1000).toISOString() })], NOW + 1000).tone).toBe('medium');
  });
});

describe('order and words', () => {
  it('gas before floods, unacknowledged before returned before acknowledged, the newest first', () => {
    const later = new Date(NOW + 1000).toISOString();
    const rows: Row[] = [flood(1), alarm(1, { priority: 'high', state: 'acked' }), alarm(2, { priority: 'high', state: 'rtn_unack' }), alarm(3, { priority: 'high', state: 'unack' }), alarm(4, { priority: 'high', state: 'unack', raised_at: later }), alarm(5)];
    expect(rows.sort(byUrgency).map((r) => r.key)).toEqual(['alarm:5', 'alarm:4', 'alarm:3', 'alarm:2', 'alarm:1', 'alarm_group:1']);
  });

  it('a value that stands still is said to be old', () => {
    const at = (s: number): Alarm => alarm(1, { unit: 'm', now: { value: 5.4, at: new Date(NOW - s * 1000).toISOString(), quality: 0, interval_s: 300 } });
    expect(valueOf(at(60), NOW)).toMatchObject({ text: '5.4 m', old: false });
    expect(valueOf(at(1000), NOW).old).toBe(true);
    expect(valueOf(alarm(1, { now: { value: 5.4, at: null, quality: 0, interval_s: 300 } }), NOW).old).toBe(true);
    expect([standing(42_000, 'zh'), standing(300_000, 'zh'), standing(4_020_000, 'zh'), standing(3 * 86_400_000, 'en')]).toEqual(['42 秒', '5 分', '1 小时 7 分', '3 d']);
  });

  it('parameters as written: empty is left out, lists are split, what is no number is named', () => {
    const like = { high: 25, enabled: true, priority: 'high', hours: [] };
    expect(paramsOf({ high: ' 30 ', enabled: 'false', hours: '22:00-06:00, 08:00-09:00', weekdays: '1 2', low: '', priority: 'high' }, like, undefined)).toEqual({
      params: { high: 30, enabled: false, hours: ['22:00-06:00', '08:00-09:00'], weekdays: [1, 2], priority: 'high' },
      bad: [],
    });
    expect(paramsOf({ high: 'viel' }, like, undefined).bad).toEqual(['high']);
  });
});

class Centre implements AlarmWorld {
  ms = NOW;
  pages: (Page | null)[] = [];
  asked: string[] = [];
  hold: Promise<void> | null = null;
  private timers: { at: number; fn: () => void; id: number }[] = [];
  private n = 0;
  fetch = async (url: string): Promise<Response> => {
    this.asked.push(url);
    const page = this.pages.length > 1 ? this.pages.shift() : this.pages[0];
    await this.hold;
    if (!page) throw new TypeError('network');
    return { ok: true, status: 200, json: async () => page } as unknown as Response;
  };
  now = (): number => this.ms;
  later = (fn: () => void, ms: number): number => (this.timers.push({ at: this.ms + ms, fn, id: ++this.n }), this.n);
  cancel = (id: unknown): void => void (this.timers = this.timers.filter((t) => t.id !== id));
  async pass(ms: number): Promise<void> {
    const end = this.ms + ms;
    for (;;) {
      const next = this.timers.sort((a, b) => a.at - b.at)[0];
      if (!next || next.at > end) break;
      this.timers.shift();
      this.ms = Math.max(this.ms, next.at);
      next.fn();
      await settle();
    }
    this.ms = end;
    await settle();
  }
}

function feed(centre: Centre): { alarms: AlarmFeed; change: (c: Partial<Change>) => void; resync: () => void } {
  const changes: ((c: Change) => void)[] = [];
  const resyncs: ((r: string) => void)[] = [];
  const live = { conn: new Signal<Conn>('open'), onChange: (fn: (c: Change) => void) => (changes.push(fn), () => undefined), onResync: (fn: (r: string) => void) => (resyncs.push(fn), () => undefined) };
  const alarms = new AlarmFeed(live as never, () => '', '', centre);
  alarms.start();
  return { alarms, change: (c) => changes.forEach((fn) => fn({ v: 1, no: 1, topic: 'alarm', op: 'change', key: (c.record as Row | undefined)?.key ?? '', region_id: 1, at: '', record: null, ...c })), resync: () => resyncs.forEach((fn) => fn('reconnect')) };
}

const counts = { total: 1, unacked: 1, grouped: 0, stale: 0, by_priority: { urgent: { total: 1, unacked: 1 }, high: { total: 0, unacked: 0 }, medium: { total: 0, unacked: 0 }, low: { total: 0, unacked: 0 } }, held: {} };
const answer = (rows: Row[], next: number | null = null): Page => ({ now: new Date(NOW).toISOString(), rows, total: rows.length, next, counts });
const keys = (f: AlarmFeed): string[] => f.sorted().map((r) => r.key);

describe('the alarms of a page', () => {
  it('follow the stream, and an older record never undoes a newer one', async () => {
    const centre = new Centre();
    centre.pages = [answer([alarm(1)])];
    const { alarms, change } = feed(centre);
    await settle();
    expect(keys(alarms)).toEqual(['alarm:1']);
    change({ record: alarm(2, { version: 3 }) });
    change({ record: alarm(2, { version: 2, state: 'acked' }) });
    expect(alarms.get('alarm:2')?.state).toBe('unack');
    change({ record: alarm(1, { version: 2, hold: { kind: 'shelved', zh: '', en: '', until: null, by: '', reason: '' } }) });
    change({ op: 'remove', key: 'alarm:2' });
    expect(keys(alarms)).toEqual([]);
  });

  it('what the stream tells while pages are fetched is neither lost nor brought back', async () => {
    const centre = new Centre();
    let go = (): void => undefined;
    centre.hold = new Promise((done) => (go = done));
    centre.pages = [answer([alarm(1)])];
    const { alarms, change } = feed(centre);
    change({ record: alarm(7) });
    change({ op: 'remove', key: 'alarm:1', record: alarm(1, { version: 2 }) });
    go();
    await settle();
    expect(keys(alarms)).toEqual(['alarm:7']);
  });

  it('are fetched again after sleep, after a broken line, and until the server answers', async () => {
    const centre = new Centre();
    centre.pages = [answer([alarm(1)])];
    const { alarms, resync } = feed(centre);
    await settle();
    centre.pages = [answer([alarm(2)])];
    centre.ms += 4 * 3_600_000;
    await centre.pass(1100);
    expect(keys(alarms)).toEqual(['alarm:2']);
    centre.pages = [null];
    resync();
    await settle();
    expect(alarms.failing.value).toBeGreaterThan(0);
    expect(keys(alarms)).toEqual(['alarm:2']);
    centre.pages = [answer([alarm(3)])];
    await centre.pass(6000);
    expect(alarms.failing.value).toBe(0);
    expect(keys(alarms)).toEqual(['alarm:3']);
  });

  it('twenty thousand are all there and put in order within a moment', async () => {
    const centre = new Centre();
    const rows = Array.from({ length: 20_000 }, (_, i) => alarm(i + 1, { priority: i % 7 ? 'low' : 'high' }));
    centre.pages = Array.from({ length: 40 }, (_, i) => answer(rows.slice(i * 500, i * 500 + 500), i < 39 ? (i + 1) * 500 : null));
    const { alarms, change } = feed(centre);
    await settle();
    centre.pages = Array.from({ length: 40 }, (_, i) => answer(rows.slice(i * 500, i * 500 + 500), i < 39 ? (i + 1) * 500 : null));
    alarms.wantWhole();
    for (let i = 0; i < 200 && alarms.sorted().length < 20_000; i++) await settle();
    expect(alarms.sorted()).toHaveLength(20_000);
    change({ record: alarm(99_999) });
    const before = performance.now();
    expect(alarms.sorted()[0]?.key).toBe('alarm:99999');
    expect(performance.now() - before).toBeLessThan(1000);
  }, 30_000);
});
