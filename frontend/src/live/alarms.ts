/** The alarms a desk or wall shows: fetched whole, kept by the page's one stream, fetched again after sleep or a broken line. */
import { inOrder, type Alarm, type Counts, type Page, type Row } from '../core/alarms';
import { Signal } from '../core/emit';
import type { Change } from '../core/types';
import type { LiveClient } from './client';

const PAGE = 500;
const RETRY_MS = 5_000;
const COUNTS_MS = 2_000;
/** Values, and what turns chattering or stale by time alone, are in no record of the stream. */
const FRESHEN_MS = 30_000;
const SLEPT_MS = 5_000;

export interface AlarmWorld {
  fetch: (url: string) => Promise<Response>;
  now: () => number;
  later: (fn: () => void, ms: number) => unknown;
  cancel: (handle: unknown) => void;
}

export const alarmWorld: AlarmWorld = {
  fetch: (url) => fetch(url, { credentials: 'same-origin' }),
  now: () => Date.now(),
  later: (fn, ms) => setTimeout(fn, ms),
  cancel: (handle) => clearTimeout(handle as ReturnType<typeof setTimeout>),
};

export class AlarmFeed {
  readonly counts = new Signal<Counts | null>(null);
  /** Browser's time (ms) since when nothing could be fetched, 0 while all is well. */
  readonly failing = new Signal(0);
  /** 403: this account has no right to see alarms. */
  readonly denied = new Signal(false);
  loaded = false;
  version = 0;
  /** Browser's time of the last good answer. */
  asOf = 0;
  private rows = new Map<string, Row>();
  private gone = new Map<string, number>();
  /** Told by the stream while pages are fetched: they may be newer than the page they belong on. */
  private came = new Set<string>();
  private order: Row[] | null = null;
  private readonly listeners = new Set<() => void>();
  private generation = 0;
  private timers: { retry?: unknown; counts?: unknown; tick?: unknown } = {};
  private told = false;
  private whole = false;
  private lastTick = 0;
  private lastFreshen = 0;

  constructor(
    private readonly live: Pick<LiveClient, 'onChange' | 'onResync' | 'conn'>,
    private region: () => string,
    private readonly priority = '',
    private readonly world: AlarmWorld = alarmWorld,
  ) {}

  start(): void {
    this.live.onChange((c) => this.heard(c));
    this.live.onResync(() => void this.fetchAll());
    this.live.conn.on(() => this.tell());
    this.lastTick = this.lastFreshen = this.world.now();
    this.tick();
    void this.fetchAll();
  }

  /** Every page, not only the head: the list works through all of it, the bar shows its top. */
  wantWhole(): void {
    if (this.whole) return;
    this.whole = true;
    void this.fetchAll();
  }

  onChange(fn: () => void): () => void {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  }

  sorted(): readonly Row[] {
    return (this.order ??= inOrder([...this.rows.values()]));
  }

  get(key: string): Row | undefined {
    return this.rows.get(key);
  }

  /** An answer of the API is as good as a record of the stream, and comes sooner. */
  take(row: Row): void {
    this.put(row);
    this.wantCounts();
  }

  refresh(): void {
    void this.fetchAll();
  }

  private url(offset: number, limit = PAGE): string {
    const priority = this.priority ? `&priority=${this.priority}&state=unack,rtn_unack` : '';
    return `/api/v1/alarms?region=${encodeURIComponent(this.region())}&limit=${limit}&offset=${offset}${priority}`;
  }

  private async ask(offset: number, limit = PAGE): Promise<Page | null> {
    try {
      const answer = await this.world.fetch(this.url(offset, limit));
      if (answer.status === 403) this.denied.set(true);
      return answer.ok ? ((await answer.json()) as Page) : null;
    } catch (error) {
      if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
      return null;
    }
  }

  private async fetchAll(): Promise<void> {
    const generation = ++this.generation;
    this.world.cancel(this.timers.retry);
    this.gone.clear();
    this.came.clear();
    const all = new Map<string, Row>();
    for (let offset: number | null = 0; offset !== null; ) {
      const page = await this.ask(offset);
      if (generation !== this.generation) return;
      if (!page) return this.failed();
      for (const row of page.rows) all.set(row.key, row);
      if (offset === 0) this.first(page);
      offset = this.whole ? page.next : null;
    }
    this.replace(all);
  }

  /** The head is on the screen before the rest has come. */
  private first(page: Page): void {
    for (const row of page.rows) this.put(row, false);
    this.counts.set(page.counts);
    this.well();
    this.tell();
  }

  private replace(all: Map<string, Row>): void {
    for (const [key, row] of this.rows) {
      const other = all.get(key);
      if (other ? row.version > other.version : this.came.has(key)) all.set(key, row);
    }
    for (const [key, version] of this.gone) if ((all.get(key)?.version ?? 0) <= version) all.delete(key);
    this.rows = all;
    this.gone.clear();
    this.order = null;
    this.tell();
  }

  private well(): void {
    this.asOf = this.lastFreshen = this.world.now();
    this.loaded = true;
    this.failing.set(0);
  }

  private failed(): void {
    if (!this.failing.value) this.failing.set(this.world.now());
    this.timers.retry = this.world.later(() => void this.fetchAll(), RETRY_MS);
    this.tell();
  }

  private put(row: Row, tell = true): void {
    const known = this.rows.get(row.key);
    if (known && known.version > row.version) return;
    if ((this.gone.get(row.key) ?? -1) >= row.version && row.version > 0) return;
    if (!this.stands(row)) this.rows.delete(row.key);
    else this.rows.set(row.key, row);
    this.order = null;
    if (tell) this.tell();
  }

  /** Held alarms have their own lists, and what is over is no alarm. */
  private stands(row: Row): boolean {
    if (row.type === 'alarm_group') return row.count > 0;
    return row.hold === null && row.ended_at === null && (!this.priority || (row.priority === this.priority && row.state !== 'acked'));
  }

  private heard(change: Change): void {
    const layers = (change.record as { layers?: string[] } | null)?.layers;
    if (change.topic === 'reload' && layers?.includes('alarm')) void this.fetchAll();
    if (change.topic !== 'alarm') return;
    const record = change.record as Row | null;
    if (change.op === 'remove' || !record) {
      const version = record?.version ?? this.rows.get(change.key)?.version ?? 0;
      this.gone.set(change.key, version);
      this.rows.delete(change.key);
      this.order = null;
      this.tell();
    } else {
      this.came.add(change.key);
      this.put(record);
    }
    this.wantCounts();
  }

  private wantCounts(): void {
    if (this.timers.counts) return;
    this.timers.counts = this.world.later(() => {
      this.timers.counts = null;
      void this.freshen(1);
    }, COUNTS_MS);
  }

  private async freshen(limit: number): Promise<void> {
    const generation = this.generation;
    const page = await this.ask(0, limit);
    if (generation !== this.generation) return;
    if (!page) return void this.fetchAll();
    for (const row of page.rows) this.put(row, false);
    this.counts.set(page.counts);
    if (limit > 1) this.lastFreshen = this.world.now();
    this.asOf = this.world.now();
    this.tell();
  }

  private tick(): void {
    const now = this.world.now();
    const slept = now - this.lastTick > SLEPT_MS;
    this.lastTick = now;
    if (slept) void this.fetchAll();
    else if (!this.failing.value && now - this.lastFreshen > FRESHEN_MS) {
      this.lastFreshen = now;
      void this.freshen(PAGE);
    }
    this.timers.tick = this.world.later(() => this.tick(), 1000);
  }

  stop(): void {
    this.generation++;
    for (const t of Object.values(this.timers)) this.world.cancel(t);
  }

  private tell(): void {
    // At once, not in the next frame: a hidden tab draws no frames and must sound all the same.
    if (this.told) return;
    this.told = true;
    queueMicrotask(() => {
      this.told = false;
      this.version++;
      for (const fn of [...this.listeners]) fn();
    });
  }
}

export type { Alarm };
