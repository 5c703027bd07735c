/** Looking back: how requests go out, and that frames never pile up. */
import { describe, expect, it } from 'vitest';
import { asked, iso, pageName, pastOf, Player } from '../src/core/past';

const T = '2026-10-03T06:17:00Z';
const here = { href: `http://a/desk?t=${T}`, pathname: '/desk', search: `?t=${T}` };

describe('a page that looks back', () => {
  it('is known by its address', () => {
    expect(pastOf('?t=live')).toBe('');
    expect(pastOf('')).toBe('');
    expect(pastOf('?t=nonsense')).toBe('');
    expect(pastOf('?t=2026-10-03T14:17:00+08:00')).toBe('2026-10-03T14:17:00+08:00');
    expect(iso(Date.parse(T) + 999)).toBe(T);
  });

  it('asks for its moment with every read, and sends nothing else', () => {
    const sent = (url: string, init?: RequestInit): ReturnType<typeof asked> => asked(url, init, T, here);
    const read = sent('/api/v1/live/snapshot?region=1');
    expect(read === 'locked' || read.url).toBe(`http://a/api/v1/live/snapshot?region=1&t=${encodeURIComponent(T)}`);
    expect(read === 'locked' || new Headers(read.init.headers).get('X-Ioc-Replay')).toBe(T);
    expect(sent('/tiles/case/8/1/1.mvt')).toMatchObject({ url: expect.stringContaining('t=') as string });
    for (const method of ['POST', 'put', 'DELETE', 'PATCH']) expect(sent('/api/v1/cases/1/steps/x', { method })).toBe('locked');
    expect(sent('/api/v1/auth/sign-out', { method: 'POST' })).not.toBe('locked');
    const dash = sent('/_p/b2xk/_dash-update-component', { method: 'POST' });
    expect(dash === 'locked' || dash.url).toBe(`/_p/${pageName(`/desk?t=${T}`)}/_dash-update-component`);
    expect(asked('/api/v1/x', { method: 'POST' }, '', here)).toMatchObject({ url: '/api/v1/x' });
    expect(asked('https://b/x', undefined, T, here)).toMatchObject({ url: 'https://b/x' });
  });
});

describe('the player', () => {
  it('shows one frame at a time, however late, and asks for the next one ahead', async () => {
    let at = 0;
    let now = 1e9;
    let open = 0;
    const frames: number[] = [];
    const ahead: number[] = [];
    const timers: (() => void)[] = [];
    const answers: (() => void)[] = [];
    const show = (ms: number): Promise<void> => {
      open++;
      frames.push(ms);
      return new Promise((done) => answers.push(() => { open--; at = ms; done(); }));
    };
    const player = new Player(() => at, show, (ms) => ahead.push(ms), { now: () => now, later: (fn) => timers.push(fn), cancel: () => undefined });
    player.speed = 60;
    player.play();
    player.play();
    expect(open).toBe(1);
    now += 5000;
    answers.shift()!();
    await new Promise((done) => setTimeout(done));
    expect(frames).toEqual([60_000]);
    expect(ahead).toEqual([120_000]);
    timers.pop()!();
    expect(frames).toEqual([60_000, 120_000]);
    expect(open).toBe(1);
    player.pause();
    answers.shift()!();
    await new Promise((done) => setTimeout(done));
    expect(frames).toHaveLength(2);
    expect(player.playing.value).toBe(false);
  });

  it('stops at the present', () => {
    const player = new Player(() => 1e9 - 30_000, () => Promise.reject(new Error('no frame of the future')), () => undefined, { now: () => 1e9, later: () => 0, cancel: () => undefined });
    player.play();
    expect(player.playing.value).toBe(false);
  });
});
