/** The page's state: what the server said last and when, what waits on this phone, and where the officer stands. */
import type { Lang } from '../core/types';
import { newKey, type Rows } from './db';
import { fixOf, locate, type Fix, type Found, type Trouble } from './locate';
import { add, again, drain, entries, type Outcome, type World } from './queue';
import type { Category, Cell, Draft, Entry, Kept, Mine, Notice, Order, Patrol, Photo, Warning } from './types';
import { nextChange } from './warn';
import { Walks } from './walk';

const REFRESH_MS = 30_000;
const TIMEOUT_MS = 20_000;
const UPLOAD_MS = 120_000;

export type Net = 'online' | 'offline' | 'trouble' | 'signed-out';

export class App {
  mine: Mine | null = null;
  mineAt = 0;
  notices: Notice[] | null = null;
  /** The server has no notices to give yet (404). */
  noNotices = false;
  categories: Category[] = [];
  /** Orders of incidents in the officer's hand. */
  orders: Order[] = [];
  queue: Entry[] = [];
  drafts: Draft[] = [];
  net: Net = navigator.onLine ? 'online' : 'offline';
  /** The last fix, epoch ms of this phone's clock. */
  here: Fix | null = null;
  /** Why there is no place, once it was asked for. */
  trouble: Trouble | null = null;
  warnings: Warning[] = [];
  warningsAt = 0;
  cells: Cell[] = [];
  patrols: Patrol[] | null = null;
  readonly walks: Walks;
  lang: Lang;
  private offset = 0;
  private readonly listeners = new Set<() => void>();
  private busy = false;
  private asked = false;
  private watching = false;
  private login = '';
  private turn: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly rows: Rows) {
    this.walks = new Walks(this, rows);
    this.lang = document.documentElement.lang.startsWith('en') ? 'en' : 'zh';
  }

  on(fn: () => void): () => void {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  }

  changed = (): void => {
    for (const fn of [...this.listeners]) fn();
  };

  /** The server's time as this phone knows it. */
  now = (): number => Date.now() + this.offset;

  get zone(): string {
    return this.mine?.timezone ?? document.documentElement.dataset['timezone'] ?? 'Asia/Shanghai';
  }

  get account(): string {
    return this.login;
  }

  get demo(): boolean {
    return this.mine?.cases.some((c) => c.record.origin === 'demo') ?? false;
  }

  /** Shown numbers are the server's of a moment ago; otherwise they carry their age. */
  get live(): boolean {
    return this.net === 'online' && Date.now() - this.mineAt < 3 * REFRESH_MS;
  }

  /** After `remembered`. */
  async start(): Promise<void> {
    this.changed();
    window.addEventListener('online', () => void this.sync(true));
    window.addEventListener('offline', () => this.setNet('offline'));
    document.addEventListener('visibilitychange', () => document.hidden || void this.sync());
    setInterval(() => document.hidden || void this.sync(), REFRESH_MS);
    setInterval(() => this.changed(), 15_000);
    this.hear();
    await this.sync(true);
  }

  // ---------------------------------------------------------------- with the server

  /** Sends what waits, then asks anew. `force`: also what was to wait a while. */
  async sync(force = false): Promise<void> {
    if (this.busy) {
      this.asked ||= force;
      return;
    }
    this.busy = true;
    try {
      // who is asking decides whose work is sent: first the answer to that
      if (await this.fetchMine()) {
        const before = this.queue.filter((e) => e.state === 'sent').length;
        this.settle(await drain(this.world(), force));
        await this.reload();
        if (this.queue.filter((e) => e.state === 'sent').length !== before) await this.fetchMine();
        await this.fetchRest();
      }
    } finally {
      this.busy = false;
      this.changed();
    }
    if (this.asked) {
      this.asked = false;
      await this.sync(true);
    }
  }

  private settle(outcome: Outcome): void {
    if (outcome !== 'done') this.setNet(outcome);
  }

  private setNet(net: Net): void {
    if (this.net === net) return;
    this.net = net;
    this.changed();
  }

  private async get<T>(url: string): Promise<{ status: number; body: T | null }> {
    try {
      const answer = await fetch(url, { credentials: 'same-origin', headers: { Accept: 'application/json' }, signal: AbortSignal.timeout(TIMEOUT_MS) });
      return { status: answer.status, body: answer.ok ? ((await answer.json()) as T) : null };
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof DOMException || error instanceof SyntaxError)) throw error;
      return { status: 0, body: null };
    }
  }

  /** What a screen asks for once; null without a network. */
  async ask<T>(url: string): Promise<T | null> {
    return (await this.get<T>(url)).body;
  }

  private async fetchMine(): Promise<boolean> {
    const { status, body } = await this.get<Mine>('/api/v1/my/cases');
    if (!body) {
      this.setNet(status === 0 ? 'offline' : status === 401 || status === 403 ? 'signed-out' : 'trouble');
      return false;
    }
    this.mine = body;
    this.mineAt = Date.now();
    this.offset = Date.parse(body.now) - this.mineAt;
    this.login = body.who.login;
    await this.keep('mine', body);
    await this.rows.put('kept', { id: 'who', at: this.mineAt, body: this.login } as Kept<string>);
    await this.reload();
    await this.walks.load(this.login);
    this.setNet('online');
    this.changed();
    return true;
  }

  private async fetchRest(): Promise<void> {
    const told = await this.get<{ notices: Notice[] }>('/api/v1/notices');
    this.noNotices = told.status === 404;
    if (told.body) {
      this.notices = told.body.notices;
      await this.keep('notices', told.body.notices);
    }
    await this.fetchOrders();
    await this.fetchWarnings();
    await this.fetchWalks();
    await this.fetchCategories();
  }

  /** Once; whoever needs them before may ask. */
  async fetchCategories(): Promise<void> {
    if (this.categories.length) return;
    const found = await this.get<{ categories: Category[] }>('/api/v1/categories');
    if (found.body) {
      this.categories = found.body.categories;
      await this.keep('categories', found.body.categories);
    }
  }

  private async fetchOrders(): Promise<void> {
    const { status, body } = await this.get<{ tasks: Order[] }>('/api/v1/my/tasks');
    if (body) {
      this.orders = body.tasks;
      await this.keep('orders', body.tasks);
    } else if (status === 403) this.orders = [];
  }

  private async fetchWarnings(): Promise<void> {
    const { status, body } = await this.get<{ warnings: Warning[] }>('/api/v1/my/warnings');
    if (body) {
      this.warnings = body.warnings;
      this.warningsAt = Date.now();
      await this.keep('warnings', body.warnings);
    } else if (status === 403) this.warnings = [];
    this.turnover();
  }

  /** Drawn anew at the moment a warning begins or ends, also without a network. */
  private turnover(): void {
    clearTimeout(this.turn);
    const at = nextChange(this.warnings, this.now());
    if (at !== null && at - this.now() < 2 ** 31 - 1) this.turn = setTimeout(() => { this.changed(); this.turnover(); }, at - this.now() + 250);
  }

  private async fetchWalks(): Promise<void> {
    const place = this.here ? `?lon=${this.here.lon.toFixed(5)}&lat=${this.here.lat.toFixed(5)}` : '';
    const cells = await this.get<{ cells: Cell[] }>(`/api/v1/my/cells${place}`);
    if (cells.body) {
      this.cells = cells.body.cells;
      await this.keep('cells', this.cells);
    }
    const mine = await this.get<{ patrols: Patrol[] }>('/api/v1/patrols?mine=1&limit=50');
    if (!mine.body) return;
    this.patrols = mine.body.patrols;
    await this.keep('patrols', this.patrols);
    await this.walks.forget(this.patrols.filter((p) => p.ended_at).map((p) => p.patrol_id));
  }

  /** Cases that change are told by the stream; without it the page asks every half minute all the same. */
  private hear(): void {
    if (typeof EventSource !== 'function') return;
    const source = new EventSource('/live');
    let soon: ReturnType<typeof setTimeout> | undefined;
    source.addEventListener('change', (e) => {
      const { topic } = JSON.parse((e as MessageEvent<string>).data) as { topic?: string };
      const near = topic === 'case' || topic === 'notice' || topic === 'task';
      if (topic === 'warning') void this.fetchWarnings().then(this.changed);
      if (near && !document.hidden) soon ??= setTimeout(() => ((soon = undefined), void this.sync()), 3000);
    });
  }

  // ---------------------------------------------------------------- on this phone

  private world(): World {
    return {
      rows: this.rows,
      login: this.login,
      fetch: (url, init) => fetch(url, { credentials: 'same-origin', signal: AbortSignal.timeout(init.body instanceof FormData ? UPLOAD_MS : TIMEOUT_MS), ...init }),
      now: () => Date.now(),
      changed: () => void this.reload().then(this.changed),
      ...(navigator.locks ? { alone: (work) => navigator.locks.request('ioc-phone-queue', { ifAvailable: true }, (lock) => (lock ? work() : Promise.resolve(undefined))) } : {}),
    };
  }

  private async reload(): Promise<void> {
    if (!this.login) return;
    this.queue = await entries(this.rows, this.login);
    this.drafts = (await this.rows.all<Draft>('draft')).filter((d) => d.id.startsWith(`${this.login}/`));
  }

  private keep<T>(name: string, body: T): Promise<void> {
    return this.rows.put('kept', { id: `${this.login}/${name}`, at: Date.now(), body } as Kept<T>);
  }

  /** Who was here last, and what is kept of theirs: the page shows it before the server has answered. */
  async remembered(): Promise<void> {
    this.login = (await this.rows.get<Kept<string>>('kept', 'who'))?.body ?? '';
    if (!this.login) return;
    const read = async <T>(name: string): Promise<Kept<T> | undefined> => this.rows.get<Kept<T>>('kept', `${this.login}/${name}`);
    const mine = await read<Mine>('mine');
    if (mine) {
      this.mine = mine.body;
      this.mineAt = mine.at;
      this.offset = Date.parse(mine.body.now) - mine.at;
    }
    this.notices = (await read<Notice[]>('notices'))?.body ?? null;
    this.categories = (await read<Category[]>('categories'))?.body ?? [];
    this.orders = (await read<Order[]>('orders'))?.body ?? [];
    const warnings = await read<Warning[]>('warnings');
    this.warnings = warnings?.body ?? [];
    this.warningsAt = warnings?.at ?? 0;
    this.cells = (await read<Cell[]>('cells'))?.body ?? [];
    this.patrols = (await read<Patrol[]>('patrols'))?.body ?? null;
    this.here = (await read<Fix>('here'))?.body ?? null;
    this.turnover();
    await this.reload();
    await this.walks.load(this.login);
  }

  /** Done, as far as the officer is concerned: it goes out now or as soon as it can. */
  async act(what: Pick<Entry, 'kind' | 'title'> & Partial<Entry>): Promise<void> {
    await add(this.world(), { id: newKey(), at: new Date(this.now()).toISOString(), photos: [], ...what });
    await this.reload();
    this.changed();
    void this.sync(true);
  }

  async retry(entry: Entry): Promise<void> {
    await this.fetchMine();
    await again(this.world(), entry, this.mine?.cases.find((c) => c.case_id === entry.step?.caseId)?.version);
    void this.sync(true);
  }

  async discard(entry: Entry): Promise<void> {
    if (entry.walk?.part === 'start') await this.walks.drop(entry.walk.key);
    else await this.rows.del('queue', entry.id);
    await this.reload();
    this.changed();
    void this.sync(true);
  }

  draft(name: string): Draft {
    const id = `${this.login}/${name}`;
    return this.drafts.find((d) => d.id === id) ?? { id, login: this.login, savedAt: '', text: '', photos: [] as Photo[] };
  }

  async saveDraft(draft: Draft): Promise<Draft> {
    const saved = { ...draft, savedAt: new Date(this.now()).toISOString() };
    await this.rows.put('draft', saved);
    this.drafts = [...this.drafts.filter((d) => d.id !== saved.id), saved];
    this.changed();
    return saved;
  }

  async dropDraft(name: string): Promise<void> {
    const id = `${this.login}/${name}`;
    await this.rows.del('draft', id);
    this.drafts = this.drafts.filter((d) => d.id !== id);
    this.changed();
  }

  /** What the server said is forgotten; what the officer did and has not sent stays, under the officer's name. */
  async signOut(): Promise<void> {
    for (const name of ['mine', 'notices', 'orders', 'categories', 'warnings', 'cells', 'patrols', 'here']) await this.rows.del('kept', `${this.login}/${name}`);
    await this.rows.del('kept', 'who');
    const answer = await fetch('/api/v1/auth/sign-out', { method: 'POST', credentials: 'same-origin', headers: { 'Content-Type': 'application/json' }, body: '{}' });
    location.assign(answer.ok || answer.status === 401 ? '/signin?next=/m' : '/m');
  }

  // ---------------------------------------------------------------- where

  /** Follows the officer's place once it has been allowed. */
  async watch(ask: boolean): Promise<void> {
    if (this.watching) return;
    if (!window.isSecureContext || !navigator.geolocation) {
      if (ask) this.trouble = window.isSecureContext ? 'unsupported' : 'insecure';
      return this.changed();
    }
    if (!ask) {
      const state = await navigator.permissions?.query({ name: 'geolocation' }).catch(() => null);
      if (state?.state !== 'granted') return;
    }
    this.watching = true;
    const failed = (e: GeolocationPositionError): void => {
      this.watching = e.code !== e.PERMISSION_DENIED;
      if (ask) this.trouble = e.code === e.PERMISSION_DENIED ? 'denied' : e.code === e.TIMEOUT ? 'timeout' : 'unavailable';
      this.changed();
    };
    navigator.geolocation.watchPosition((p) => this.seen(p), failed, { enableHighAccuracy: true, maximumAge: 20_000 });
  }

  /** A fix of whatever asked for one. The last is kept for the time when there is none. */
  seen(p: GeolocationPosition): void {
    const before = this.here;
    this.trouble = null;
    this.here = { ...fixOf(p), at: Date.now() };
    if (before && Date.now() - before.at <= 5000) return;
    void this.keep('here', this.here);
    this.changed();
  }

  /** The place now, or why there is none and what was known last. `rough`: the exact way has failed. */
  async locate(rough: () => void = () => undefined): Promise<Found> {
    const found = await locate({ geolocation: navigator.geolocation, secure: window.isSecureContext, now: () => Date.now() }, this.here, rough);
    this.trouble = found.trouble;
    if (found.fix) {
      this.here = found.fix;
      await this.keep('here', found.fix);
    }
    this.changed();
    return found;
  }
}
