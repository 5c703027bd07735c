import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PageContext } from '../src/core/page';
import { cells, shrink } from '../src/video/grey';
import type { Fault } from '../src/video/player';

interface Made {
  kind: string;
  frames: number;
  destroyed: boolean;
  ended: (why: Fault) => void;
}

const made: Made[] = [];
vi.mock('../src/video/player', () => ({
  playable: (kinds: string[]) => kinds,
  open: (_v: unknown, kind: string, _view: number, _base: unknown, ended: (why: Fault) => void) => {
    const one: Made = { kind, frames: 0, destroyed: false, ended };
    made.push(one);
    return { kind, frames: () => one.frames, destroy: () => (one.destroyed = true) };
  },
}));
vi.mock('../src/video/mux', () => ({ mux: { key: 'k'.repeat(32), start: () => undefined, hear: () => () => undefined } }));

const { backoff, CameraTile } = await import('../src/video/tile');
const { likeness } = await import('../src/video/look');

/** A server of which the test says everything. */
class Server {
  up = true;
  views = 0;
  readonly ended: number[] = [];
  readonly begun: { at: number; kind: string }[] = [];
  looks = 0;
  refused = 0;
  told: Record<string, unknown> = { state: 'verified', code: 'verified', cover: false };
  kinds = ['flv', 'ts', 'hls'];

  readonly fetch = (url: string, init?: RequestInit): Promise<Response> => {
    const answer = (status: number, body: object): Promise<Response> => Promise.resolve(new Response(JSON.stringify(body), { status }));
    const ending = /views\/(\d+)\/end/.exec(url);
    if (ending) return this.ended.push(Number(ending[1])), answer(200, {});
    if (!this.up) return this.refused++, answer(502, { zh: '收流超时', en: 'no stream came', error: 'source_fault' });
    const base = { view_id: this.views, base: '/video/1/x', until: 0, zh: 'z', en: 'e', restart: false, liftable: false, frame_at: null, ptz: null };
    if (url.endsWith('/views')) {
      const { kind } = JSON.parse(String(init?.body)) as { kind: string };
      this.begun.push({ at: Date.now(), kind });
      const camera = { device_id: 7, name: '点位7' };
      return answer(201, { ...base, view_id: ++this.views, state: 'unverified', code: 'starting', cover: true, camera, kinds: this.kinds, mux_kind: kind === 'hls' ? '' : kind, look_every_s: 2 });
    }
    this.looks++;
    return answer(200, { ...base, ...this.told });
  };
}

const page = { lang: 'zh', clock: { now: () => Date.now(), zone: () => 'Asia/Shanghai' } } as unknown as PageContext;
let server: Server;

beforeEach(() => {
  vi.useFakeTimers();
  made.length = 0;
  server = new Server();
  vi.stubGlobal('fetch', server.fetch);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

const pass = (s: number): Promise<unknown> => vi.advanceTimersByTimeAsync(s * 1000);

describe('a pane of a page that looks back', () => {
  it('plays nothing and tells what was known then, anew for every moment', async () => {
    window.history.replaceState({}, '', '/desk/command/1?t=2026-10-03T06:17:00Z');
    let state: object[] = [{ device_id: 7, state: 'lost', code: 'silent', at: '2026-10-03T06:16:00Z', zh: '无新画面', en: 'no new picture' }];
    const asked: string[] = [];
    vi.stubGlobal('fetch', (url: string, init?: RequestInit) => {
      asked.push(`${init?.method ?? 'GET'} ${url}`);
      return Promise.resolve(new Response(JSON.stringify(url.includes('cameras') ? { cameras: [{ device_id: 7, name: '点位7', status: 'online' }] } : { states: state })));
    });
    let again: () => void = () => undefined;
    const looking = { ...page, live: { onResync: (fn: () => void) => ((again = fn), () => undefined) } } as unknown as PageContext;
    const tile = new CameraTile(document.body, 7, { page: looking, surface: 'command' });
    await pass(1);
    expect(tile.el.textContent).toContain('当时 信号中断');
    expect(tile.el.textContent).toContain('14:16:00');
    state = [];
    again();
    await pass(1);
    expect(tile.el.textContent).toContain('当时无人查看');
    expect(asked.every((a) => a.startsWith('GET')), asked.join()).toBe(true);
    expect(document.querySelectorAll('video')).toHaveLength(0);
    tile.close();
    window.history.replaceState({}, '', '/');
  });
});

describe('a pane that fails', () => {
  it('waits twice as long each time, never longer than a minute and a tenth', () => {
    expect([1, 2, 3, 6, 7, 60, 1e9].map((n) => backoff(n, 0.5))).toEqual([1000, 2000, 4000, 32000, 60000, 60000, 60000]);
    expect(backoff(9, 0)).toBe(54_000);
    expect(backoff(9, 1)).toBeCloseTo(66_000);
  });

  it('tries for weeks, holds nothing meanwhile, and comes back within a minute of the platform', async () => {
    server.up = false;
    const tile = new CameraTile(document.body, 7, { page, surface: 'wall' });
    for (const already of [0, 30_000]) {
      // two hours of tries at the beginning, and two after three weeks of them
      tile.tries = Math.max(tile.tries, already);
      const before = server.refused;
      await pass(2 * 3600);
      expect(server.refused - before).toBeGreaterThanOrEqual((2 * 3600) / 66 - 1);
      expect(server.refused - before).toBeLessThanOrEqual((2 * 3600) / 54 + 8);
      expect(vi.getTimerCount(), 'one for the next try, one for the clock in the pane').toBe(2);
      expect(document.querySelectorAll('video').length).toBe(0);
      expect(tile.state).toBe('lost');
    }
    expect(document.querySelector('.cam-cover')!.textContent).toMatch(/重连第 30\d{3} 次/);
    window.dispatchEvent(new Event('online'));
    const asked = server.refused;
    await pass(1);
    expect(server.refused, 'the network is back: tried at once').toBe(asked + 1);
    server.up = true;
    for (let s = 0; s < 67 && !server.views; s++) await pass(1);
    expect(server.views).toBe(1);
    made.at(-1)!.frames = 30;
    await pass(3);
    expect([tile.state, tile.covered]).toEqual(['verified', false]);
    tile.close();
    expect(vi.getTimerCount()).toBe(0);
  }, 60_000);

  it('counts from one again once it was well, ends every view it began, and leaves the pane beside it alone', async () => {
    const tile = new CameraTile(document.body, 7, { page, surface: 'desk' });
    const other = new CameraTile(document.body, 8, { page, surface: 'desk' });
    await pass(0.1);
    const [mine, theirs] = made;
    const live = setInterval(() => made.forEach((m) => !m.destroyed && (m.frames += 15)), 1000);
    await pass(20);
    for (let n = 0; n < 6; n++) {
      made.filter((m) => m !== theirs).at(-1)!.ended('ended');
      await pass(70);
    }
    expect(mine!.destroyed).toBe(true);
    expect(theirs!.destroyed).toBe(false);
    expect(tile.tries).toBe(0);
    expect(server.ended.length).toBe(6);
    expect(made.filter((m) => !m.destroyed).length).toBe(2);
    expect(document.querySelectorAll('video').length).toBe(2);
    clearInterval(live);
    tile.close();
    other.close();
    expect(made.every((m) => m.destroyed)).toBe(true);
  });

  it('asks for another kind of stream when not one picture came, and stays with one that showed some', async () => {
    const tile = new CameraTile(document.body, 7, { page, surface: 'desk' });
    await pass(0.1);
    expect(made.at(-1)!.kind).toBe('flv');
    await pass(25); // nothing comes
    expect(made.at(-1)!.kind).toBe('ts');
    made.at(-1)!.ended('media'); // at once
    await pass(5);
    expect(made.at(-1)!.kind).toBe('hls');
    made.at(-1)!.frames = 20;
    await pass(1);
    made.at(-1)!.ended('ended');
    expect(tile.el.querySelector('.cam-cover')!.textContent).toContain('画面流已结束');
    await pass(10);
    expect(made.at(-1)!.kind).toBe('hls');
    tile.close();
  });

  it('says every fault of a player in the words of the page', async () => {
    for (const [lang, script] of [['zh', /^[^A-Za-z]+$/], ['en', /^[ -~]+$/]] as const) {
      const tile = new CameraTile(document.body, 7, { page: { ...page, lang } as PageContext, surface: 'desk' });
      await pass(0.1);
      for (const why of ['ended', 'network', 'media'] as const) {
        made.at(-1)!.frames = 1;
        await pass(1);
        made.at(-1)!.ended(why);
        const said = [...tile.el.querySelectorAll('.cam-cover span')].map((e) => e.textContent!)[0];
        expect(said).toMatch(script);
        await pass(30);
      }
      tile.close();
    }
  });

  it('goes to a kind the platform offers', async () => {
    server.kinds = ['flv'];
    const tile = new CameraTile(document.body, 7, { page, surface: 'desk', prefer: 'hls' });
    await pass(10);
    expect(server.begun.map((b) => b.kind)[0]).toBe('hls');
    tile.close();
  });
});

describe('what a pane claims', () => {
  it('is verified only as long as the server says so', async () => {
    const tile = new CameraTile(document.body, 7, { page, surface: 'desk' });
    await pass(0.1);
    const live = setInterval(() => made.forEach((m) => (m.frames += 15)), 1000);
    await pass(5);
    expect(tile.state).toBe('verified');
    server.up = false;
    await pass(10);
    expect(tile.state).toBe('unverified');
    expect(document.querySelector<HTMLElement>('.cam-mark')!.hidden).toBe(false);
    server.up = true;
    server.told = { state: 'lost', code: 'frozen', cover: true };
    await pass(3);
    expect([tile.state, tile.covered]).toEqual(['lost', true]);
    expect(await tile.picture()).toBeNull();
    clearInterval(live);
    tile.close();
  });
});

describe('the copy of a picture', () => {
  const W = 704;
  const H = 576;
  const STRIDE = 768;
  const plane = new Uint8Array(STRIDE * H + 64).fill(255);
  for (let y = 0; y < H; y++) for (let x = 0; x < W; x++) plane[64 + y * STRIDE + x] = 16 + Math.round((219 * x) / (W - 1));

  it('is the brightness of the picture and nothing beside it, in the range a JPEG has', () => {
    const grey = shrink(plane, W, H, STRIDE, 64, false);
    expect(grey.length).toBe(176 * 144);
    expect(grey[0]).toBeLessThan(3);
    expect(grey[175]).toBeGreaterThan(252);
    expect(Math.abs(grey[88]! - 127)).toBeLessThan(3);
    expect(shrink(plane, W, H, STRIDE, 64, true)[0]).toBeGreaterThanOrEqual(16);
    expect(likeness(cells(grey), cells(shrink(plane, W, H, STRIDE, 64, false, 2)))).toBeGreaterThan(0.999);
    expect(shrink(new Uint8Array(4 * 4).fill(99), 4, 4, 4, 0, true)).toEqual(new Uint8ClampedArray(176 * 144).fill(99));
  });

  it('has a signature that knows one scene from another and one scene in another light', () => {
    const grey = shrink(plane, W, H, STRIDE, 64, false);
    const darker = grey.map((v) => v * 0.6 + 10);
    const turned = grey.map((_, i) => grey[Math.floor(i / 176) * 176 + 175 - (i % 176)]!);
    const sig = cells(grey);
    expect(sig.length).toBe(256);
    expect(likeness(sig, cells(darker))).toBeGreaterThan(0.99);
    expect(likeness(sig, cells(turned))).toBeLessThan(-0.9);
  });
});
