/** The clock through everything a desk lives through; rows picked for one step; a list whose filter stands in the address. */
import { describe, expect, it } from 'vitest';
import { ServerClock } from '../src/core/clock';
import { due } from '../src/core/format';
import { MOST, pickable, Picked } from '../src/core/picked';
import { parseUrl, UrlStore, writeUrl } from '../src/core/url';
import { item } from './fakes';

describe('clock through skew, sleep and midnight', () => {
  const at = (text: string): number => Date.parse(text);
  const server = '2026-10-03T06:32:08Z';

  for (const minutes of [-10, 10])
    it(`shows the server's countdown on a machine ${minutes} min off`, () => {
      let local = at(server) + minutes * 60_000;
      const clock = new ServerClock('Asia/Shanghai', () => local);
      clock.configure({ now: server });
      const row = { due_at: '2026-10-03T06:37:00Z', due_kind: 'countdown' as const, due_label: null };
      expect(due(row, clock.now(), 'zh', clock.zone())).toMatchObject({ kind: 'soon', value: '5' });
      local += 5 * 60_000;
      clock.sync('2026-10-03T06:37:08Z');
      expect(due(row, clock.now(), 'zh', clock.zone())).toMatchObject({ kind: 'over', value: '1' });
    });

  it('is right at the first tick after an hour of sleep, before anything was heard', () => {
    let local = at(server);
    const clock = new ServerClock('Asia/Shanghai', () => local);
    clock.sync(server);
    let seen = 0;
    clock.onTick((ms) => (seen = ms));
    local += 3_600_000;
    clock.tick();
    clock.stop();
    expect(new Date(seen).toISOString()).toBe('2026-10-03T07:32:08.000Z');
    const row = { due_at: '2026-10-03T07:00:00Z', due_kind: 'countdown' as const, due_label: null };
    expect(due(row, seen, 'zh', clock.zone())).toMatchObject({ kind: 'over', value: '32' });
  });

  it('does not go back to what was said before the sleep and arrives after it', () => {
    let local = at(server);
    const clock = new ServerClock('Asia/Shanghai', () => local);
    clock.sync(server);
    local += 3_600_000;
    for (const s of ['06:32:12', '06:32:16', '06:32:20']) clock.sync(`2026-10-03T${s}Z`);
    expect(new Date(clock.now()).toISOString()).toBe('2026-10-03T07:32:08.000Z');
    local += 4000;
    clock.sync('2026-10-03T07:32:12Z');
    local += 4000;
    clock.sync('2026-10-03T06:32:24Z');
    expect(new Date(clock.now()).toISOString()).toBe('2026-10-03T07:32:16.000Z');
  });

  it('follows a machine whose own clock is set, forwards and backwards, within two beats', () => {
    for (const step of [600_000, -600_000]) {
      let local = at(server);
      let truth = local;
      const clock = new ServerClock('UTC', () => local);
      const pass = (ms: number): void => {
        local += ms;
        truth += ms;
        clock.sync(new Date(truth).toISOString());
      };
      pass(0);
      local += step;
      pass(4000);
      pass(4000);
      expect(clock.now()).toBe(truth);
    }
  });

  it('tells midnight once when it was slept through, in a zone without summer time', () => {
    let local = at('2026-10-03T15:30:00Z');
    const clock = new ServerClock('Asia/Shanghai', () => local);
    const days: string[] = [];
    clock.onDay((d) => days.push(d));
    clock.tick();
    local += 9 * 3_600_000;
    clock.tick();
    clock.tick();
    clock.stop();
    expect(days).toEqual(['2026-10-04']);
    const row = { due_at: '2026-10-03T16:30:00Z', due_kind: 'date' as const, due_label: null };
    expect(due(row, at('2026-10-03T15:30:00Z'), 'zh', 'Asia/Shanghai')).toMatchObject({ kind: 'date', value: '10-04 00:30' });
    expect(due({ ...row, due_kind: 'countdown' }, at('2026-10-03T15:59:30Z'), 'zh', 'Asia/Shanghai')).toMatchObject({ kind: 'left', value: '31' });
  });

  it('counts the hours that a summer-time change takes, not those the wall clock shows', () => {
    const row = { due_at: '2026-03-29T02:00:00Z', due_kind: 'countdown' as const, due_label: null };
    expect(due(row, at('2026-03-29T00:00:00Z'), 'en', 'Europe/Berlin')).toMatchObject({ kind: 'left', value: '2:00' });
  });
});

describe('picked rows', () => {
  const rows = Array.from({ length: 50_000 }, (_, i) => item({ id: i, flow: i % 10 === 9 ? 'incident' : 'grid' }));

  it('takes a stretch there and back, and leaves out what nobody works on', () => {
    const picked = new Picked();
    picked.toggle('case:100');
    picked.toggle('case:5');
    for (const to of ['case:6', 'case:7', 'case:8', 'case:9', 'case:10']) picked.stretch(rows, 'case:5', to);
    expect(picked.list().sort()).toEqual(['case:10', 'case:100', 'case:5', 'case:6', 'case:7', 'case:8']);
    picked.stretch(rows, 'case:9', 'case:6');
    expect(picked.list().sort()).toEqual(['case:100', 'case:5', 'case:6']);
    picked.toggle('case:5');
    expect(picked.has('case:5')).toBe(false);
  });

  it('holds as many as the server takes at once, and costs nothing among fifty thousand', () => {
    const picked = new Picked();
    picked.stretch(rows, 'case:0', 'case:49999');
    expect(picked.size).toBe(MOST);
    expect(picked.toggle('case:40000')).toBe(false);
    const began = performance.now();
    for (let i = 0; i < 1000; i++) {
      picked.toggle('case:0');
      picked.has('case:1');
    }
    expect(performance.now() - began).toBeLessThan(1000);
  });

  it('lets go of what is closed or gone', () => {
    const picked = new Picked();
    let told = 0;
    picked.version.on(() => told++);
    picked.toggle('case:1');
    picked.toggle('case:2');
    picked.keep((k) => k === 'case:2');
    picked.keep(() => true);
    expect([picked.list(), told]).toEqual([['case:2'], 3]);
    expect([item({ id: 1, closed: true }), item({ id: 1, type: 'event' }), item({ id: 1, flow: 'incident' }), item({ id: 1 })].map(pickable)).toEqual([false, false, false, true]);
  });
});

describe('a list whose filter stands in the address', () => {
  it('reads and writes all of it, and leaves out what is usual', () => {
    const search = '?show=overdue&urgency=critical,urgent&flow=grid&topic=river&sort=new&view=12';
    const { list } = parseUrl(search);
    expect(list).toEqual({ show: 'overdue', urgency: ['critical', 'urgent'], flow: ['grid'], topic: ['river'], sort: 'new', saved: '12' });
    expect(writeUrl('', { list })).toBe(search);
    expect(writeUrl(search, { list: { show: 'all', urgency: [], flow: [], topic: [], sort: '', saved: '' } })).toBe('?show=all');
  });

  it('opens a view with its own place when the region changes with it', () => {
    window.history.replaceState(null, '', '/desk/events?region=1&v=1,2,9');
    const url = new UrlStore();
    const { list, region, view } = parseUrl('?show=overdue&region=2&v=3,4,11&view=5');
    url.push({ list, region, sel: '', ...(view ? { view } : {}) });
    expect(url.value).toMatchObject({ region: '2', view: { lon: 3, lat: 4, zoom: 11 }, list: { show: 'overdue', saved: '5' } });
    const other = parseUrl('?show=all&region=3&view=6');
    url.push({ list: other.list, region: other.region, sel: '' });
    expect(url.value.view).toBeNull();
  });
});
