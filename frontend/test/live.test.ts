import { beforeEach, describe, expect, it } from 'vitest';
import { LiveClient } from '../src/live/client';
import { compare } from '../src/core/order';
import { MAX_ROWS, RecordStore } from '../src/live/store';
import type { Change, Snapshot } from '../src/core/types';
import { FakeSource, FakeWorld, item, settle } from './fakes';

const now = '2026-10-03T06:32:08Z';
const change = (no: number, o: Partial<Change> = {}): Change => ({ v: 1, no, topic: 'case', op: 'upsert', key: `case:${no}`, region_id: 1, at: now, record: item({ id: no }), ...o });

async function started(mode: 'sse' | 'poll' = 'sse', world = new FakeWorld()): Promise<{ world: FakeWorld; live: LiveClient; es: () => FakeSource }> {
  const live = new LiveClient({ region: 'R', mode }, world, new RecordStore((fn) => fn()));
  live.start();
  await settle();
  const es = (): FakeSource => FakeSource.all.at(-1)!;
  return { world, live, es };
}

beforeEach(() => {
  FakeSource.all = [];
});

describe('live client', () => {
  it('asks for the snapshot first and resumes the stream after its number', async () => {
    const { world, live, es } = await started();
    expect(world.asked[0]).toBe('/api/v1/live/snapshot?region=R');
    expect(es().url).toBe('/live?region=R&last=a-10');
    es().emit('hello', { v: 1, epoch: 'a', last_no: 10, now });
    expect(live.conn.value).toBe('open');
  });

  it('applies changes in place and drops what it has seen', async () => {
    const { live, es } = await started();
    es().emit('hello', { epoch: 'a', last_no: 10, now });
    const heard: number[] = [];
    live.onChange((c) => heard.push(c.no));
    es().emit('change', change(11));
    es().emit('change', change(11));
    es().emit('change', change(10));
    es().emit('change', change(14, { record: item({ id: 11, version: 2, title: 'new' }), key: 'case:11' }));
    expect(heard).toEqual([11, 14]);
    expect(live.store.get('case:11')?.title).toBe('new');
  });

  it('keeps the newer version when an older one comes late', async () => {
    const { live, es } = await started();
    es().emit('change', change(11, { key: 'case:1', record: item({ id: 1, version: 5 }) }));
    es().emit('change', change(12, { key: 'case:1', record: item({ id: 1, version: 4, title: 'old' }) }));
    expect(live.store.get('case:1')?.version).toBe(5);
  });

  it('fetches the snapshot again on resync and after a new epoch', async () => {
    const { world, live, es } = await started();
    const reasons: string[] = [];
    live.onResync((r) => reasons.push(r));
    es().emit('hello', { epoch: 'a', last_no: 10, now });
    es().emit('resync', { reason: 'slow' });
    await settle();
    expect(world.asked.filter((u) => u.includes('snapshot'))).toHaveLength(2);
    expect(FakeSource.all[0]!.closed).toBe(true);
    world.snapshot = () => ({ v: 1, feed: { epoch: 'b', last_no: 3 }, now, counts: null as never, rows: [item({ id: 7 })] });
    es().emit('hello', { epoch: 'b', last_no: 3, now });
    await settle();
    expect(es().url).toContain('last=b-3');
    expect(live.store.get('case:7')).toBeDefined();
    expect(reasons).toEqual(['slow', 'epoch']);
    es().emit('change', change(4));
    expect(live.store.get('case:4')).toBeDefined();
  });

  it('drops a stream when the network goes, says so within ten seconds, and is back at once with the network', async () => {
    const { world, live, es } = await started();
    es().emit('hello', { epoch: 'a', last_no: 10, now });
    const first = es();
    const good = world.snapshot;
    world.snapshot = () => 0;
    world.wire(false);
    expect(first.closed).toBe(true);
    await world.pass(5_000);
    expect(live.conn.value).toBe('open');
    await world.pass(5_000);
    expect(live.conn.value).toBe('lost');
    world.snapshot = good;
    world.wire(true);
    await settle();
    es().emit('hello', { epoch: 'a', last_no: 10, now });
    expect([es() === first, live.conn.value]).toEqual([false, 'open']);
    live.stop();
    world.wire(true);
  });

  it('says lost within ten seconds without a beat, replaces the socket and recovers', async () => {
    const { world, live, es } = await started();
    es().emit('hello', { epoch: 'a', last_no: 10, now });
    es().emit('beat', { now, last_no: 10, lag_ms: 3, store: 'ok' });
    world.snapshot = () => 0;
    await world.pass(8_000);
    expect(live.conn.value).toBe('open');
    await world.pass(2_000);
    expect(live.conn.value).toBe('lost');
    world.snapshot = () => ({ v: 1, feed: { epoch: 'a', last_no: 12 }, now, counts: null as never, rows: [] });
    await world.pass(7_000);
    es().emit('hello', { epoch: 'a', last_no: 12, now });
    expect(live.conn.value).toBe('open');
    expect(live.since).toBe(0);
  });

  it('reconnects by itself after an error, with growing waits of at most about five seconds', async () => {
    const { world, es } = await started();
    es().emit('hello', { epoch: 'a', last_no: 10, now });
    world.snapshot = () => 0;
    es().onerror?.();
    await settle();
    await world.pass(20_000);
    const tries = world.asked.filter((u) => u.includes('snapshot')).length - 1;
    expect(tries).toBeGreaterThanOrEqual(4);
    expect(tries).toBeLessThanOrEqual(8);
  });

  it('knows signed out from unreachable', async () => {
    const world = new FakeWorld();
    world.snapshot = () => 401;
    const { live } = await started('sse', world);
    expect(live.conn.value).toBe('signed-out');
    world.snapshot = () => ({ v: 1, feed: { epoch: 'a', last_no: 1 }, now, counts: null as never, rows: [] });
    await world.pass(34_000);
    expect(FakeSource.all).toHaveLength(1);
  });

  it('does not blame the server for its own sleep', async () => {
    const { world, live, es } = await started();
    es().emit('hello', { epoch: 'a', last_no: 10, now });
    world.sleep(7_000);
    await world.pass(1_000);
    expect(live.conn.value).toBe('open');
  });

  it('changes region with a new snapshot and a new stream', async () => {
    const { world, live, es } = await started();
    es().emit('hello', { epoch: 'a', last_no: 10, now });
    live.setRegion('T');
    await settle();
    expect(world.asked.at(-1)).toBe('/api/v1/live/snapshot?region=T');
    expect(es().url).toContain('region=T');
  });

  it('ignores what an old stream still says', async () => {
    const { live, es } = await started();
    const old = es();
    live.setRegion('T');
    await settle();
    old.emit('change', change(99));
    expect(live.store.get('case:99')).toBeUndefined();
  });

  it('polls with an ETag instead of streaming in an embed', async () => {
    const world = new FakeWorld();
    const { live } = await started('poll', world);
    expect(FakeSource.all).toHaveLength(0);
    expect(live.conn.value).toBe('open');
    const before = world.asked.length;
    await world.pass(31_000);
    expect(world.asked.length - before).toBe(2);
  });

  it('asks for counts at most once in two seconds', async () => {
    const { world, es } = await started();
    es().emit('hello', { epoch: 'a', last_no: 10, now });
    for (let i = 0; i < 40; i++) {
      es().emit('change', change(11 + i));
      await world.pass(250);
      es().emit('beat', { now, last_no: 11 + i, lag_ms: 1, store: 'ok' });
    }
    const n = world.asked.filter((u) => u.includes('/counts')).length;
    expect(n).toBeGreaterThanOrEqual(3);
    expect(n).toBeLessThanOrEqual(6);
  });
});

describe('record store', () => {
  it('keeps the object of an unchanged row over a snapshot', () => {
    const store = new RecordStore((fn) => fn());
    const a = item({ id: 1 });
    store.replace([a]);
    store.replace([item({ id: 1 }), item({ id: 2 })]);
    expect(store.get('case:1')).toBe(a);
    store.replace([item({ id: 1, version: 2 })]);
    expect(store.get('case:1')).not.toBe(a);
    expect(store.get('case:2')).toBeUndefined();
  });

  it('stays bounded however long it runs, and keeps incidents', () => {
    const store = new RecordStore((fn) => fn());
    store.apply('case:0', 'upsert', item({ id: 0, flow: 'incident', level: 1 }), 0);
    for (let i = 1; i < MAX_ROWS + 500; i++) store.apply(`case:${i}`, 'upsert', item({ id: i, opened_at: new Date(i * 1000).toISOString() }), 0);
    expect(store.size).toBe(MAX_ROWS);
    expect(store.get('case:0')).toBeDefined();
    expect(store.get(`case:${MAX_ROWS + 499}`)).toBeDefined();
  });

  it('is in order after any changes, as if it were sorted anew', () => {
    const store = new RecordStore((fn) => fn(), 100_000);
    let seed = 7;
    const random = (n: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
    const make = (id: number, version: number) =>
      item({ id, version, urgency: (['routine', 'urgent', 'critical'] as const)[random(3)] ?? 'routine', due_at: random(4) ? new Date(random(1e9) * 1000).toISOString() : null, opened_at: new Date(random(1e9) * 1000).toISOString() });
    store.replace(Array.from({ length: 300 }, (_, i) => make(i, 1)));
    for (let n = 0; n < 200; n++) {
      const id = random(400);
      if (random(5)) store.apply(`case:${id}`, 'upsert', make(id, n + 2), 0);
      else store.apply(`case:${id}`, 'remove', null, 0);
      if (n % 3 === 0) store.add([make(400 + n, 1), make(500 + n, 1)]);
      if (n % 7 === 0) expect(store.sorted()).toEqual(store.all().sort(compare));
    }
    expect(store.sorted()).toEqual(store.all().sort(compare));
    expect(store.size).toBeGreaterThan(300);
  });

  it('lets closed rows go after an hour', () => {
    const store = new RecordStore((fn) => fn());
    store.apply('case:1', 'upsert', item({ id: 1, closed: true }), 0);
    store.apply('case:2', 'upsert', item({ id: 2 }), 3_700_000);
    expect(store.get('case:1')).toBeUndefined();
  });

  it('shows seeded rows but is not loaded before the snapshot', () => {
    const store = new RecordStore((fn) => fn());
    store.seed([item({ id: 1 })]);
    expect(store.size).toBe(1);
    expect(store.loaded).toBe(false);
  });
});

describe('a list longer than its first page', () => {
  const head = (ids: number[], next: string | null): (() => Snapshot) => () => ({ v: 1, feed: { epoch: 'a', last_no: 10 }, now, counts: null as never, rows: ids.map((id) => item({ id })), total: 6, next });
  const keys = (live: LiveClient): number[] => live.store.all().map((r) => r.id).sort((a, b) => a - b);
  const desk = async (world: FakeWorld, whole = true): Promise<LiveClient> => {
    const live = new LiveClient({ region: 'R', mode: 'sse', whole: whole ? Promise.resolve() : null }, world, new RecordStore((fn) => fn()));
    live.start();
    await settle();
    await settle();
    return live;
  };

  it('is fetched to its end on a desk, not on a wall', async () => {
    const world = new FakeWorld();
    world.snapshot = head([6, 5], 'n1');
    world.pages = [{ rows: [item({ id: 4 }), item({ id: 3 })], next: 'n2' }, { rows: [item({ id: 2 }), item({ id: 1 })], next: null }];
    const live = await desk(world);
    expect(keys(live)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(world.asked.filter((u) => u.includes('rows'))).toEqual(['/api/v1/live/rows?region=R&limit=2000&after=n1', '/api/v1/live/rows?region=R&limit=2000&after=n2']);
    const wall = new FakeWorld();
    wall.snapshot = head([6, 5], 'n1');
    expect(keys(await desk(wall, false))).toEqual([5, 6]);
    expect(wall.asked.some((u) => u.includes('rows'))).toBe(false);
  });

  it('stays whole while it is fetched again, and loses only what has really gone', async () => {
    const world = new FakeWorld();
    world.snapshot = head([6, 5], 'n1');
    world.pages = [{ rows: [item({ id: 2 }), item({ id: 1 })], next: null }];
    const live = await desk(world);
    expect(keys(live)).toEqual([1, 2, 5, 6]);
    live.refresh('test'); // its page fails: nothing is thrown away on a guess
    await settle();
    await settle();
    expect(keys(live)).toEqual([1, 2, 5, 6]);
    world.pages = [{ rows: [item({ id: 2 })], next: null }];
    live.refresh('test');
    await settle();
    await settle();
    expect(keys(live)).toEqual([2, 5, 6]);
  });

  it('keeps what the stream said while a page was under way', () => {
    const store = new RecordStore((fn) => fn());
    store.replace([item({ id: 6 })], true);
    store.apply('case:3', 'delete', null, 0);
    store.apply('case:2', 'upsert', item({ id: 2, version: 5 }), 0);
    store.add([item({ id: 3 }), item({ id: 2, version: 4 }), item({ id: 1 })]);
    store.settle(true);
    expect(store.all().map((r) => [r.id, r.version])).toEqual([[6, 1], [2, 5], [1, 1]]);
  });
});
