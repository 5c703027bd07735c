/** CameraTile (design.md 13): one picture with its state and age. It shows nothing it may not, and never stops trying.
 *
 * A view is opened, a player attached, and every two seconds the server is shown what the viewer sees; what it answers says whether
 * the picture may stand. Between two looks a jump of the scene covers the picture at once. A fault ends this view alone; the next one
 * is opened after 1, 2, 4 ... 60 s, for weeks. */
import { clockTime } from '../core/format';
import { pastOf } from '../core/past';
import type { PageContext } from '../core/page';
import { call, Refused, type Begun, type Camera, type State, type Told } from './api';
import { JUMP, likeness, Looker } from './look';
import { mux } from './mux';
import { backoff, RETRY_FIRST_MS, ticks, turn } from './pace';
import { open, playable, type Fault, type Kind, type Player } from './player';
import { say } from './words';

/** What was known of a camera's picture at a moment. */
interface Was {
  device_id: number;
  state: State;
  code: string;
  at: string;
  zh: string;
  en: string;
}

export type Surface = 'desk' | 'command' | 'wall' | 'bench';

export interface TileOptions {
  page: PageContext;
  surface: Surface;
  caseId?: number | null;
  /** Distance or whatever else stands behind the name. */
  note?: string;
  /** Tried first, where the platform offers it. */
  prefer?: Kind | undefined;
  onCamera?: (camera: Camera) => void;
}

const FORBIDDEN_MS = 300_000;
const GUARD_MS = 400;
const STALE_ANSWER_MS = 8000;
/** A view that has lived this long without a fault is well: the next fault counts from one again. */
const SETTLED_MS = 15_000;
/** A picture that stands still or stays away this long: the view is begun anew. */
const LOST_MS = 8000;
/** Some pictures must come within this, or the kind of stream is changed. */
const NO_PICTURE_MS = 20_000;

export { backoff } from './pace';

export class CameraTile {
  readonly el: HTMLElement;
  camera: Camera | null = null;
  told: Told | null = null;
  tries = 0;
  private video: HTMLVideoElement | null = null;
  private readonly coverEl: HTMLElement;
  private readonly mark: HTMLElement;
  private readonly title: HTMLElement;
  private readonly meta: HTMLElement;
  private player: Player | null = null;
  private looker: Looker | null = null;
  private view: Begun | null = null;
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();
  private generation = 0;
  private closed = false;
  private purpose = '';
  private frames = 0;
  private frameAt = 0;
  private answeredAt = 0;
  private lostSince = 0;
  private retryAt = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private looking = false;
  private lookAgain = false;
  private good: Float32Array | null = null;
  private jumped = false;
  private why = '';
  private form = false;
  private kindAt = 0;
  private openedAt = 0;
  private drawn = '';
  /** A page that looks back plays nothing: it tells what was known of the picture at its moment. */
  private readonly past: boolean;
  private was: Was | null = null;
  private forget: () => void = () => undefined;

  constructor(
    parent: HTMLElement,
    readonly deviceId: number,
    private readonly options: TileOptions,
  ) {
    const { lang } = options.page;
    this.el = document.createElement('figure');
    this.el.className = 'cam';
    this.el.dataset['device'] = String(deviceId);
    this.coverEl = make('div', 'cam-cover');
    this.coverEl.setAttribute('role', 'status');
    this.mark = make('span', 'cam-mark');
    const caption = make('figcaption', '');
    this.title = make('span', 'ellip');
    this.meta = make('em', 'num');
    caption.append(this.title, this.meta);
    this.el.append(this.coverEl, this.mark, caption);
    parent.append(this.el);
    this.title.textContent = say('connecting', lang);
    this.past = pastOf(location.search) !== '';
    if (this.past) {
      this.forget = options.page.live.onResync(() => void this.remember());
      void this.remember();
      return;
    }
    ticks(this.tick, true);
    window.addEventListener('online', this.online);
    this.draw(true);
    this.begin();
  }

  /** The state this pane may claim now: nothing is verified without a fresh answer. */
  get state(): State {
    if (!this.view || !this.told) return this.tries ? 'lost' : 'unverified';
    if (performance.now() - this.answeredAt > STALE_ANSWER_MS && this.told.state === 'verified') return 'unverified';
    return this.told.state;
  }

  get covered(): boolean {
    return !this.view || !this.told || this.told.cover || this.jumped;
  }

  get lockedBy(): Told['ptz'] {
    return this.told?.ptz ?? null;
  }

  get viewId(): number {
    return this.view?.view_id ?? 0;
  }

  /** The whole picture, only while it may be shown. */
  picture(): Promise<Blob | null> {
    return this.covered || !this.looker ? Promise.resolve(null) : this.looker.full();
  }

  note(text: string): void {
    if (this.options.note === text) return;
    this.options.note = text;
    this.draw();
  }

  async lift(): Promise<void> {
    if (!this.view) return;
    await call('POST', `views/${this.view.view_id}/lift`);
    await this.look();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    ticks(this.tick, false);
    this.drop();
    for (const t of this.timers) clearTimeout(t);
    this.timers.clear();
    window.removeEventListener('online', this.online);
    this.forget();
    this.el.remove();
  }

  // ------------------------------------------------------------ a view

  /** In its turn among the panes of the page. */
  private begin(): void {
    const wait = turn();
    if (wait) this.retry = this.after(wait, () => void this.start());
    else void this.start();
  }

  private async start(): Promise<void> {
    const mine = ++this.generation;
    try {
      const { surface, caseId } = this.options;
      const kind = this.wanted();
      if (kind !== 'hls') mux.start();
      const begun = await call<Begun>('POST', 'views', { device_id: this.deviceId, surface, ...(caseId ? { case_id: caseId } : {}), purpose: this.purpose, mux: mux.key, kind });
      if (this.closed || mine !== this.generation) return void endView(begun.view_id);
      this.view = begun;
      this.openedAt = performance.now();
      this.camera = begun.camera;
      this.form = false;
      this.options.onCamera?.(begun.camera);
      this.hear(begun);
      this.play(begun);
      this.loop(mine, begun.look_every_s * 1000);
    } catch (error) {
      if (mine === this.generation) this.failed(error);
    }
  }

  /** The kind that is tried now: the page's wish first, the others after a view without any picture. */
  private wanted(): Kind {
    const kinds: Kind[] = ['flv', 'ts', 'hls'];
    return kinds[(kinds.indexOf(this.options.prefer ?? 'flv') + this.kindAt) % kinds.length] ?? 'flv';
  }

  private play(begun: Begun): void {
    const kind = begun.mux_kind || 'hls';
    if (!playable(begun.kinds).includes(kind)) return this.other(say('fault_kind', this.options.page.lang));
    const video = document.createElement('video');
    video.muted = true;
    video.playsInline = true;
    video.disablePictureInPicture = true;
    video.tabIndex = -1;
    this.el.prepend(video);
    this.video = video;
    this.looker = new Looker(video);
    this.frames = 0;
    this.frameAt = performance.now();
    const begunAt = performance.now();
    const mine = this.generation;
    const ended = (why: Fault): void => {
      if (mine !== this.generation) return;
      const words = say(`fault_${why}`, this.options.page.lang);
      if (this.frames) this.fail(words);
      else this.other(words);
    };
    this.player = open(video, kind, begun.view_id, () => this.told?.base ?? begun.base, ended);
    this.el.dataset['kind'] = kind;
    const guard = (): void => {
      if (this.closed || mine !== this.generation) return;
      this.guard(performance.now() - begunAt);
      this.after(GUARD_MS, guard);
    };
    this.after(GUARD_MS, guard);
  }

  /** Pictures counted, and the scene felt. A jump covers at once; the server is asked at once too. */
  private guard(sinceMs: number): void {
    const frames = this.player?.frames() ?? 0;
    if (frames !== this.frames) {
      const first = !this.frames;
      this.frames = frames;
      this.frameAt = performance.now();
      if (first) void this.look(true); // the first picture is shown to the server at once, not after its turn
      if (this.tries && sinceMs > SETTLED_MS && this.told?.state !== 'lost') this.tries = 0;
    } else if (!frames && sinceMs > NO_PICTURE_MS) {
      return this.other(say('never', this.options.page.lang));
    }
    if (this.good && !this.told?.cover && !this.jumped) void this.feel();
  }

  private async feel(): Promise<void> {
    const mine = this.generation;
    const seen = await this.looker?.see(false);
    if (!seen || !this.good || mine !== this.generation || this.jumped || likeness(seen.signature, this.good) >= JUMP) return;
    this.jumped = true;
    this.draw();
    void this.look();
  }

  private loop(mine: number, everyMs: number): void {
    const turn = (): void => {
      if (this.closed || mine !== this.generation) return;
      void this.look().finally(() => mine === this.generation && this.after(everyMs, turn));
    };
    this.after(Math.min(600, everyMs), turn);
  }

  /** Shows the server what is shown here, and does what it says. */
  private async look(soon = false): Promise<void> {
    const view = this.view;
    if (view && this.looking) this.lookAgain ||= soon;
    if (!view || this.looking) return;
    this.looking = true;
    const mine = this.generation;
    let again = false;
    try {
      const frames = this.player?.frames() ?? 0;
      const before = this.jumped;
      const seen = (await this.looker?.see(true)) ?? null;
      const query = new URLSearchParams({ frames: String(frames), idle_ms: String(Math.round(performance.now() - this.frameAt)) });
      const told = await call<Told>('POST', `views/${view.view_id}/look?${query}`, seen?.copy ?? new Blob([], { type: 'image/jpeg' }));
      if (this.closed || mine !== this.generation) return;
      again = this.jumped && !before; // what jumped after this copy was taken, the server has not seen yet
      this.hear(told);
      this.jumped = again;
      this.good = told.cover ? null : (seen?.signature ?? null);
      const stuck = told.state === 'lost' && this.options.page.clock.now() - this.lostSince > LOST_MS && performance.now() - this.openedAt > LOST_MS;
      if (told.restart || stuck) this.fail(told[this.options.page.lang]);
    } catch (error) {
      if (mine === this.generation && error instanceof Refused && error.status < 500) this.failed(error);
    } finally {
      this.looking = false;
      if (again || this.lookAgain) {
        this.lookAgain = false;
        void this.look();
      }
      this.draw();
    }
  }

  private hear(told: Told): void {
    this.told = told;
    this.answeredAt = performance.now();
    if (told.state === 'lost') this.lostSince ||= this.options.page.clock.now();
    else if (told.code !== 'starting' && told.code !== 'unseen') this.lostSince = 0;
    this.draw();
  }

  // ------------------------------------------------------------ faults

  private failed(error: unknown): void {
    const { lang } = this.options.page;
    if (error instanceof Refused && error.code === 'masked') return this.ask();
    const forbidden = error instanceof Refused && error.status === 403;
    this.fail(error instanceof Refused ? error.words[lang] : say('fault_away', lang), forbidden ? FORBIDDEN_MS : 0);
  }

  /** Not one picture came this way: the next try is by another kind of stream. */
  private other(why: string): void {
    this.kindAt++;
    this.fail(why);
  }

  /** Ends this view and tries again later; no other pane hears of it. */
  private fail(why: string, leastMs = 0): void {
    if (this.closed) return;
    this.why = why;
    this.drop();
    this.tries++;
    this.lostSince ||= this.options.page.clock.now();
    const delay = Math.max(leastMs, backoff(this.tries));
    this.retryAt = performance.now() + delay;
    this.retry = this.after(delay, () => this.begin());
    this.draw(true);
  }

  /** The network is back: nobody waits the rest of a minute for it. */
  private readonly online = (): void => {
    if (this.view || !this.retry || !this.timers.has(this.retry)) return;
    clearTimeout(this.retry);
    this.timers.delete(this.retry);
    this.retryAt = performance.now();
    this.retry = this.after(RETRY_FIRST_MS * Math.random(), () => void this.start());
  };

  /** Everything of this view, down to the last buffer. */
  private drop(): void {
    this.generation++;
    if (this.view) endView(this.view.view_id);
    this.view = null;
    this.good = null;
    this.jumped = false;
    this.player?.destroy();
    this.player = null;
    this.looker?.free();
    this.looker = null;
    this.video?.remove();
    this.video = null;
  }

  // ------------------------------------------------------------ drawing

  private async remember(): Promise<void> {
    const mine = ++this.generation;
    const { lang } = this.options.page;
    try {
      const ids = `ids=${this.deviceId}`;
      const [seen, known] = await Promise.all([call<{ cameras: Camera[] }>('GET', `cameras?${ids}`), call<{ states: Was[] }>('GET', `states?${ids}`)]);
      if (this.closed || mine !== this.generation) return;
      this.camera = seen.cameras[0] ?? this.camera;
      this.was = known.states[0] ?? null;
      this.why = '';
    } catch (error) {
      if (this.closed || mine !== this.generation) return;
      this.was = null;
      this.why = error instanceof Refused ? error.words[lang] : say('failed', lang);
    }
    this.drawPast();
  }

  private drawPast(): void {
    const { lang, clock } = this.options.page;
    const at = this.was ? clockTime(Date.parse(this.was.at), clock.zone()) : '';
    this.el.dataset['state'] = this.was?.state ?? 'unverified';
    this.el.dataset['code'] = this.was?.code ?? '';
    this.el.classList.add('covered');
    text(this.title, [this.camera?.name, this.options.note].filter(Boolean).join(' · ') || `#${this.deviceId}`);
    text(this.meta, this.was ? `${say(this.was.state, lang)} · ${at}` : say('past_none', lang));
    this.mark.hidden = true;
    this.coverEl.hidden = false;
    const b = make('b', '');
    b.textContent = this.was ? `${say('past_as', lang)} ${say(this.was.state, lang)}` : say('past_none', lang);
    const up = this.camera ? say(this.camera.status === 'online' ? 'past_online' : 'past_down', lang) : '';
    const lines = this.why ? [this.why] : [this.was ? [this.was[lang], say('since', lang, { t: at })].filter(Boolean).join(' · ') : '', [up, say('past', lang)].filter(Boolean).join(' · ')];
    this.coverEl.replaceChildren(b, ...lines.filter(Boolean).map((line) => Object.assign(make('span', ''), { textContent: line })));
  }

  private readonly tick = (): void => this.draw(true);

  /** What has changed; `ages`: the seconds too. */
  private draw(ages = false): void {
    if (this.closed) return;
    if (this.past) return this.drawPast();
    const { lang } = this.options.page;
    const { state, covered } = this;
    const code = this.jumped ? 'jumped' : (this.told?.code ?? '');
    const name = this.camera?.name ?? '';
    const title = [name, this.options.note].filter(Boolean).join(' · ') || `#${this.deviceId}`;
    const drawn = [state, code, covered, title].join('|');
    if (drawn !== this.drawn) {
      this.drawn = drawn;
      this.el.dataset['state'] = state;
      this.el.dataset['code'] = code;
      this.el.classList.toggle('covered', covered);
      text(this.title, title);
      this.title.title = name;
    } else if (!ages) return;
    text(this.meta, this.age(state));
    const reason = this.told && this.view ? this.told[lang] : this.why;
    text(this.mark, state === 'unverified' && !covered ? `${say('unverified', lang)} · ${this.stale() ? say('silent', lang) : reason}` : '');
    hide(this.mark, !this.mark.textContent);
    hide(this.coverEl, !covered);
    if (covered && !this.form) this.cover(state, reason);
  }

  private stale(): boolean {
    return performance.now() - this.answeredAt > STALE_ANSWER_MS;
  }

  /** The state in a word and the age of the last picture, always there. */
  private age(state: State): string {
    const { lang, clock } = this.options.page;
    const word = say(state, lang);
    if (!this.frames) return `${word} · ${say('never', lang)}`;
    const old = performance.now() - this.frameAt;
    const at = clockTime(clock.now() - old, clock.zone());
    if (state === 'lost' || old > 5000) return `${say('last', lang, { t: at })} · ${ago(old, lang)}`;
    return `${word} · ${at} · ${ago(old, lang)}`;
  }

  private cover(state: State, reason: string): void {
    const { lang, clock } = this.options.page;
    const waiting = Math.max(0, Math.round((this.retryAt - performance.now()) / 1000));
    const head = this.jumped ? say('checking', lang) : !this.tries && !this.frames ? say('connecting', lang) : say(state === 'verified' ? 'unverified' : state, lang);
    const lines = [reason];
    if (this.lostSince) {
      const again = this.view ? '' : waiting ? say('retry', lang, { n: this.tries, s: waiting }) : say('retrying', lang, { n: this.tries });
      lines.push([say('since', lang, { t: clockTime(this.lostSince, clock.zone()) }), again].filter(Boolean).join(' · '));
    }
    const b = make('b', '');
    b.textContent = head;
    const spans = lines.filter(Boolean).map((line) => {
      const span = make('span', '');
      span.textContent = line;
      return span;
    });
    const lift = this.told?.liftable && this.view && this.options.surface !== 'wall' ? [this.button('lift', () => void this.lift())] : [];
    const key = [head, ...lines, lift.length].join('|');
    if (this.coverEl.dataset['key'] === key) return;
    this.coverEl.dataset['key'] = key;
    this.coverEl.replaceChildren(b, ...spans, ...lift);
  }

  private button(word: 'lift' | 'unmask', act: () => void): HTMLButtonElement {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'btn';
    button.textContent = say(word, this.options.page.lang);
    button.addEventListener('click', act);
    return button;
  }

  /** A sensitive camera: what for? A wall has nobody to say it. */
  private ask(): void {
    const { lang } = this.options.page;
    this.form = true;
    this.coverEl.hidden = false;
    this.el.classList.add('covered');
    const b = make('b', '');
    b.textContent = say('masked', lang);
    if (this.options.surface === 'wall') return this.coverEl.replaceChildren(b);
    const input = document.createElement('input');
    input.maxLength = 200;
    input.placeholder = say('purpose', lang);
    input.setAttribute('aria-label', say('purpose', lang));
    const form = document.createElement('form');
    form.append(input, this.button('unmask', () => form.requestSubmit()));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (input.value.trim().length < 4) return input.focus();
      this.purpose = input.value.trim();
      void this.start();
    });
    this.coverEl.replaceChildren(b, form);
  }

  // ------------------------------------------------------------ time

  private after(ms: number, fn: () => void): ReturnType<typeof setTimeout> {
    const t = setTimeout(() => {
      this.timers.delete(t);
      fn();
    }, ms);
    this.timers.add(t);
    return t;
  }

}

function endView(viewId: number): void {
  void call('POST', `views/${viewId}/end`, {}, true).catch(() => undefined); // a view that says nothing is ended by the server
}

function ago(ms: number, lang: 'zh' | 'en'): string {
  const s = ms / 1000;
  return s < 90 ? say('age', lang, { n: s < 9.95 ? s.toFixed(1) : Math.round(s) }) : say('age_min', lang, { n: Math.round(s / 60) });
}

function text(el: HTMLElement, value: string): void {
  if (el.textContent !== value) el.textContent = value;
}

function hide(el: HTMLElement, on: boolean): void {
  if (el.hidden !== on) el.hidden = on;
}

function make(tag: string, className: string): HTMLElement {
  const el = document.createElement(tag);
  if (className) el.className = className;
  return el;
}
