import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ServerClock } from '../src/core/clock';
import { matches } from '../src/core/order';
import type { Item } from '../src/core/types';
import type { LiveClient } from '../src/live/client';
import { Mine } from '../src/live/mine';

const flush = () => vi.advanceTimersByTimeAsync(0);
/** Answers by region, each given when the test says so. */
function server() {
  const asked: { region: string; answer: (keys: string[]) => void }[] = [];
  vi.stubGlobal('fetch', (url: string) => new Promise((resolve) => {
    const region = new URLSearchParams(url.split('?')[1]).get('region') ?? '';
    asked.push({ region, answer: (keys) => resolve({ ok: true, headers: new Headers(), json: async () => ({ keys }) }) });
  }));
  return asked;
}
function booted(region: () => string) {
  const changes = new Set<(c: { topic: string }) => void>();
  const live = { onChange: (fn: never) => void changes.add(fn), onResync: () => undefined } as unknown as LiveClient;
  const mine = new Mine(region);
  const clock = new ServerClock('UTC');
  mine.boot(live, clock, Promise.resolve());
  return { mine, tell: (topic: string) => changes.forEach((fn) => fn({ topic })) };
}

describe('what waits for me', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    document.body.innerHTML = '<button data-show="mine">Mine <i data-mine="1">7</i></button>';
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
    document.body.innerHTML = '';
  });

  it('is what the server says, and its number stands in the tab', async () => {
    const asked = server();
    const { mine } = booted(() => '');
    await flush();
    expect(mine.known).toBe(false);
    asked[0]!.answer(['case:1', 'event:2']);
    await flush();
    expect(mine.rows).toEqual([]);
    expect([...mine.keys.value]).toEqual(['case:1', 'event:2']);
    // what is over is in it only where something of it waits
    const over = { key: 'case:1', closed: true, flow: 'incident' } as Item;
    expect(matches(over, { show: 'mine' }, 0, mine.keys.value)).toBe(false);
    expect(matches({ ...over, awaits: { zh: '复盘待审批', en: 'Review to approve' } }, { show: 'mine' }, 0, mine.keys.value)).toBe(true);
    expect(document.querySelector('[data-mine]')!.textContent).toBe('2');
  });

  it('is asked for again after cases and reports changed, a burst once, other topics never', async () => {
    const asked = server();
    const { tell } = booted(() => '');
    await flush();
    tell('device');
    await vi.advanceTimersByTimeAsync(5000);
    expect(asked.length).toBe(1);
    for (let i = 0; i < 50; i++) tell(i % 2 ? 'case' : 'event');
    await vi.advanceTimersByTimeAsync(5000);
    expect(asked.length).toBe(3); // at once, and once more for what came meanwhile
  });

  it('takes no answer about another region, and none that is older', async () => {
    const asked = server();
    let region = '';
    const { mine } = booted(() => region);
    await flush();
    region = '441702000000';
    asked[0]!.answer(['case:1']);
    await flush();
    expect(mine.known).toBe(false);
    mine.ask();
    await vi.advanceTimersByTimeAsync(2500);
    asked[1]!.answer(['case:2']);
    await flush();
    expect([...mine.keys.value]).toEqual(['case:2']);
  });

  it('is asked for by no page that has no place for it', async () => {
    document.body.innerHTML = '';
    const asked = server();
    booted(() => '');
    await vi.advanceTimersByTimeAsync(5000);
    expect(asked.length).toBe(0);
  });

  it('is a filter like the others, and a stopped clock is not overdue', () => {
    const row = { key: 'case:1', flow: 'grid', urgency: 'urgent', closed: false, due_at: '2026-10-03T06:00:00Z', due_kind: 'countdown' } as Item;
    const now = Date.parse('2026-10-03T07:00:00Z');
    expect(matches(row, { show: 'mine' }, now, new Set(['case:1']))).toBe(true);
    expect(matches(row, { show: 'mine' }, now, new Set())).toBe(false);
    expect(matches({ ...row, closed: true }, { show: 'mine' }, now, new Set(['case:1']))).toBe(false);
    expect(matches({ ...row, urgency: 'routine' }, { show: 'mine', urgency: ['urgent'] }, now, new Set(['case:1']))).toBe(false);
    expect(matches(row, { show: 'overdue' }, now)).toBe(true);
    expect(matches({ ...row, due_kind: 'date' }, { show: 'overdue' }, now)).toBe(false);
  });
});
