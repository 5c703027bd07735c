/** One push connection a page: hello, change, beat, resync (docs/live.md). Snapshot first, then the stream after it. */
import { Signal } from '../core/emit';
import type { Beat, Change, Conn, Counts, Item, Snapshot } from '../core/types';
import { DESK_ROWS, MAX_ROWS, RecordStore } from './store';

/** Two beats missed, and noticed within ten seconds with a watchdog that looks once a second. */
export const BEAT_LOST_MS = 8_500;
const BACKOFF_MS = [500, 1000, 2000, 4000, 5000] as const;
const POLL_MS = 15_000;
const SLEPT_MS = 5_000;
const COUNTS_EVERY_MS = 2_000;
/** Rows of one page behind the snapshot. */
const PAGE_ROWS = 2000;

/** What the client needs of the world; tests hand in their own. */
export interface World {
  fetch: (url: string, init?: RequestInit) => Promise<Response>;
  open: (url: string) => EventSource;
  now: () => number;
  later: (fn: () => void, ms: number) => unknown;
  cancel: (handle: unknown) => void;
  random: () => number;
  /** Tells when the machine's network goes (false) and comes (true); returns what ends it. */
  network?: (fn: (online: boolean) => void) => () => void;
}

export const browserWorld: World = {
  fetch: (url, init) => fetch(url, { credentials: 'same-origin', ...init }),
  open: (url) => new EventSource(url),
  now: () => Date.now(),
  later: (fn, ms) => setTimeout(fn, ms),
  cancel: (handle) => clearTimeout(handle as ReturnType<typeof setTimeout>),
  random: () => Math.random(),
  network: (fn) => {
    const gone = (): void => fn(false);
    const back = (): void => fn(true);
    window.addEventListener('offline', gone);
    window.addEventListener('online', back);
    return () => {
      window.removeEventListener('offline', gone);
      window.removeEventListener('online', back);
    };
  },
};

export interface LiveOptions {
  region: string;
  /** `past`: snapshots of the moment the page shows, when it asks; nothing is pushed. */
  mode: 'sse' | 'poll' | 'off' | 'past';
  /** Every open row, not only the head of the list, from then on: a desk works through it, a wall shows its top. */
  whole?: Promise<void> | null;
  /** Server time seen in hello, beat and snapshot. */
  onServerTime?: (now: string) => void;
}

export class LiveClient {
  readonly store: RecordStore;
  readonly conn = new Signal<Conn>('connecting');
  readonly counts = new Signal<Counts | null>(null);
  readonly beat = new Signal<Beat | null>(null);
  private readonly changes = new Set<(change: Change) => void>();
  private readonly resyncs = new Set<(reason: string) => void>();
  private source: EventSource | null = null;
  private region: string;
  private epoch = '';
  private last = -1;
  private lastHeard = 0;
  private lastTick = 0;
  private lostAt = 0;
  private attempt = 0;
  private generation = 0;
  private retry: unknown = null;
  private ticker: unknown = null;
  private countsTimer: unknown = null;
  private countsAt = 0;
  private countsBusy = false;
  private countsAgain = false;
  private etags = new Map<string, string>();
  /** Where the list goes on behind the snapshot. */
  private next = '';
  private stopped = true;
  private unplug: (() => void) | null = null;

  constructor(
    private readonly options: LiveOptions,
    private readonly world: World = browserWorld,
    store?: RecordStore,
  ) {
    this.region = options.region;
    this.store = store ?? new RecordStore(undefined, options.whole ? DESK_ROWS : MAX_ROWS);
  }

  onChange(fn: (change: Change) => void): () => void {
    this.changes.add(fn);
    return () => this.changes.delete(fn);
  }

  /** The rows were replaced by a snapshot because numbers may be missing. */
  onResync(fn: (reason: string) => void): () => void {
    this.resyncs.add(fn);
    return () => this.resyncs.delete(fn);
  }

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.lastHeard = this.lastTick = this.world.now();
    if (this.options.mode === 'off') {
      this.conn.set('off');
      return;
    }
    if (this.options.mode === 'past') {
      this.conn.set('off');
      void this.begin('start');
      return;
    }
    this.unplug = this.world.network?.((online) => this.network(online)) ?? null;
    this.tick();
    void this.begin('start');
  }

  stop(): void {
    this.stopped = true;
    this.generation++;
    this.close();
    this.unplug?.();
    for (const t of [this.retry, this.ticker, this.countsTimer]) this.world.cancel(t);
    this.retry = this.ticker = this.countsTimer = null;
  }

  /** Another region: new snapshot, new stream. */
  setRegion(region: string): void {
    if (region === this.region) return;
    this.region = region;
    this.etags.clear();
    if (!this.stopped && this.options.mode !== 'off') void this.begin('region');
  }

  /** Everything again: after a new local day, or on request. */
  refresh(reason: string): void {
    if (!this.stopped && this.options.mode !== 'off') void this.begin(reason);
  }

  /** `refresh`, and done when its rows are in place (or after `most` ms). */
  shown(reason: string, most: number): Promise<void> {
    return new Promise((done) => {
      const off = this.onResync(() => {
        off();
        done();
      });
      this.world.later(() => {
        off();
        done();
      }, most);
      this.refresh(reason);
    });
  }

  /** Seconds since the last sign of life of the server. */
  silentFor(): number {
    return (this.world.now() - this.lastHeard) / 1000;
  }

  /** When the connection was lost (local ms), or 0. */
  get since(): number {
    return this.lostAt;
  }

  private query(extra = ''): string {
    return `?region=${encodeURIComponent(this.region)}${extra}`;
  }

  private async begin(reason: string): Promise<void> {
    const generation = ++this.generation;
    this.close();
    this.world.cancel(this.retry);
    this.retry = null;
    if (!(await this.snapshot(generation, reason))) return;
    if (generation !== this.generation || this.stopped) return;
    if (this.next) void this.follow(generation, this.next);
    if (this.options.mode === 'past') return;
    if (this.options.mode === 'poll') {
      this.retry = this.world.later(() => void this.begin('poll'), POLL_MS);
      return;
    }
    this.connect(generation);
  }

  /** Fetches and applies the snapshot; on failure plans the next try. */
  private async snapshot(generation: number, reason: string): Promise<boolean> {
    const url = `/api/v1/live/snapshot${this.query()}`;
    try {
      const etag = this.options.mode === 'poll' ? this.etags.get(url) : undefined;
      const response = await this.world.fetch(url, etag ? { headers: { 'If-None-Match': etag } } : {});
      if (generation !== this.generation) return false;
      if (response.status === 401 || response.status === 403) return this.fail(generation, true);
      if (response.status === 304) return this.alive();
      if (!response.ok) return this.fail(generation, false);
      const snap = (await response.json()) as Snapshot;
      if (generation !== this.generation) return false;
      const tag = response.headers.get('etag');
      if (tag) this.etags.set(url, tag);
      this.take(snap);
      if (reason !== 'start') for (const fn of [...this.resyncs]) fn(reason);
      return this.options.mode === 'poll' ? this.alive() : true;
    } catch (error) {
      // Network errors and broken JSON are the same to the viewer: the connection strip says so and it tries again.
      if (generation === this.generation) this.fail(generation, false);
      if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
      return false;
    }
  }

  private take(snap: Snapshot): void {
    this.epoch = String(snap.feed.epoch);
    this.last = snap.feed.last_no;
    this.options.onServerTime?.(snap.now);
    this.next = this.options.whole ? (snap.next ?? '') : '';
    this.store.replace(snap.rows, this.next !== '');
    if (snap.counts) this.counts.set(snap.counts);
    this.lastHeard = this.world.now();
  }

  /** The rest of a long list, page by page beside the stream. A page that fails is asked for with the next snapshot. */
  private async follow(generation: number, next: string): Promise<void> {
    let after: string | null = next;
    let all = false;
    await this.options.whole;
    try {
      while (after && generation === this.generation) {
        const response = await this.world.fetch(`/api/v1/live/rows${this.query(`&limit=${PAGE_ROWS}&after=${encodeURIComponent(after)}`)}`);
        if (generation !== this.generation || !response.ok) break;
        const rest = (await response.json()) as { rows: Item[]; next: string | null };
        if (generation !== this.generation) break;
        after = this.store.add(rest.rows) ? rest.next : null;
        all = !rest.next;
      }
    } catch (error) {
      if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
    }
    if (generation === this.generation) this.store.settle(all);
  }

  private connect(generation: number): void {
    // The browser's own retry cannot tell 401 from an outage and waits as long as it likes; ours does neither.
    const source = this.world.open(`/live${this.query(`&last=${encodeURIComponent(`${this.epoch}-${this.last}`)}`)}`);
    this.source = source;
    const on = (name: string, fn: (data: string) => void): void =>
      source.addEventListener(name, (e) => {
        if (generation !== this.generation) return;
        this.lastHeard = this.world.now();
        fn((e as MessageEvent<string>).data);
      });
    on('hello', (data) => this.hello(JSON.parse(data) as { epoch: string | number; now: string }));
    on('change', (data) => this.change(JSON.parse(data) as Change));
    on('beat', (data) => this.heard(JSON.parse(data) as Beat));
    on('resync', (data) => void this.begin((JSON.parse(data) as { reason?: string }).reason ?? 'resync'));
    source.onerror = () => {
      if (generation !== this.generation) return;
      this.close();
      void this.probe(generation);
    };
  }

  private hello(hello: { epoch: string | number; now: string }): void {
    this.options.onServerTime?.(hello.now);
    if (String(hello.epoch) !== this.epoch) {
      void this.begin('epoch');
      return;
    }
    this.alive();
  }

  private change(change: Change): void {
    if (change.no <= this.last) return;
    this.last = change.no;
    if (change.topic === 'case' || change.topic === 'event') {
      this.store.apply(change.key, change.op, change.record as Item | null, this.world.now());
      this.wantCounts(400);
    } else if (change.topic === 'device' || change.topic === 'reload') this.wantCounts(5000);
    for (const fn of [...this.changes]) fn(change);
  }

  private heard(beat: Beat): void {
    this.options.onServerTime?.(beat.now);
    this.beat.set(beat);
    this.alive();
  }

  private alive(): true {
    this.lastHeard = this.world.now();
    this.attempt = 0;
    this.lostAt = 0;
    this.conn.set('open');
    return true;
  }

  /** After a broken stream: signed out, or only unreachable? */
  private async probe(generation: number): Promise<void> {
    let denied = false;
    try {
      const response = await this.world.fetch(`/api/v1/live/counts${this.query()}`);
      denied = response.status === 401;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    if (generation === this.generation && !this.stopped) this.fail(generation, denied);
  }

  private fail(generation: number, denied: boolean): false {
    if (generation !== this.generation || this.stopped) return false;
    this.close();
    if (denied) this.lose('signed-out');
    else if (this.silentFor() * 1000 >= BEAT_LOST_MS) this.lose('lost');
    const base = denied ? 30_000 : (BACKOFF_MS[Math.min(this.attempt, BACKOFF_MS.length - 1)] ?? 5000);
    this.attempt++;
    // Jitter: two hundred screens must not knock in the same instant after a restart.
    const wait = base * (0.75 + this.world.random() * 0.5);
    this.world.cancel(this.retry);
    this.retry = this.world.later(() => void this.begin('reconnect'), wait);
    return false;
  }

  private lose(state: 'lost' | 'signed-out'): void {
    if (!this.lostAt) this.lostAt = this.lastHeard;
    this.conn.set(state);
  }

  private close(): void {
    this.source?.close();
    this.source = null;
  }

  /** A stream over a network that is gone may linger for minutes: it is replaced; back again, nobody waits for the next try. */
  private network(online: boolean): void {
    if (this.stopped) return;
    if (online && !this.source) void this.begin('reconnect');
    else if (!online && this.source) this.fail(this.generation, false);
  }

  /** Watchdog, once a second. A late tick means a sleeping machine or a throttled tab: that silence is not the server's. */
  private tick(): void {
    const now = this.world.now();
    const gap = now - this.lastTick;
    this.lastTick = now;
    if (gap > SLEPT_MS && this.source) {
      this.lastHeard = Math.max(this.lastHeard, now - BEAT_LOST_MS / 2);
    } else if (now - this.lastHeard > BEAT_LOST_MS && this.options.mode === 'sse') {
      if (this.conn.value !== 'signed-out') this.lose('lost');
      // A half-open socket never errors: replace it.
      if (this.source) this.fail(this.generation, false);
    } else if (this.options.mode === 'poll' && now - this.lastHeard > 3 * POLL_MS && this.conn.value === 'open') this.lose('lost');
    this.ticker = this.world.later(() => this.tick(), 1000);
  }

  /** Counts at most once in two seconds, `soon` ms after the first reason. */
  wantCounts(soon: number): void {
    if (this.stopped || this.options.mode === 'past') return;
    if (this.countsTimer !== null) {
      this.countsAgain ||= this.countsBusy;
      return;
    }
    this.countsTimer = this.world.later(
      () => {
        this.countsBusy = true;
        void this.fetchCounts().finally(() => {
          this.countsBusy = false;
          this.countsTimer = null;
          if (this.countsAgain) {
            this.countsAgain = false;
            this.wantCounts(0);
          }
        });
      },
      Math.max(soon, this.countsAt + COUNTS_EVERY_MS - this.world.now()) + this.world.random() * 200,
    );
  }

  private async fetchCounts(): Promise<void> {
    const url = `/api/v1/live/counts${this.query()}`;
    const region = this.region;
    const etag = this.etags.get(url);
    this.countsAt = this.world.now();
    try {
      const response = await this.world.fetch(url, etag ? { headers: { 'If-None-Match': etag } } : {});
      if (response.status === 304 || !response.ok || region !== this.region) return;
      const tag = response.headers.get('etag');
      if (tag) this.etags.set(url, tag);
      const body = (await response.json()) as Counts | { counts: Counts };
      if (region === this.region) this.counts.set('counts' in body ? body.counts : body);
    } catch (error) {
      // Unreachable: the watchdog tells the viewer; the next change asks again.
      if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
    }
  }
}
