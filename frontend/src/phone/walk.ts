/** A patrol (巡查) or visits (走访) while it is open: the place followed, the track kept on the phone, sent in pieces. */
import type { App } from './app';
import { newKey, type Rows } from './db';
import { fixOf, type Fix, type Trouble } from './locate';
import { adds, MIN_GAP_MS, walked, type TrackPoint } from './track';
import type { Cell, Entry, Patrol, TrackRow, Walk, WalkKind, WalkPart } from './types';
import { word, type Word } from './words';

const CRS = 'EPSG:4326';
/** A piece goes out when it holds so many points or is so old; without a network it grows, so that few wait. */
const PIECE = { online: 30, offline: 400, ms: 60_000 };
const WATCH: PositionOptions = { enableHighAccuracy: true, maximumAge: 10_000, timeout: 30_000 };
const RETRY_MS = 15_000;
const LONGEST_MS = 24 * 3_600_000;

export type Recording = 'no' | 'waiting' | 'yes' | 'elsewhere' | Trouble;

export class Walks {
  open: Walk | null = null;
  /** All begun here and not forgotten yet, newest first. */
  mine: Walk[] = [];
  recording: Recording = 'no';
  fix: Fix | null = null;
  points: TrackPoint[] = [];
  private rows: TrackRow[] = [];
  private watchId: number | null = null;
  private release: (() => void) | null = null;
  private writing: Promise<void> = Promise.resolve();
  private later: ReturnType<typeof setTimeout> | undefined;
  private lamp: { release(): Promise<void> } | null = null;

  constructor(
    private readonly app: App,
    private readonly store: Rows,
  ) {
    document.addEventListener('visibilitychange', () => document.hidden || void this.light());
    setInterval(() => this.tick(), RETRY_MS);
  }

  /** What this officer has begun on this phone; recording goes on where it was left. */
  async load(login: string): Promise<void> {
    const all = (await this.store.all<Walk>('walk')).filter((w) => w.login === login);
    this.mine = all.sort((a, b) => b.begunAt - a.begunAt);
    const open = this.mine.find((w) => !w.endedAt) ?? null;
    if (open?.id === this.open?.id) {
      this.open = open;
      return;
    }
    this.stop();
    this.open = open;
    if (open) await this.take(open);
  }

  private async take(walk: Walk): Promise<void> {
    this.rows = await this.pieces(walk.id);
    this.points = this.rows.flatMap((r) => r.points).sort((a, b) => a.at - b.at);
    await this.follow();
  }

  async pieces(walkId: string): Promise<TrackRow[]> {
    return (await this.store.all<TrackRow>('track')).filter((r) => r.walk === walkId).sort((a, b) => a.n - b.n);
  }

  get distance(): number {
    return walked(this.points);
  }

  // ---------------------------------------------------------------- begin, end

  async start(kind: WalkKind, cell: Cell): Promise<void> {
    if (this.open) return;
    const key = newKey();
    const walk: Walk = { id: `${this.app.account}/${key}`, key, login: this.app.account, kind, cell, begunAt: this.app.now(), endedAt: 0 };
    await this.store.put('walk', walk);
    const begun_at = new Date(walk.begunAt).toISOString();
    await this.send(walk, 'start', { kind, begun_at, grid_cell_id: cell.grid_cell_id }, this.title(walk, 'start'));
    await this.load(this.app.account);
    this.app.changed();
  }

  async end(note: string): Promise<void> {
    const walk = this.open;
    if (!walk) return;
    await this.writing;
    await this.flush(walk);
    const ended: Walk = { ...((await this.store.get<Walk>('walk', walk.id)) ?? walk), endedAt: this.app.now() };
    await this.store.put('walk', ended);
    await this.send(ended, 'end', { ended_at: new Date(ended.endedAt).toISOString(), note }, this.title(ended, 'end'));
    this.stop();
    this.open = null;
    await this.load(this.app.account);
    this.app.changed();
  }

  /** Ends one that was begun on another phone, at the latest when the server would have to. */
  async endElsewhere(p: Patrol): Promise<void> {
    const begunAt = Date.parse(p.begun_at);
    const key = `far${p.patrol_id}`;
    const cell: Cell = { grid_cell_id: 0, code: p.grid_code ?? '', name: p.grid_name ?? '', kind: { zh: '', en: '' }, mine: false, away_m: null };
    const walk: Walk = { id: `${this.app.account}/${key}`, key, login: this.app.account, kind: p.kind, cell, begunAt, endedAt: Math.min(this.app.now(), begunAt + LONGEST_MS), patrolId: p.patrol_id };
    await this.store.put('walk', walk);
    await this.send(walk, 'end', { ended_at: new Date(walk.endedAt).toISOString(), note: '' }, this.title(walk, 'end'));
    await this.load(this.app.account);
  }

  /** A finding or a visit of a patrol of this phone; one that is finished after the end still belongs to it. */
  async part(key: string, part: 'finding' | 'visit', body: Record<string, unknown>, title: string, more: Partial<Entry> = {}): Promise<void> {
    const walk = this.mine.find((w) => w.key === key);
    if (!walk) throw new Error(`no walk ${key}`);
    await this.send(walk, part, body, title, more);
  }

  private title(walk: Walk, part: 'start' | 'end' | 'track', n = 0): string {
    const { lang } = this.app;
    return word(`walk.entry.${part}`, lang, { kind: word(`walk.${walk.kind}` as Word, lang), cell: walk.cell.name || walk.cell.code, n });
  }

  private send(walk: Walk, part: WalkPart, body: Record<string, unknown>, title: string, more: Partial<Entry> = {}): Promise<void> {
    return this.app.act({ kind: 'walk', title, ...more, walk: { key: walk.key, part, body } });
  }

  // ---------------------------------------------------------------- the track

  /** Follows the place in one tab of this browser: two would write the same walk twice. */
  private async follow(): Promise<void> {
    const walk = this.open;
    if (!walk || this.watchId !== null) return;
    if (!window.isSecureContext || !navigator.geolocation) {
      this.recording = window.isSecureContext ? 'unsupported' : 'insecure';
      return;
    }
    if (navigator.locks && !this.release && !(await this.alone(walk.id))) {
      this.recording = 'elsewhere';
      return;
    }
    this.recording = this.points.length && this.fix ? 'yes' : 'waiting';
    this.seed();
    this.watchId = navigator.geolocation.watchPosition((p) => this.placed(p), (e) => this.failed(e), WATCH);
    void this.light();
  }

  /** The page may know where it is already: the walk begins there, not with the next fix. */
  private seed(): void {
    const { here } = this.app;
    const old = here ? Date.now() - here.at : Infinity;
    if (!here || old > 30_000) return;
    this.fix = { ...here, at: this.app.now() - old };
    this.recording = 'yes';
    if (this.open && this.fix.at >= this.open.begunAt - 30_000) this.note(this.app.now());
  }

  private alone(id: string): Promise<boolean> {
    return new Promise((got) => {
      void navigator.locks.request(`ioc-walk-${id}`, { ifAvailable: true }, (lock) => {
        if (!lock) return got(false);
        got(true);
        return new Promise<void>((done) => { this.release = done; });
      });
    });
  }

  private placed(p: GeolocationPosition): void {
    // the track is told in the server's time, as everything else
    this.fix = { ...fixOf(p), at: this.app.now() - Math.min(10_000, Math.max(0, Date.now() - p.timestamp)) };
    this.recording = 'yes';
    this.app.seen(p);
    this.note(this.fix.at);
  }

  /** Keeps the newest fix as a point of the track, now or when the time between two points has passed: a phone that stops
   *  moving may give no other. */
  private note(now: number): void {
    clearTimeout(this.later);
    const { open: walk, fix } = this;
    const last = this.points.at(-1);
    if (!walk || !fix || (last && fix.at <= last.at)) return;
    if (!adds(last, { ...fix, at: now })) {
      const wait = last ? last.at + MIN_GAP_MS - now : 0;
      if (wait > 0) this.later = setTimeout(() => this.note(this.app.now()), wait);
      return;
    }
    const { at, lon, lat, accuracy_m } = fix;
    this.points.push({ at, lon, lat, accuracy_m });
    this.writing = this.writing.then(() => this.write(walk, { at, lon, lat, accuracy_m })).catch((e: unknown) => console.error(e));
    this.app.changed();
  }

  private failed(e: GeolocationPositionError): void {
    this.recording = e.code === e.PERMISSION_DENIED ? 'denied' : e.code === e.TIMEOUT ? 'timeout' : 'unavailable';
    // a refused watch never comes back by itself; the others go on
    if (e.code === e.PERMISSION_DENIED) this.unwatch();
    this.app.changed();
  }

  private async write(walk: Walk, point: TrackPoint): Promise<void> {
    const last = this.rows.at(-1);
    const row: TrackRow = last && !last.queued ? { ...last, points: [...last.points, point] } : { id: `${walk.id}/${this.rows.length}`, walk: walk.id, n: this.rows.length, queued: false, points: [point] };
    await this.store.put('track', row);
    this.rows = [...this.rows.slice(0, row.n), row];
    const old = point.at - row.points[0]!.at >= PIECE.ms && this.app.net === 'online';
    if (old || row.points.length >= (this.app.net === 'online' ? PIECE.online : PIECE.offline)) await this.flush(walk);
  }

  /** The piece being written goes on its way. Queued first, then marked: in doubt it is sent twice, which is all right. */
  private async flush(walk: Walk): Promise<void> {
    const row = this.rows.at(-1);
    if (!row || row.queued || !row.points.length) return;
    const points = row.points.map((p) => ({ at: new Date(p.at).toISOString(), lon: p.lon, lat: p.lat, accuracy_m: p.accuracy_m }));
    await this.send(walk, 'track', { points, crs: CRS }, this.title(walk, 'track', points.length));
    const done = { ...row, queued: true };
    await this.store.put('track', done);
    this.rows = [...this.rows.slice(0, row.n), done];
  }

  /** Points recorded and not yet on the server. */
  unsent(walk: Walk | null): number {
    if (!walk) return 0;
    const queued = this.app.queue.filter((e) => e.walk?.key === walk.key && e.walk.part === 'track').reduce((n, e) => n + ((e.walk?.body['points'] as unknown[]).length ?? 0), 0);
    const row = walk.id === this.open?.id ? this.rows.at(-1) : undefined;
    return queued + (row && !row.queued ? row.points.length : 0);
  }

  private tick(): void {
    const walk = this.open;
    if (!walk) return;
    if (this.watchId === null && this.recording !== 'denied') void this.follow().then(() => this.app.changed());
    const row = this.rows.at(-1);
    if (this.app.net === 'online' && row && !row.queued && row.points[0] && this.app.now() - row.points[0].at >= PIECE.ms) this.writing = this.writing.then(() => this.flush(walk)).catch((e: unknown) => console.error(e));
  }

  /** Asks again after a refusal was taken back. */
  async again(): Promise<void> {
    this.unwatch();
    this.recording = 'waiting';
    await this.follow();
    this.app.changed();
  }

  private unwatch(): void {
    if (this.watchId !== null) navigator.geolocation.clearWatch(this.watchId);
    this.watchId = null;
  }

  private stop(): void {
    this.unwatch();
    clearTimeout(this.later);
    this.release?.();
    this.release = null;
    this.recording = 'no';
    this.rows = [];
    this.points = [];
    void this.lamp?.release().catch(() => undefined);
    this.lamp = null;
  }

  /** The screen stays on while a track is recorded: a dark phone gives no places. */
  private async light(): Promise<void> {
    const wake = (navigator as Navigator & { wakeLock?: { request(kind: 'screen'): Promise<{ release(): Promise<void> }> } }).wakeLock;
    if (!this.open || this.watchId === null || !wake || document.hidden) return;
    this.lamp = await wake.request('screen').catch(() => null);
  }

  /** What is on the server, told by its list, is forgotten here with its points. */
  async forget(known: readonly number[]): Promise<void> {
    for (const walk of this.mine) {
      const waiting = this.app.queue.some((e) => e.walk?.key === walk.key && e.state !== 'sent') || this.app.drafts.some((d) => d.id.endsWith(`:${walk.key}`));
      if (!walk.endedAt || waiting || walk.patrolId === undefined || !known.includes(walk.patrolId)) continue;
      for (const row of await this.pieces(walk.id)) await this.store.del('track', row.id);
      await this.store.del('walk', walk.id);
    }
    await this.load(this.app.account);
  }

  /** A beginning that was refused and given up takes everything of its patrol with it. */
  async drop(key: string): Promise<void> {
    const id = `${this.app.account}/${key}`;
    for (const e of this.app.queue.filter((q) => q.walk?.key === key)) await this.store.del('queue', e.id);
    for (const row of await this.pieces(id)) await this.store.del('track', row.id);
    await this.store.del('walk', id);
    await this.load(this.app.account);
  }
}
