/** 巡查走访: beginning one, the one that is open, what was recorded on it, ending it, and all of mine. */
import { dateTime } from '../core/format';
import { pick } from '../core/types';
import { distance as spoken } from './ahead';
import type { App } from './app';
import { button, h, icon, sheet } from './dom';
import { entryRow, header } from './parts';
import { go } from './steps';
import { sketch, stopwatch, unrecorded, walked, type TrackPoint } from './track';
import type { Cell, Entry, Patrol, Walk, WalkKind } from './types';
import { word, type Word } from './words';

const kindOf = (app: App, kind: WalkKind): string => word(`walk.${kind}` as Word, app.lang);
/** Nothing walked yet is nothing, not a metre. */
const distance = (m: number): string => (m < 1 ? '0 m' : spoken(m));
const cellOf = (w: { cell: Cell }): string => w.cell.name || w.cell.code;
const count = (title: string, n: number, side = ''): HTMLElement => h('div', { class: 'gh' }, h('h2', {}, title, h('b', { class: 'num' }, n)), side ? h('em', {}, side) : null);

// ---------------------------------------------------------------- the bar of the one that is open

/** Over every screen while a patrol is open: what is recorded, and whether it is. */
export function walkBar(app: App): HTMLElement | null {
  const { open } = app.walks;
  if (!open) return null;
  const state = recordingWord(app);
  return h(
    'a',
    { class: `kb${state.bad ? ' bad' : ''}`, href: '#/walk' },
    h('i', { class: 'rec', 'aria-hidden': 'true' }),
    h('b', {}, word('walk.open', app.lang, { kind: kindOf(app, open.kind) })),
    h('span', { class: 'num' }, [stopwatch(app.now() - open.begunAt).slice(0, -3), distance(app.walks.distance)].join(' · ')),
    h('em', { class: 'num ellip' }, state.text),
    icon('chev'),
  );
}

function recordingWord(app: App): { text: string; bad: boolean } {
  const { walks, lang } = app;
  const { fix, recording } = walks;
  if (recording === 'elsewhere') return { text: word('walk.elsewhere', lang), bad: false };
  const waited = fix ? Math.floor((app.now() - fix.at) / 60_000) : 0;
  if (recording === 'denied' || recording === 'insecure' || recording === 'unsupported') return { text: word('walk.waitFix', lang), bad: true };
  if (fix && waited >= 2) return { text: word('walk.noFixSince', lang, { n: waited }), bad: true };
  if (!fix) return { text: word('walk.waitFix', lang), bad: recording !== 'waiting' };
  return { text: `±${fix.accuracy_m} m`, bad: false };
}

// ---------------------------------------------------------------- on the page of my work

export function walkGroup(app: App): HTMLElement[] {
  if (!app.mine) return [];
  const list = all(app);
  const link = h('a', { class: 'r wl', href: '#/walks' }, icon('route', 'k'), h('div', { class: 'ellip' }, h('b', { class: 't' }, word('walk.mine', app.lang)), h('small', { class: 'ellip num' }, list[0] ? line(app, list[0]) : word('walk.none', app.lang))), icon('chev', 'go'));
  return [count(word('walk', app.lang), list.length), ...(app.walks.open ? [] : [starters(app)]), link];
}

function starters(app: App): HTMLElement {
  return h('div', { class: 'st2' }, button('big', word('walk.startInspect', app.lang), 'route', () => void begin(app, 'inspect'), { 'data-start': 'inspect' }), button('big', word('walk.startVisit', app.lang), 'home', () => void begin(app, 'visit'), { 'data-start': 'visit' }));
}

async function begin(app: App, kind: WalkKind): Promise<void> {
  if (app.walks.open) return go('#/walk');
  const cell = await chooseCell(app, kind);
  if (!cell) return;
  await app.walks.start(kind, cell);
  go('#/walk');
}

function chooseCell(app: App, kind: WalkKind): Promise<Cell | null> {
  const { lang } = app;
  let off = (): void => undefined;
  let known: readonly Cell[] = [];
  const asked = sheet<Cell>(`${kindOf(app, kind)} · ${word('walk.chooseCell', lang)}`, lang, (done) => {
    const list = h('div', { class: 'menu' });
    const row = (c: Cell): HTMLElement => h('button', { type: 'button', class: 'mi', 'data-cell': c.grid_cell_id, onclick: () => done(c) }, h('span', { class: 'ellip' }, c.name || c.code), h('small', { class: 'mut ellip num' }, [c.mine ? word('walk.mineCell', lang) : '', pick(c.kind, lang), c.away_m === null ? '' : distance(c.away_m)].filter(Boolean).join(' · ')));
    const draw = (q: string): void => {
      const found = app.cells.filter((c) => !q || `${c.name} ${c.code}`.toLowerCase().includes(q));
      list.replaceChildren(...(found.length ? found.map(row) : [h('p', { class: 'none' }, word(app.cells.length ? 'nothingFound' : 'walk.noCells', lang))]));
    };
    draw('');
    known = app.cells;
    const find = h('input', { type: 'search', class: 'fi', placeholder: word('search', lang), 'aria-label': word('search', lang), oninput: (e: Event) => draw((e.target as HTMLInputElement).value.trim().toLowerCase()) });
    // the list may come while the sheet stands open
    off = app.on(() => { if (app.cells !== known) { known = app.cells; draw(find.value.trim().toLowerCase()); } });
    return [h('p', { class: 'mut hint' }, word('walk.keepOpen', lang)), find, list];
  });
  return asked.finally(() => off());
}

// ---------------------------------------------------------------- the one that is open

/** Made once; its figures are drawn anew every second, the rest when something changes. */
export class WalkView {
  readonly nodes: HTMLElement[];
  private readonly head = h('div', { class: 'ct' });
  private readonly figures = h('div', { class: 'fg' });
  private readonly rest = h('div');
  private readonly foot = h('div', { class: 'fb fit' });
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(private readonly app: App) {
    this.nodes = [this.head, h('section', { class: 'bd', 'data-scroll': 'walk' }, this.figures, this.rest), this.foot];
    this.timer = setInterval(() => this.drawFigures(), 1000);
    this.update();
  }

  update(): void {
    const { app } = this;
    const walk = app.walks.open;
    if (!walk) {
      this.head.replaceChildren(header(app, word('walk', app.lang), { back: '#/' }));
      this.rest.replaceChildren(starters(app), ...lists(app));
      this.figures.replaceChildren();
      this.foot.hidden = true;
      return;
    }
    this.head.replaceChildren(header(app, kindOf(app, walk.kind), { back: '#/', sub: cellOf(walk) }));
    this.drawFigures();
    this.rest.replaceChildren(...this.troubles(), picture(app, app.walks.points, marks(app, walk.key)), ...onWay(app, walk));
    this.buttons(walk);
  }

  private buttons(walk: Walk): void {
    const { lang } = this.app;
    const visit = button(walk.kind === 'visit' ? 'p' : '', word('walk.addVisit', lang), walk.kind === 'visit' ? 'home' : '', () => go(`#/visit/${walk.key}`), { 'data-main': 'visit' });
    const finding = button(walk.kind === 'inspect' ? 'p' : '', word('walk.finding', lang), walk.kind === 'inspect' ? 'plus' : '', () => go(`#/finding/${walk.key}`), { 'data-main': 'finding' });
    const end = button('', word('walk.end', lang), '', () => void finish(this.app, walk), { 'data-main': 'end' });
    this.foot.replaceChildren(end, ...(walk.kind === 'visit' ? [finding, visit] : [visit, finding]));
    this.foot.hidden = false;
  }

  private drawFigures(): void {
    const { app } = this;
    const walk = app.walks.open;
    if (!walk) return;
    const { lang } = app;
    const fix = app.walks.fix;
    const figure = (name: Word, value: string, sub = ''): HTMLElement => h('div', {}, h('small', {}, word(name, lang)), h('b', { class: 'num' }, value), h('em', { class: 'num' }, sub));
    const unsent = app.walks.unsent(walk);
    const gap = unrecorded(app.walks.points, walk.begunAt, app.now());
    this.figures.replaceChildren(
      figure('walk.time', stopwatch(app.now() - walk.begunAt), gap ? word('walk.gap', lang, { n: gap }) : ''),
      figure('walk.distance', distance(app.walks.distance), recordingWord(app).bad ? recordingWord(app).text : fix ? `±${fix.accuracy_m} m` : word('walk.waitFix', lang)),
      figure('walk.points', String(app.walks.points.length), unsent ? word('walk.unsentPoints', lang, { n: unsent }) : ''),
    );
  }

  private troubles(): HTMLElement[] {
    const { app } = this;
    const { recording } = app.walks;
    if (recording === 'elsewhere') return [h('p', { class: 'why in', role: 'status' }, word('walk.elsewhere', app.lang))];
    if (['no', 'waiting', 'yes'].includes(recording)) return [];
    const retry = recording === 'denied' ? h('div', { class: 'acts in' }, button('btn', word('gps.again', app.lang), 'refresh', () => void app.walks.again())) : null;
    return [h('p', { class: 'why in', role: 'alert' }, word(`gps.${recording}` as Word, app.lang)), ...(retry ? [retry] : [])];
  }

  leave(): void {
    clearInterval(this.timer);
  }
}

async function finish(app: App, walk: Walk): Promise<void> {
  const { lang } = app;
  const parts = app.queue.filter((e) => e.walk?.key === walk.key);
  const fact = (name: Word, value: string): HTMLElement => h('div', {}, h('dt', {}, word(name, lang)), h('dd', { class: 'num' }, value));
  const gap = unrecorded(app.walks.points, walk.begunAt, app.now());
  const note = await sheet<string>(word('walk.endTitle', lang, { kind: kindOf(app, walk.kind) }), lang, (done) => {
    const text = h('textarea', { class: 'fi tx', rows: 3, maxlength: 1000, placeholder: word('walk.noteHint', lang), 'aria-label': word('walk.note', lang) });
    return [
      h('dl', { class: 'facts' }, fact('walk.time', stopwatch(app.now() - walk.begunAt)), fact('walk.distance', distance(app.walks.distance)), fact('walk.points', String(app.walks.points.length)), fact('walk.found', String(parts.filter((e) => e.walk?.part === 'finding').length)), fact('walk.visited', String(parts.filter((e) => e.walk?.part === 'visit').length))),
      gap ? h('p', { class: 'why' }, word('walk.gap', lang, { n: gap })) : null,
      h('label', { class: 'fl' }, h('span', {}, word('walk.note', lang)), text),
      button('big p', word('walk.endTitle', lang, { kind: kindOf(app, walk.kind) }), 'check', () => done(text.value.trim()), { 'data-end': '' }),
    ];
  });
  if (note === null) return;
  await app.walks.end(note);
  go(`#/walk/${walk.key}`);
}

// ---------------------------------------------------------------- parts of one

function onWay(app: App, walk: Walk): HTMLElement[] {
  const parts = app.queue.filter((e) => e.walk?.key === walk.key && e.walk.part !== 'track').reverse();
  return [count(word('walk.onWay', app.lang), parts.length), ...parts.map((e) => entryRow(app, e))];
}

interface Mark {
  lon: number;
  lat: number;
  kind: 'finding' | 'visit';
}

function marks(app: App, key: string): Mark[] {
  const placed = (e: Entry): boolean => typeof e.walk?.body['lon'] === 'number' && typeof e.walk.body['lat'] === 'number';
  return app.queue.filter((e) => e.walk?.key === key && placed(e)).map((e) => ({ lon: Number(e.walk?.body['lon']), lat: Number(e.walk?.body['lat']), kind: e.walk?.part === 'visit' ? 'visit' : 'finding' }));
}

const SVG = 'http://www.w3.org/2000/svg';
const [W, H] = [358, 196];

/** The way as a line, north up, with a scale: it needs no base map and so no network. */
function picture(app: App, points: readonly TrackPoint[], found: readonly Mark[]): HTMLElement {
  const made = sketch(points, W, H);
  if (!made) return h('div', { class: 'sk2 none' }, word('walk.noTrack', app.lang));
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', `0 0 ${W} ${H}`);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', word('walk.trackSketch', app.lang, { d: distance(walked(points)) }));
  const put = (tag: string, attrs: Record<string, string | number>, text = ''): void => {
    const el = svg.appendChild(document.createElementNS(SVG, tag));
    for (const [k, v] of Object.entries(attrs)) el.setAttribute(k, String(v));
    el.textContent = text;
  };
  put('path', { d: made.path, class: 'tr' });
  const [sx, sy] = made.at(points[0]!);
  put('circle', { cx: sx, cy: sy, r: 4, class: 'ts' });
  for (const m of found) {
    const [x, y] = made.at(m);
    put(m.kind === 'visit' ? 'rect' : 'circle', m.kind === 'visit' ? { x: x - 5, y: y - 5, width: 10, height: 10, class: 'tv' } : { cx: x, cy: y, r: 5.5, class: 'tf' });
  }
  const last = points.at(-1)!;
  const [ex, ey] = made.at(last);
  put('circle', { cx: ex, cy: ey, r: 5.5, class: 'te' });
  const bar = nice(made.metres_px * 90);
  put('path', { d: `M12 ${H - 10}h${(bar / made.metres_px).toFixed(1)}`, class: 'sc' });
  put('text', { x: 12, y: H - 15, class: 'sc' }, distance(bar));
  return h('div', { class: 'sk2' }, svg as unknown as HTMLElement);
}

/** The largest of 1, 2, 5 x 10^n m that is not longer than `m`. */
function nice(m: number): number {
  const base = 10 ** Math.floor(Math.log10(m));
  return base * (m / base >= 5 ? 5 : m / base >= 2 ? 2 : 1);
}

// ---------------------------------------------------------------- all of mine

interface Listed {
  href: string;
  kind: WalkKind;
  cell: string;
  begun: number;
  ended: number;
  metres: number | null;
  findings: number;
  visits: number;
  missed: boolean;
  waiting: boolean;
}

/** This phone's and the server's as one list, newest first; one that both know is told once. */
function all(app: App): Listed[] {
  const own = app.walks.mine.map((w): Listed => {
    const parts = app.queue.filter((e) => e.walk?.key === w.key);
    const n = (part: string): number => parts.filter((e) => e.walk?.part === part).length;
    const open = w.id === app.walks.open?.id;
    return { href: open ? '#/walk' : `#/walk/${w.key}`, kind: w.kind, cell: cellOf(w), begun: w.begunAt, ended: w.endedAt, metres: open ? app.walks.distance : null, findings: n('finding'), visits: n('visit'), missed: false, waiting: parts.some((e) => e.state !== 'sent') };
  });
  const known = new Set(app.walks.mine.map((w) => w.patrolId));
  const far = (app.patrols ?? [])
    .filter((p) => !known.has(p.patrol_id))
    .map((p): Listed => ({ href: `#/walk/${p.patrol_id}`, kind: p.kind, cell: p.grid_name || p.grid_code || '—', begun: Date.parse(p.begun_at), ended: p.ended_at ? Date.parse(p.ended_at) : 0, metres: p.distance_m, findings: p.findings, visits: p.visits, missed: Boolean(p.ended_at) && p.inside === 0, waiting: false }));
  return [...own, ...far].sort((a, b) => b.begun - a.begun);
}

function line(app: App, w: Listed): string {
  const { lang } = app;
  const parts = [dateTime(w.begun, app.zone), w.ended ? stopwatch(w.ended - w.begun).slice(0, -3) : word('walk.still', lang), w.metres === null ? '' : distance(w.metres)];
  if (w.findings) parts.push(`${word('walk.found', lang)} ${w.findings}`);
  if (w.visits) parts.push(`${word('walk.visited', lang)} ${w.visits}`);
  if (w.missed) parts.push(word('walk.missed', lang));
  return parts.filter(Boolean).join(' · ');
}

function lists(app: App): HTMLElement[] {
  const rows = all(app).map((w) => h('a', { class: 'r', href: w.href }, icon(w.kind === 'visit' ? 'home' : 'route', 'k'), h('div', { class: 'ellip' }, h('b', { class: 't ellip' }, `${kindOf(app, w.kind)} · ${w.cell}`), h('small', { class: 'ellip2 num' }, line(app, w))), w.waiting ? h('span', { class: 'dr' }, word('waiting', app.lang)) : icon('chev', 'go')));
  return [count(word('walk.mine', app.lang), rows.length), ...(rows.length ? rows : [h('p', { class: 'none2' }, h('b', {}, word('walk.none', app.lang)))])];
}

export function walksView(app: App): HTMLElement[] {
  return [header(app, word('walk', app.lang), { back: '#/' }), h('section', { class: 'bd', 'data-scroll': 'walks' }, ...(app.walks.open ? [] : [starters(app)]), ...lists(app))];
}

// ---------------------------------------------------------------- one that has ended

interface Detail extends Patrol {
  found: { finding_id: number; title: string; found_at: string; lon: number; lat: number }[];
  visited: { visit_id: number; kind: string; name: string; person: string; outcome: string; visited_at: string; lon: number | null; lat: number | null }[];
}

/** By this phone's key while it is kept here, by the server's number afterwards. */
export class PastView {
  readonly nodes: HTMLElement[];
  private readonly body = h('section', { class: 'bd', 'data-scroll': 'past' });
  private detail: Detail | null = null;
  private points: TrackPoint[] = [];
  private missing = false;

  constructor(
    private readonly app: App,
    private readonly id: string,
  ) {
    this.nodes = [header(app, word('walk', app.lang), { back: '#/walks' }), this.body];
    void this.load();
  }

  private get walk(): Walk | undefined {
    return this.app.walks.mine.find((w) => w.key === this.id || String(w.patrolId) === this.id);
  }

  private async load(): Promise<void> {
    const { walk } = this;
    if (walk) this.points = (await this.app.walks.pieces(walk.id)).flatMap((r) => r.points);
    const number = walk?.patrolId ?? (/^\d{1,18}$/.test(this.id) ? Number(this.id) : undefined);
    if (number !== undefined) {
      const [one, track] = await Promise.all([this.app.ask<Detail>(`/api/v1/patrols/${number}`), this.app.ask<{ track: { at_ms: number; lon: number; lat: number; accuracy_m: number | null }[] }>(`/api/v1/patrols/${number}/track`)]);
      this.detail = one;
      if (track?.track.length && track.track.length >= this.points.length) this.points = track.track.map((p) => ({ at: p.at_ms, lon: p.lon, lat: p.lat, accuracy_m: p.accuracy_m ?? 10 }));
    }
    this.missing = !walk && !this.detail;
    this.update();
  }

  update(): void {
    const { app, walk, detail } = this;
    const { lang } = app;
    const known = detail ?? app.patrols?.find((p) => String(p.patrol_id) === this.id);
    if (!walk && !known) {
      this.body.replaceChildren(h('p', { class: 'none2' }, this.missing ? h('b', {}, word(app.net === 'online' ? 'walk.closedElsewhere' : 'walk.detailNeedsNet', lang)) : null));
      return;
    }
    const begun = walk?.begunAt ?? Date.parse(known!.begun_at);
    const ended = walk?.endedAt || (known?.ended_at ? Date.parse(known.ended_at) : 0);
    const parts = app.queue.filter((e) => e.walk?.key === walk?.key && e.walk && e.walk.part !== 'track');
    const fact = (name: Word, value: string): HTMLElement => h('div', {}, h('dt', {}, word(name, lang)), h('dd', { class: 'num' }, value));
    const findings = Math.max(known?.findings ?? 0, parts.filter((e) => e.walk?.part === 'finding').length);
    const visits = Math.max(known?.visits ?? 0, parts.filter((e) => e.walk?.part === 'visit').length);
    const gap = this.points.length && ended ? unrecorded(this.points, begun, ended) : 0;
    const title = `${kindOf(app, walk?.kind ?? known!.kind)} · ${walk ? cellOf(walk) : known!.grid_name || known!.grid_code || '—'}`;
    this.body.replaceChildren(
      h('div', { class: 'cs' }, h('h2', {}, h('span', {}, title)), h('p', { class: 'mut num' }, dateTime(begun, app.zone)), h('dl', { class: 'facts' }, fact('walk.time', ended ? stopwatch(ended - begun) : word('walk.still', lang)), fact('walk.distance', distance(this.points.length ? walked(this.points) : (known?.distance_m ?? 0))), fact('walk.points', String(this.points.length || (known?.points ?? 0))), fact('walk.found', String(findings)), fact('walk.visited', String(visits))), gap ? h('p', { class: 'why' }, word('walk.gap', lang, { n: gap })) : null, known?.note ? h('p', { class: 'txt' }, known.note) : null, known?.ended_at && known.inside === 0 ? h('p', { class: 'why' }, word('walk.missed', lang)) : null),
      this.points.length > 1 ? picture(app, this.points, this.marked(walk)) : h('div', { class: 'sk2 none' }, word(detail ? 'walk.trackGone' : 'walk.detailNeedsNet', lang)),
      ...(walk ? onWay(app, walk) : detail ? this.told(detail) : []),
      ...(!walk && known && !known.ended_at ? [this.closing(known)] : []),
    );
  }

  /** Begun on another phone, which may be lost: it can be ended from here. */
  private closing(p: Patrol): HTMLElement {
    const { app } = this;
    const end = (): void => void app.walks.endElsewhere(p).then(() => go('#/walks'));
    return h('div', { class: 'cs' }, h('p', { class: 'mut' }, word('walk.closedElsewhere', app.lang)), button('big', word('walk.endTitle', app.lang, { kind: kindOf(app, p.kind) }), 'check', end));
  }

  private marked(walk: Walk | undefined): Mark[] {
    if (!this.detail) return walk ? marks(this.app, walk.key) : [];
    const visited = this.detail.visited.flatMap((v): Mark[] => (v.lon === null || v.lat === null ? [] : [{ lon: v.lon, lat: v.lat, kind: 'visit' }]));
    return [...visited, ...this.detail.found.map((f): Mark => ({ lon: f.lon, lat: f.lat, kind: 'finding' }))];
  }

  private told(d: Detail): HTMLElement[] {
    const { app } = this;
    const row = (glyph: string, title: string, at: string, sub = ''): HTMLElement => h('article', { class: 'qe' }, h('div', { class: 'qh' }, icon(glyph, 'k'), h('div', { class: 'ellip' }, h('b', { class: 't ellip' }, title), h('small', { class: 'ellip num' }, [dateTime(Date.parse(at), app.zone), sub].filter(Boolean).join(' · ')))));
    const rows = [...d.found.map((f) => row('plus', f.title, f.found_at)), ...d.visited.map((v) => row('home', v.name, v.visited_at, [v.person, word(`visit.${v.outcome}` as Word, app.lang)].filter(Boolean).join(' · ')))];
    return [count(word('walk.onWay', app.lang), rows.length), ...rows];
  }
}

