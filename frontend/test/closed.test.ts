import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ServerClock } from '../src/core/clock';
import { ClosedToday } from '../src/live/closed';
import type { LiveClient } from '../src/live/client';

const settled = (ms = 0): Promise<void> => new Promise((done) => setTimeout(done, ms));

function world() {
  const heard: ((c: { topic: string }) => void)[] = [];
  const ticks: (() => void)[] = [];
  const asked: string[] = [];
  const state = { day: '2026-11-22', region: '', rows: ['case:1'] };
  vi.stubGlobal('fetch', (url: string) => {
    asked.push(url);
    const keys = state.rows;
    return Promise.resolve({ ok: true, json: () => Promise.resolve({ rows: keys.map((key) => ({ key })) }) });
  });
  const live = { onChange: (fn: (c: { topic: string }) => void) => heard.push(fn), onResync: () => 0 } as unknown as LiveClient;
  const clock = { today: () => state.day, onTick: (fn: () => void) => ticks.push(fn) } as unknown as ServerClock;
  const closed = new ClosedToday(() => state.region);
  closed.boot(live, clock);
  return { closed, state, asked, hear: (topic: string) => heard.forEach((fn) => fn({ topic })), tick: () => ticks.forEach((fn) => fn()) };
}

afterEach(() => vi.unstubAllGlobals());

describe('今日办结', () => {
  it('is asked for only while a list shows it, and again after a case has changed', async () => {
    const w = world();
    w.hear('case');
    await settled();
    expect([w.asked.length, w.closed.known]).toEqual([0, false]);
    w.closed.want(true);
    await settled();
    expect(w.closed.rows.value.map((r) => r.key)).toEqual(['case:1']);
    w.state.rows = ['case:2', 'case:1'];
    w.hear('device');
    w.hear('case');
    await settled(2100);
    expect(w.closed.rows.value.map((r) => r.key)).toEqual(['case:2', 'case:1']);
    w.closed.want(false);
    const before = w.asked.length;
    w.hear('case');
    await settled(2100);
    expect(w.asked.length).toBe(before);
  });

  it('begins anew at midnight', async () => {
    const w = world();
    w.closed.want(true);
    await settled();
    w.tick();
    expect(w.asked.length).toBe(1);
    w.state.day = '2026-11-23';
    w.state.rows = [];
    w.tick();
    await settled(2100);
    expect(w.closed.rows.value).toEqual([]);
  });

  it('takes no answer about another region', async () => {
    const w = world();
    w.closed.want(true);
    w.state.region = '441702000000';
    await settled();
    expect(w.closed.known).toBe(false);
    w.closed.want(true);
    await settled();
    expect(w.asked[1]).toContain('441702000000');
    expect(w.closed.known).toBe(true);
  });
});
