/** Frame and bars of a page that looks back, drawn beside whatever the page shows (replay.png). */
import words from '../../../ioc/words/replay.json';
import { iconPath } from '../core/sprite';
import { iso, pastOf, plainFetch, Player, SPEEDS } from '../core/past';
import type { PageContext } from '../core/page';

type Key = keyof typeof words;
const SPANS = [3600, 3 * 3600, 24 * 3600, 30 * 86_400] as const;
const SPAN_NAMES = ['1 h', '3 h', '24 h', '30 d'];
const BARS = 90;
const AHEAD = 0.15;
const LOADED_MS = 8000;

const WEIGHTY = 10; // PageUp and PageDown go as many parts of the line at once

const line24 = (name: string): string => `<svg class="ic" viewBox="0 0 24 24" aria-hidden="true"><path d="${iconPath(name)}"/></svg>`;
const glyph = (path: string): string => `<svg viewBox="0 0 14 14" aria-hidden="true"><path d="${path}"/></svg>`;
const GLYPH = {
  prev: glyph('M2 2h2v10H2zM12 2v10L5 7z'),
  next: glyph('M10 2h2v10h-2zM2 2v10l7-5z'),
  play: glyph('M3 1v12l9-6z'),
  pause: glyph('M3 1h3v12H3zM8 1h3v12H8z'),
  mark: glyph('M3 1h8v12l-4-3-4 3z'),
} as const;

interface Words { zh: string; en: string }
interface Change { field: string; was: unknown; now: unknown; was_said?: Words; now_said?: Words }
interface Corrections { total: number; late: number; rows: { key: string; title: string; at: string; changes: Change[] }[] }

export class ReplayBar {
  private readonly top = document.createElement('div');
  private readonly foot = document.createElement('div');
  private readonly player: Player;
  private span = 1;
  private window: [number, number] = [0, 0];
  private marks: number[] = [];
  private asked = 0;
  private dragging = false;

  constructor(private readonly page: PageContext, private at: number) {
    const world = { now: () => this.now(), later: (fn: () => void, ms: number) => setTimeout(fn, ms), cancel: (h: unknown) => clearTimeout(h as number) };
    this.player = new Player(() => this.at, (ms) => this.show(ms), (ms) => this.ahead(ms), world);
    this.marks = (new URLSearchParams(location.search).get('marks') ?? '').split(',').map(Number).filter((n) => n > 1e9).map((n) => n * 1000);
  }

  mount(): void {
    document.body.dataset['past'] = '1';
    this.top.className = 'pastbar';
    this.top.setAttribute('role', 'status');
    this.foot.className = 'rbar';
    document.body.append(this.top, this.foot);
    this.foot.addEventListener('click', (e) => this.clicked(e));
    this.top.addEventListener('click', (e) => this.clicked(e));
    this.top.addEventListener('change', () => this.corrections());
    this.foot.addEventListener('pointerdown', (e) => this.drag(e));
    window.addEventListener('keydown', (e) => this.key(e), true);
    window.addEventListener('ioc:escape', (e) => { e.preventDefault(); this.goLive(); });
    window.addEventListener('ioc:locked', () => this.say(this.word('replay.locked_why')));
    this.player.playing.on(() => this.draw());
    this.place();
    this.draw();
    this.stand();
    this.page.clock.onTick(() => this.stand());
    new ResizeObserver(() => this.stand()).observe(document.body);
    void this.density();
    void this.state();
    void this.count();
    void this.own();
  }

  /** The person's own bookmarks beside those of the address. */
  private async own(): Promise<void> {
    const found = await this.get<{ marks: { mark_id: number; at: string }[] }>('marks');
    for (const m of found?.marks ?? []) this.kept.set(Date.parse(m.at), m.mark_id);
    this.draw();
  }
  /** Moment to the id it is kept under. */
  private readonly kept = new Map<number, number>();

  private everyMark(): number[] {
    return [...new Set([...this.marks, ...this.kept.keys()])].sort((a, b) => a - b);
  }

  /** The bar stands on the page's main part, however many strips are above that. */
  private stand(): void {
    const main = document.querySelector<HTMLElement>('.desk > .main');
    if (main) document.body.style.setProperty('--past-top', `${Math.max(0, main.getBoundingClientRect().top - 50)}px`);
  }

  private now(): number {
    // The page's clock stands at the moment: the present is the browser's, which only draws a mark.
    return Date.now();
  }

  private word(key: Key, values: Record<string, string | number> = {}): string {
    return words[key][this.page.lang].replace(/\{(\w+)\}/g, (_, n: string) => String(values[n] ?? ''));
  }

  // ------------------------------------------------------------ moving

  /** Everything the page shows, for another moment. Resolves when the list has answered. */
  async show(ms: number): Promise<void> {
    const turn = ++this.asked;
    this.at = Math.floor(Math.min(ms, this.now() - 1000) / 1000) * 1000;
    this.address();
    // a page that had nothing to show then was drawn without its parts
    if (document.querySelector('[data-absent]')) return location.reload();
    this.page.clock.configure({ fixedNow: iso(this.at) });
    this.foot.dataset['loading'] = '1';
    if (this.at < this.window[0] || this.at > this.window[1]) { this.place(); void this.density(); }
    this.draw();
    await this.page.live.shown('past', LOADED_MS);
    if (turn !== this.asked) return;
    delete this.foot.dataset['loading'];
    if (!this.player.playing.value) void this.count();
  }

  private address(): void {
    const q = new URLSearchParams(location.search);
    q.set('t', iso(this.at));
    if (this.marks.length) q.set('marks', this.marks.map((m) => m / 1000).join(','));
    else q.delete('marks');
    history.replaceState(history.state, '', `${location.pathname}?${q.toString().replaceAll('%3A', ':').replaceAll('%2C', ',')}`);
  }

  private ahead(ms: number): void {
    if (ms > this.now() - 61_000) return; // not settled: it would be asked for again anyway
    const region = encodeURIComponent(this.page.url.value.region);
    void plainFetch(`/api/v1/live/snapshot?region=${region}&t=${iso(ms)}`, { credentials: 'same-origin', headers: { 'X-Ioc-Replay': iso(ms) } }).catch(() => undefined);
  }

  goLive(): void {
    const q = new URLSearchParams(location.search);
    q.delete('t');
    q.delete('marks');
    location.assign(location.pathname + (q.size ? `?${q.toString()}` : ''));
  }

  private async step(to: 'next' | 'previous'): Promise<void> {
    this.player.pause();
    const found = await this.get<{ at: string | null }>(`step?at=${iso(this.at)}&to=${to}&region=${this.region()}${this.case()}`);
    if (found?.at) await this.show(Date.parse(found.at));
  }

  // ------------------------------------------------------------ asking

  private region(): string {
    return encodeURIComponent(this.page.url.value.region);
  }

  /** A command page steps through its own incident. */
  private case(): string {
    const own = /^\/desk\/command\/(\d+)/.exec(location.pathname)?.[1] ?? /^case:(\d+)$/.exec(this.page.url.value.sel)?.[1];
    return own ? `&case=${own}` : '';
  }

  private async get<T>(path: string): Promise<T | null> {
    try {
      const response = await plainFetch(`/api/v1/replay/${path}`, { credentials: 'same-origin' });
      return response.ok ? ((await response.json()) as T) : null;
    } catch {
      return null; // the bar shows less; the page itself says when nothing answers
    }
  }

  private async density(): Promise<void> {
    const [lo, hi] = this.window;
    const found = await this.get<{ bars: number[]; steps: string[] }>(`density?from=${iso(lo)}&to=${iso(hi)}&bars=${BARS}&region=${this.region()}${this.case()}`);
    if (!found || lo !== this.window[0]) return;
    const most = Math.max(1, ...found.bars);
    const box = this.foot.querySelector('.rb-bars');
    const part = (hi - lo) / found.bars.length;
    if (box) box.innerHTML = found.bars.map((n, i) => `<i style="height:${Math.round((n / most) * 100)}%" title="${this.time(lo + i * part)} · ${n}"></i>`).join('');
    this.steps = found.steps.map((s) => Date.parse(s));
    this.draw();
  }
  /** When something was done on the incident of the page. */
  private steps: number[] = [];

  private async state(): Promise<void> {
    const found = await this.get<{ gaps: { table: string }[] }>(`state?at=${iso(this.at)}`);
    if (found?.gaps.length) this.say(this.word('replay.gaps', { tables: found.gaps.map((g) => g.table).join(', ') }));
  }

  private later: Corrections | null = null;

  private async count(): Promise<void> {
    const at = this.at;
    const found = await this.get<Corrections>(`corrections?at=${iso(at)}&region=${this.region()}`);
    if (at !== this.at) return;
    this.later = found;
    const count = this.top.querySelector('.pb-n');
    if (count) count.textContent = found ? this.word('replay.count', { n: found.total }) : '';
    this.corrections();
  }

  private corrections(): void {
    const on = this.top.querySelector<HTMLInputElement>('input')?.checked ?? false;
    document.querySelector('.pastlist')?.remove();
    if (!on || !this.later) return;
    const list = document.createElement('section');
    list.className = 'pastlist';
    const head = document.createElement('p');
    head.textContent = [this.later.total ? this.word('replay.not_counted') : this.word('replay.none'), this.later.late ? this.word('replay.late', { n: this.later.late }) : ''].filter(Boolean).join(' · ');
    list.append(head);
    for (const row of this.later.rows) {
      const item = document.createElement('p');
      const at = Object.assign(document.createElement('span'), { className: 'num', textContent: this.near(Date.parse(row.at)) });
      const title = Object.assign(document.createElement('b'), { textContent: row.title });
      const what = row.changes.map((c) => `${words[`replay.field.${c.field}` as Key]?.[this.page.lang] ?? c.field} ${this.told(c)}`).join(this.word('replay.field.also'));
      item.append(at, title, what);
      list.append(item);
    }
    document.body.append(list);
  }

  /** `初判 → 已确认`, `移动 320 m`, `— → 09:10:23`. */
  private told(c: Change): string {
    const one = (value: unknown, said: Words | undefined): string => {
      if (said) return said[this.page.lang];
      if (value === null || value === undefined || value === '') return '—';
      const ms = typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) ? Date.parse(value) : Number.NaN;
      return Number.isFinite(ms) ? this.near(ms) : String(value);
    };
    return c.field === 'place' && !c.was_said ? one(c.now, c.now_said) : `${one(c.was, c.was_said)} → ${one(c.now, c.now_said)}`;
  }

  /** Time of day, with the day where it is another than the page's. */
  private near(ms: number): string {
    return this.date(ms) === this.date(this.at) ? this.time(ms) : `${this.date(ms).slice(5)} ${this.time(ms)}`;
  }

  private say(text: string): void {
    const said = this.top.querySelector('.pb-said');
    if (said) said.textContent = text;
  }

  // ------------------------------------------------------------ drawing

  private place(): void {
    const span = SPANS[this.span]! * 1000;
    // Some of what is to come stands right of the moment, so that "now" is seen where it is near.
    const hi = Math.min(this.at + span * (this.now() - this.at < span ? 1 : 0.4), this.now() + span * AHEAD);
    this.window = [hi - span, hi];
  }

  private time(ms: number): string {
    return new Intl.DateTimeFormat('zh-CN', { timeZone: this.page.clock.zone(), hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false }).format(ms);
  }

  private date(ms: number): string {
    const p = Object.fromEntries(new Intl.DateTimeFormat('en-CA', { timeZone: this.page.clock.zone(), year: 'numeric', month: '2-digit', day: '2-digit' }).formatToParts(ms).map((x) => [x.type, x.value]));
    return `${p['year']}-${p['month']}-${p['day']}`;
  }

  private agoText(): string {
    const s = Math.max(0, Math.round((this.now() - this.at) / 1000));
    const [n, unit] = s < 120 ? [s, 'replay.second'] : s < 7200 ? [Math.round(s / 60), 'replay.minute'] : s < 172_800 ? [Math.round(s / 3600), 'replay.hour'] : [Math.round(s / 86_400), 'replay.day'];
    return this.word('replay.ago', { n: n!, unit: this.word(unit as Key) });
  }

  private x(ms: number): number {
    const [lo, hi] = this.window;
    return ((ms - lo) / (hi - lo)) * 100;
  }

  private draw(): void {
    if (!this.top.firstChild) {
      this.top.innerHTML =
        `${line24('history')}<span>${this.word('replay.at')}</span><b class="pb-at num"></b><span class="pb-ago"></span>` +
        `<label><input type="checkbox"> ${this.word('replay.later')} <span class="pb-n num"></span></label><span class="pb-said"></span>` +
        `<span class="pb-lock">${line24('lock')}${this.word('replay.locked')}</span><button type="button" data-rb="live">${this.word('replay.live')} <kbd>Esc</kbd></button>`;
      const kbd = (...keys: string[]): string => keys.map((k) => `<kbd>${k}</kbd>`).join('');
      const hint = (keys: string, text: Key): string => `<span>${keys} ${this.word(text)}</span>`;
      const seg = (name: 'speed' | 'span', items: readonly (string | number)[], tail: string): string =>
        `<span class="rb-seg" role="group" aria-label="${this.word(`replay.${name}`)}">${items.map((v, i) => `<button type="button" data-rb="${name}" data-v="${i}">${v}${tail}</button>`).join('')}</span>`;
      this.foot.innerHTML =
        `<div class="rb-keys"><button type="button" data-rb="prev" title="${this.word('replay.prev')} [">${GLYPH.prev}</button><button type="button" data-rb="play"></button>` +
        `<button type="button" data-rb="next" title="${this.word('replay.next')} ]">${GLYPH.next}</button><button type="button" data-rb="mark">${GLYPH.mark}</button>` +
        `<small>${hint(kbd('[', ']'), 'replay.steps')}${hint(kbd(this.word('replay.space')), 'replay.play')}${hint(kbd('B'), 'replay.mark')}${hint(kbd(',', '.'), 'replay.marks')}</small></div>` +
        `<div class="rb-line" role="slider" tabindex="0" aria-label="${this.word('replay.slider')}"><div class="rb-bars"></div><div class="rb-marks"></div><em class="rb-now"></em><em class="rb-at num"></em><div class="rb-axis num"></div></div>` +
        `<div class="rb-set"><small>${this.word('replay.speed')}</small>${seg('speed', SPEEDS, '×')}${seg('span', SPAN_NAMES, '')}</div>`;
    }
    const q = <T extends Element = HTMLElement>(sel: string, box: HTMLElement = this.foot): T => box.querySelector<T>(sel)!;
    q('.pb-at', this.top).textContent = `${this.date(this.at)} ${this.time(this.at)}`;
    q('.pb-ago', this.top).textContent = this.agoText();
    const play = q('[data-rb=play]');
    play.innerHTML = this.player.playing.value ? GLYPH.pause : GLYPH.play;
    play.setAttribute('aria-pressed', String(this.player.playing.value));
    play.title = this.word(this.player.playing.value ? 'replay.pause' : 'replay.play');
    for (const b of this.foot.querySelectorAll<HTMLElement>('[data-rb=speed]')) b.setAttribute('aria-pressed', String(SPEEDS[Number(b.dataset['v'])] === this.player.speed));
    for (const b of this.foot.querySelectorAll<HTMLElement>('[data-rb=span]')) b.setAttribute('aria-pressed', String(Number(b.dataset['v']) === this.span));
    const here = this.everyMark().includes(this.at);
    const mark = q('[data-rb=mark]');
    mark.setAttribute('aria-pressed', String(here));
    mark.title = `${this.word(here ? 'replay.unmark' : 'replay.mark')} B`;
    mark.setAttribute('aria-label', mark.title);
    const at = q('.rb-at');
    at.style.left = `${this.x(this.at)}%`;
    at.innerHTML = `<b>${this.time(this.at)}</b>`;
    // what had not happened yet at the moment is there, and dim
    const bars = [...this.foot.querySelectorAll<HTMLElement>('.rb-bars i')];
    for (const [i, b] of bars.entries()) b.classList.toggle('ahead', (100 * (i + 0.5)) / bars.length > this.x(this.at));
    const line = q('.rb-line');
    line.setAttribute('aria-valuetext', `${this.date(this.at)} ${this.time(this.at)}`);
    line.setAttribute('aria-valuemin', String(this.window[0] / 1000));
    line.setAttribute('aria-valuemax', String(this.window[1] / 1000));
    line.setAttribute('aria-valuenow', String(this.at / 1000));
    const now = q('.rb-now');
    now.style.left = `${this.x(this.now())}%`;
    now.hidden = this.now() > this.window[1];
    now.textContent = this.word('replay.now');
    const within = (ms: number): boolean => ms >= this.window[0] && ms <= this.window[1];
    const steps = this.steps.filter(within).map((m) => `<i style="left:${this.x(m)}%" title="${this.time(m)}"></i>`);
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset['rb'] === 'goto' && document.activeElement.dataset['v'] : '';
    q('.rb-marks').innerHTML = steps.join('') + this.everyMark().filter(within).map((m) => `<button type="button" data-rb="goto" data-v="${m}" style="left:${this.x(m)}%" title="${this.word('replay.mark')} ${this.time(m)}" aria-label="${this.word('replay.mark')} ${this.time(m)}">${GLYPH.mark}</button>`).join('');
    if (focused) this.foot.querySelector<HTMLElement>(`[data-rb=goto][data-v="${focused}"]`)?.focus();
    const [lo, hi] = this.window;
    q('.rb-axis').innerHTML = [0, 1, 2, 3, 4].map((i) => { const ms = lo + ((hi - lo) * i) / 4; return `<span${Math.abs(this.x(ms) - this.x(this.at)) < 4 ? ' hidden' : ''}>${hi - lo > 2 * 86_400_000 ? this.date(ms).slice(5) : this.time(ms).slice(0, 5)}</span>`; }).join('');
  }

  // ------------------------------------------------------------ hands

  private clicked(e: Event): void {
    const b = (e.target as Element).closest<HTMLElement>('[data-rb]');
    if (!b) return;
    const v = Number(b.dataset['v']);
    const what = b.dataset['rb'];
    if (what === 'live') this.goLive();
    else if (what === 'play') this.player.toggle();
    else if (what === 'prev') void this.step('previous');
    else if (what === 'next') void this.step('next');
    else if (what === 'mark') void this.mark();
    else if (what === 'goto') void this.show(v);
    else if (what === 'speed') { this.player.speed = SPEEDS[v]!; this.draw(); }
    else if (what === 'span') { this.span = v; this.place(); this.draw(); void this.density(); }
  }

  /** Keeps the moment, or lets go of it where it is kept. */
  private async mark(at: number = this.at): Promise<void> {
    const id = this.kept.get(at);
    const off = id !== undefined || this.marks.includes(at);
    this.marks = this.marks.filter((m) => m !== at);
    if (off) this.kept.delete(at);
    else this.marks.push(at);
    this.say(this.word(off ? 'replay.unmarked' : 'replay.marked'));
    this.address();
    this.draw();
    const [method, path] = off ? ['DELETE', `/${id ?? 0}`] : ['POST', ''];
    if (off && id === undefined) return;
    const init: RequestInit = { method, credentials: 'same-origin', headers: { 'Content-Type': 'application/json' } };
    if (!off) init.body = JSON.stringify({ at: iso(at) });
    const answer = await plainFetch(`/api/v1/replay/marks${path}`, init).catch(() => null);
    if (!off && answer?.ok) this.kept.set(at, ((await answer.json()) as { mark_id: number }).mark_id);
  }

  /** The bookmark before or after. */
  private toMark(way: -1 | 1): void {
    const all = this.everyMark().filter((m) => (way < 0 ? m < this.at : m > this.at));
    const to = way < 0 ? all.at(-1) : all[0];
    if (to !== undefined) void this.show(to);
  }

  private pace(way: -1 | 1): void {
    const i = SPEEDS.indexOf(this.player.speed as (typeof SPEEDS)[number]) + way;
    this.player.speed = SPEEDS[Math.min(Math.max(i, 0), SPEEDS.length - 1)]!;
    this.draw();
  }

  private drag(e: PointerEvent): void {
    const line = (e.target as Element).closest<HTMLElement>('.rb-line');
    if (!line || (e.target as Element).closest('button')) return;
    this.player.pause();
    this.dragging = true;
    const to = (x: number): void => {
      const box = line.getBoundingClientRect();
      const [lo, hi] = this.window;
      this.at = Math.min(lo + ((x - box.left) / box.width) * (hi - lo), this.now() - 1000);
      this.draw();
    };
    const move = (m: PointerEvent): void => to(m.clientX);
    const up = (): void => {
      this.dragging = false;
      removeEventListener('pointermove', move);
      void this.show(this.at);
    };
    to(e.clientX);
    addEventListener('pointermove', move);
    addEventListener('pointerup', up, { once: true });
  }

  private key(e: KeyboardEvent): void {
    const t = e.target;
    const box = t instanceof HTMLInputElement && t.type === 'checkbox';
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (t instanceof HTMLElement && !box && (t.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(t.tagName))) return;
    // a button or a box that has the focus takes the space bar itself
    if (e.key === ' ' && (box || t instanceof HTMLButtonElement)) return;
    const onLine = t instanceof Element && t.closest('.rb-line') !== null;
    const small = (this.window[1] - this.window[0]) / BARS;
    if (e.key === '[') void this.step('previous');
    else if (e.key === ']') void this.step('next');
    else if (e.key === ' ') this.player.toggle();
    else if (e.key === 'b' || e.key === 'B') void this.mark();
    else if (e.key === ',' || e.key === '.') this.toMark(e.key === ',' ? -1 : 1);
    else if (e.key === '-' || e.key === '=' || e.key === '+') this.pace(e.key === '-' ? -1 : 1);
    else if (e.key === 'Delete' && t instanceof HTMLElement && t.dataset['rb'] === 'goto') void this.mark(Number(t.dataset['v']));
    else if (onLine && (e.key === 'ArrowLeft' || e.key === 'ArrowDown')) void this.show(this.at - small);
    else if (onLine && (e.key === 'ArrowRight' || e.key === 'ArrowUp')) void this.show(this.at + small);
    else if (onLine && e.key === 'PageDown') void this.show(this.at - WEIGHTY * small);
    else if (onLine && e.key === 'PageUp') void this.show(this.at + WEIGHTY * small);
    else if (onLine && e.key === 'Home') void this.show(this.window[0]);
    else if (onLine && e.key === 'End') void this.show(this.window[1]);
    else return;
    e.preventDefault();
    e.stopPropagation();
  }
}

let bar: ReplayBar | null = null;

/** On a page whose address has a past `t`. */
export function installReplay(page: PageContext): void {
  const t = pastOf(location.search);
  if (!t || bar || page.surface === 'embed') return;
  bar = new ReplayBar(page, Date.parse(t));
  bar.mount();
}
