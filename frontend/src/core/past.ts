/**
 * A page that looks back: `t=` of its address. Everything it asks the server for carries the moment, and nothing it could do
 * leaves the page (docs/replay.md). The wire is patched once, so that no component can forget it.
 */
import { Signal } from './emit';

/** A page's past moment as its address has it; "" is live. */
export function pastOf(search: string): string {
  const t = (new URLSearchParams(search).get('t') ?? '').trim().replace(' ', '+');
  return t === 'live' || !Number.isFinite(Date.parse(t)) ? '' : t;
}

/** ISO 8601 to the second, UTC: one spelling a second, so that frames are found again. */
export function iso(ms: number): string {
  return new Date(Math.floor(ms / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}

const OWN = ['/api/v1/replay/', '/api/v1/auth/'];
const SAFE = new Set(['GET', 'HEAD']);

export function pageName(path: string): string {
  const bytes = new TextEncoder().encode(path);
  let text = '';
  for (const b of bytes) text += String.fromCharCode(b);
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

export type Ask = { url: string; init: RequestInit } | 'locked';

/** How a request of a page at `here` goes out while it shows `t`. Pure. */
export function asked(input: string, init: RequestInit | undefined, t: string, here: { href: string; pathname: string; search: string }): Ask {
  const url = new URL(input, here.href);
  const own = OWN.some((p) => url.pathname.startsWith(p));
  if (!t || url.origin !== new URL(here.href).origin) return { url: input, init: init ?? {} };
  const headers = new Headers(init?.headers);
  headers.set('X-Ioc-Replay', t);
  const safe = SAFE.has((init?.method ?? 'GET').toUpperCase());
  if (url.pathname.startsWith('/_p/')) {
    // Panels of Python: the call belongs to the page as it is now, not as it was opened.
    const rest = url.pathname.slice(4).replace(/^[^/]*/, '');
    return { url: `/_p/${pageName(here.pathname + here.search)}${rest}${url.search}`, init: { ...init, headers } };
  }
  if (!safe && url.pathname.startsWith('/api/') && !own) return 'locked';
  if (safe && !own && /^\/(api|tiles)\//.test(url.pathname)) url.searchParams.set('t', t);
  return { url: url.href, init: { ...init, headers } };
}

let real: typeof fetch | null = null;

/** The browser's own fetch. */
export const plainFetch: typeof fetch = (input, init) => (real ?? window.fetch)(input, init);

export function patchFetch(win: Window & typeof globalThis = window): void {
  if (real) return;
  real = win.fetch.bind(win);
  const send = real;
  win.fetch = (input, init) => {
    const t = pastOf(win.location.search);
    if (!t || input instanceof Request) return send(input, init);
    const ask = asked(String(input), init, t, win.location);
    if (ask !== 'locked') return send(ask.url, ask.init);
    win.dispatchEvent(new CustomEvent('ioc:locked'));
    const said = { error: 'past_locked', zh: '回溯中操作已锁定', en: 'Locked while looking back' };
    return Promise.resolve(new Response(JSON.stringify(said), { status: 423, headers: { 'Content-Type': 'application/json' } }));
  };
}

export const SPEEDS = [1, 10, 60, 600] as const;
const WAIT_MS = 8000;

export interface PlayerWorld {
  now: () => number;
  later: (fn: () => void, ms: number) => unknown;
  cancel: (handle: unknown) => void;
}

/**
 * Plays: one frame a second, `speed` seconds further. A frame that is late delays the next one, so that frames never pile up;
 * the one after it is asked for ahead.
 */
export class Player {
  readonly playing = new Signal(false);
  speed: number = 60;
  private timer: unknown = null;

  constructor(
    private readonly at: () => number,
    private readonly show: (ms: number) => Promise<void>,
    private readonly ahead: (ms: number) => void,
    private readonly world: PlayerWorld,
  ) {}

  toggle(): void {
    if (this.playing.value) this.pause();
    else this.play();
  }

  play(): void {
    if (this.playing.value) return;
    this.playing.set(true);
    void this.turn();
  }

  pause(): void {
    this.playing.set(false);
    this.world.cancel(this.timer);
    this.timer = null;
  }

  private async turn(): Promise<void> {
    const next = this.at() + this.speed * 1000;
    if (next > this.world.now() - 1000) return this.pause();
    const began = this.world.now();
    await Promise.race([this.show(next), new Promise<void>((done) => this.world.later(done, WAIT_MS))]);
    if (!this.playing.value) return;
    this.ahead(next + this.speed * 1000);
    this.timer = this.world.later(() => void this.turn(), Math.max(0, 1000 - (this.world.now() - began)));
  }
}
