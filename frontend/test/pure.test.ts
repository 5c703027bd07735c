import { describe, expect, it, vi } from 'vitest';
import dueGolden from '../../tests/golden/due.json';
import freshGolden from '../../tests/golden/freshness.json';
import orderGolden from '../../tests/golden/order.json';
import { keepSearch } from '../src/core/actions';
import { ServerClock } from '../src/core/clock';
import { throttle } from '../src/core/emit';
import { due } from '../src/core/format';
import { freshness, tickFresh } from '../src/core/fresh';
import { toggled, visibleLayers } from '../src/core/layers';
import { compare, matches } from '../src/core/order';
import type { Item, LayerEntry } from '../src/core/types';
import { parseUrl, UrlStore, writeUrl } from '../src/core/url';
import { HEAP_LIMIT, isQuiet, reason } from '../src/core/watchdog';
import { sibling } from '../src/core/bundle';
import { item } from './fakes';

describe('shared goldens', () => {
  for (const c of dueGolden.cases)
    for (const lang of ['zh', 'en'] as const)
      it(`due ${lang}: ${c.name}`, () => {
        const d = due(c as unknown as Item, Date.parse(dueGolden.now), lang, dueGolden.zone);
        expect([d.kind, d.label, d.value, d.unit]).toEqual(c[lang]);
      });

  it('freshness', () => {
    const now = Date.parse('2026-10-03T06:32:08Z');
    for (const c of freshGolden.cases) expect(freshness(c.age_s === null ? null : now - c.age_s * 1000, c.interval_s, now), JSON.stringify(c)).toBe(c.state);
  });

  it('order of the work list', () => {
    const rows = [...orderGolden.rows] as unknown as Item[];
    expect(rows.sort(compare).map((r) => r.id)).toEqual(orderGolden.order);
    expect(rows.reverse().sort(compare).map((r) => r.id)).toEqual(orderGolden.order);
  });
});

describe('filters', () => {
  const now = Date.parse('2026-10-03T06:32:08Z');
  it('shows what it says', () => {
    const late = item({ id: 1, due_at: '2026-10-03T06:00:00Z', due_kind: 'countdown' });
    const incident = item({ id: 2, flow: 'incident', level: 3 });
    const closed = item({ id: 3, closed: true });
    expect([late, incident, closed].filter((r) => matches(r, { show: 'overdue' }, now))).toEqual([late]);
    expect([late, incident, closed].filter((r) => matches(r, { show: 'incidents' }, now))).toEqual([incident]);
    expect([late, incident, closed].filter((r) => matches(r, { show: 'cases' }, now))).toEqual([late]);
    expect([late, incident, closed].filter((r) => matches(r, { show: 'closed' }, now))).toEqual([closed]);
    expect([late, incident].filter((r) => matches(r, { urgency: ['urgent'] }, now))).toEqual([]);
    expect([late, incident].filter((r) => matches(r, { flow: ['grid'] }, now))).toEqual([late]);
  });
});

describe('address', () => {
  it('reads and writes region, selection, layers and view, and keeps the rest', () => {
    const s = parseUrl('?region=1234&sel=case:12&layers=camera,case&v=111.98,21.86,9.6&lang=en');
    expect(s).toMatchObject({ region: '1234', sel: 'case:12', layers: ['camera', 'case'], view: { lon: 111.98, lat: 21.86, zoom: 9.6 } });
    expect(writeUrl('?lang=en&theme=light', { region: '12', sel: 'case:1', layers: ['a', 'b'] })).toBe('?lang=en&theme=light&region=12&sel=case:1&layers=a,b');
    expect(writeUrl('?region=12&sel=x', { region: '', sel: '' })).toBe('');
    expect(parseUrl('?layers=').layers).toEqual([]);
    expect(parseUrl('').layers).toBeNull();
  });

  it('refuses a broken view', () => {
    for (const v of ['1,2', 'a,b,c', '1,99,3', '']) expect(parseUrl(`?v=${v}`).view).toBeNull();
  });

  it('makes history for region and selection, none for panning; Back returns', async () => {
    window.history.replaceState(null, '', '/desk?lang=zh');
    const url = new UrlStore();
    const seen: string[] = [];
    url.state.on((s) => seen.push(`${s.region}|${s.sel}`));
    const before = window.history.length;
    url.push({ region: 'A' });
    url.replace({ view: { lon: 1, lat: 2, zoom: 9 } });
    url.push({ sel: 'case:1' });
    expect(window.history.length - before).toBe(2);
    expect(window.location.search).toBe('?lang=zh&region=A&v=1,2,9&sel=case:1');
    window.history.back();
    await vi.waitFor(() => expect(url.value.sel).toBe(''));
    expect(url.value.region).toBe('A');
    url.push({ region: 'B' });
    expect(url.value.view).toBeNull();
  });

  it('carries state to another page', () => {
    expect(keepSearch('/desk/events', '?region=1&sel=case:1&layers=a,b&lang=en')).toBe('?region=1&layers=a,b&lang=en');
    expect(keepSearch('/desk/events?region=2', '?region=1')).toBe('?region=2');
  });
});

describe('clock', () => {
  it('follows the server, whatever the local clock says', () => {
    const clock = new ServerClock('Asia/Shanghai', () => 1000);
    clock.sync('2026-10-03T06:32:08Z');
    expect(new Date(clock.now()).toISOString()).toBe('2026-10-03T06:32:08.000Z');
    expect(clock.today()).toBe('2026-10-03');
  });

  it('tells a new local day once, at the midnight of the centre', () => {
    let local = Date.parse('2026-10-03T15:59:58Z');
    const clock = new ServerClock('Asia/Shanghai', () => local);
    const days: string[] = [];
    clock.onDay((d) => days.push(d));
    clock.tick();
    local += 1000;
    clock.tick();
    expect(days).toEqual([]);
    local += 1000;
    clock.tick();
    local += 1000;
    clock.tick();
    expect(days).toEqual(['2026-10-04']);
    clock.stop();
  });

  it('stands still when fixed', () => {
    const clock = new ServerClock('UTC', () => 5);
    clock.configure({ fixedNow: '2026-10-03T06:32:08Z', now: '2030-01-01T00:00:00Z' });
    clock.sync('2031-01-01T00:00:00Z');
    expect(new Date(clock.now()).toISOString()).toBe('2026-10-03T06:32:08.000Z');
  });

  it('shows UTC and says so for an unknown zone', () => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    expect(new ServerClock('No/Where', () => 0).today()).toBe('1970-01-01');
    expect(error).toHaveBeenCalled();
  });
});

describe('ages', () => {
  it('ticks server markup and its tile', () => {
    document.body.innerHTML =
      '<section class="kpi"><span class="fresh" data-as-of="2026-10-03T06:31:00Z" data-interval-s="60"><svg></svg>x</span><b data-value>97.6</b><i data-last hidden>末次</i></section>';
    const at = (iso: string): HTMLElement => {
      tickFresh(document, Date.parse(iso), 'zh');
      return document.querySelector('.fresh')!;
    };
    expect(at('2026-10-03T06:31:42Z').textContent).toBe('42 秒前');
    expect(document.querySelector('.kpi')!.className).toBe('kpi live');
    expect(at('2026-10-03T06:36:00Z').textContent).toBe('滞后 5 分');
    expect(at('2026-10-03T07:36:00Z').textContent).toBe('已断开');
    expect(document.querySelector('[data-value]')!.textContent).toBe('—');
    expect(document.querySelector<HTMLElement>('[data-last]')!.hidden).toBe(false);
    at('2026-10-03T06:31:42Z');
    expect(document.querySelector('[data-value]')!.textContent).toBe('97.6');
    expect(document.querySelector<HTMLElement>('[data-last]')!.hidden).toBe(true);
  });
});

describe('layers', () => {
  const entries = [
    { key: 'a', visible: true, ok: true },
    { key: 'b', visible: false, ok: true },
    { key: 'c', visible: true, ok: false },
  ] as unknown as LayerEntry[];
  it('lets the address decide, but not over rights', () => {
    expect(visibleLayers(entries, null)).toEqual(['a']);
    expect(visibleLayers(entries, ['b', 'c'])).toEqual(['b']);
    expect(toggled(entries, null, 'b')).toEqual(['a', 'b']);
    expect(toggled(entries, ['a', 'b'], 'a')).toEqual(['b']);
  });
});

describe('watchdog', () => {
  const quiet = { incidents: 0, critical: 0, changedAgoMs: 200_000, conn: 'open' };
  it('reloads only at a quiet moment', () => {
    expect(isQuiet(quiet)).toBe(true);
    expect(isQuiet({ ...quiet, incidents: 1 })).toBe(false);
    expect(isQuiet({ ...quiet, conn: 'lost' }, true)).toBe(false);
    expect(isQuiet({ ...quiet, incidents: 1, changedAgoMs: 6_000 }, true)).toBe(true);
  });
  it('names the reason', () => {
    const s = { bundle: 'a', served: 'a', heap: 0, hour: 12, upHours: 30 };
    expect(reason(s)).toBe('');
    expect(reason({ ...s, served: 'b' })).toBe('version');
    expect(reason({ ...s, heap: HEAP_LIMIT + 1 })).toBe('heap');
    expect(reason({ ...s, hour: 4 })).toBe('night');
    expect(reason({ ...s, hour: 4, upHours: 2 })).toBe('');
  });
});

describe('small things', () => {
  it('throttles but never loses the last call', () => {
    vi.useFakeTimers();
    let n = 0;
    const run = throttle(() => n++, 1000);
    run();
    run();
    run();
    expect(n).toBe(1);
    vi.advanceTimersByTime(1000);
    expect(n).toBe(2);
    vi.advanceTimersByTime(5000);
    expect(n).toBe(2);
    vi.useRealTimers();
  });
  it('finds its sibling files with the fingerprint of its own', () => {
    expect(sibling('http://h/_dash-component-suites/ioc.ui/dist/ioc_ui.v0_1_0m1790.js', 'ioc_map', 'js')).toBe('http://h/_dash-component-suites/ioc.ui/dist/ioc_map.v0_1_0m1790.js');
    expect(sibling('http://h/dist/ioc_ui.js', 'maplibre-gl-worker', 'mjs')).toBe('http://h/dist/maplibre-gl-worker.mjs');
  });
});
