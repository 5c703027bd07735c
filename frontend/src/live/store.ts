/** Rows of the work list as the page knows them. Bounded; a row keeps its identity while its version is the same. */
import { compare, merged } from '../core/order';
import type { Item } from '../core/types';

/** A wall shows the head of the list; a desk works through all of it. */
export const MAX_ROWS = 2000;
export const DESK_ROWS = 60_000;
const CLOSED_KEEP_MS = 3_600_000;

export class RecordStore {
  private rows = new Map<string, Item>();
  private readonly closedAt = new Map<string, number>();
  private readonly listeners = new Set<() => void>();
  /** Kept from before the last snapshot, until its pages have come. */
  private readonly unconfirmed = new Set<string>();
  private paging = false;
  /** Removed by the stream while pages arrive: one that was asked for earlier must not bring them back. */
  private readonly removed = new Set<string>();
  private scheduled = false;
  /** Counts up with every change that listeners are told of. */
  version = 0;
  /** False until the first snapshot. */
  loaded = false;

  /** Rows in `compare` order as last asked for, and the keys of rows that have changed since; null: all of them. */
  private order: readonly Item[] = [];
  private dirty: Set<string> | null = null;

  constructor(
    private readonly schedule: (fn: () => void) => void = defer,
    private readonly max = MAX_ROWS,
  ) {}

  all(): Item[] {
    return [...this.rows.values()];
  }

  /** All rows in `compare` order. One change among fifty thousand rows is put in its place, not a reason to sort them. */
  sorted(): readonly Item[] {
    if (this.dirty === null) this.order = this.all().sort(compare);
    else if (this.dirty.size) {
      const dirty = this.dirty;
      const fresh = [...dirty].flatMap((key) => this.rows.get(key) ?? []).sort(compare);
      this.order = merged(this.order.filter((r) => !dirty.has(r.key)), fresh);
    }
    this.dirty = new Set();
    return this.order;
  }

  get(key: string): Item | undefined {
    return this.rows.get(key);
  }

  get size(): number {
    return this.rows.size;
  }

  /** Rows of the page's first HTML: shown until the snapshot arrives. */
  seed(rows: readonly Item[]): void {
    if (this.loaded) return;
    const all = new Map(this.rows);
    for (const row of rows) all.set(row.key, row);
    this.rows = all;
    this.dirty = null;
    this.changed();
  }

  /**
   * A snapshot is the whole truth of its scope, or of the head of its list (`more`): then rows known from before that come
   * after it stay, unconfirmed, until the pages behind it have arrived. Rows of the same version keep their object.
   */
  replace(rows: readonly Item[], more = false): void {
    const next = new Map<string, Item>();
    for (const row of rows) next.set(row.key, this.keep(row));
    this.paging = more;
    this.unconfirmed.clear();
    this.removed.clear();
    const last = rows[rows.length - 1];
    const before = more && this.loaded ? [...this.rows.values()] : [];
    for (const row of before)
      if (last && !next.has(row.key) && compare(row, last) > 0) {
        next.set(row.key, row);
        this.unconfirmed.add(row.key);
      }
    this.rows = next;
    this.dirty = null;
    for (const key of [...this.closedAt.keys()]) if (!next.has(key)) this.closedAt.delete(key);
    this.loaded = true;
    this.changed();
  }

  /** A page behind the snapshot. What the stream said meanwhile is newer. False when there is no room for more. */
  add(rows: readonly Item[]): boolean {
    for (const row of rows) {
      this.unconfirmed.delete(row.key);
      const known = this.rows.get(row.key);
      if (!this.removed.has(row.key) && (!known || known.version < row.version)) this.put(row);
    }
    this.changed();
    return this.rows.size < this.max;
  }

  /** No more pages. When all of them came, rows that none of them had are gone. */
  settle(all: boolean): void {
    this.paging = false;
    this.removed.clear();
    if (!all) return;
    for (const key of this.unconfirmed) this.drop(key);
    this.unconfirmed.clear();
    this.changed();
  }

  /** One change. Returns false when it was already known (older or equal version). */
  apply(key: string, op: string, record: Item | null, nowMs: number): boolean {
    if (op === 'delete' || op === 'remove' || record === null) {
      if (this.paging) this.removed.add(key);
      this.unconfirmed.delete(key);
      if (!this.drop(key)) return false;
      this.closedAt.delete(key);
      this.changed();
      return true;
    }
    const known = this.rows.get(key);
    if (known && known.version >= record.version) return false;
    this.removed.delete(key);
    this.unconfirmed.delete(key);
    this.put(record);
    if (record.closed) this.closedAt.set(key, nowMs);
    else this.closedAt.delete(key);
    this.trim(nowMs);
    this.changed();
    return true;
  }

  onChange(fn: () => void): () => void {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  }

  private keep(row: Item): Item {
    const known = this.rows.get(row.key);
    return known && known.version === row.version ? known : row;
  }

  private trim(nowMs: number): void {
    for (const [key, at] of this.closedAt)
      if (nowMs - at > CLOSED_KEEP_MS) {
        this.closedAt.delete(key);
        this.drop(key);
      }
    // The oldest routine rows go first: a screen open for weeks must not grow.
    if (this.rows.size <= this.max) return;
    const spare = [...this.rows.values()].filter((r) => r.urgency === 'routine' && r.flow !== 'incident');
    spare.sort((a, b) => Number(b.closed) - Number(a.closed) || Date.parse(a.opened_at) - Date.parse(b.opened_at));
    for (const row of spare.slice(0, this.rows.size - this.max)) this.drop(row.key);
  }

  private put(row: Item): void {
    this.rows.set(row.key, row);
    this.dirty?.add(row.key);
  }

  private drop(key: string): boolean {
    this.dirty?.add(key);
    return this.rows.delete(key);
  }

  private changed(): void {
    this.version++;
    if (this.scheduled) return;
    this.scheduled = true;
    this.schedule(() => {
      this.scheduled = false;
      for (const fn of [...this.listeners]) fn();
    });
  }
}

/** Next frame; in a hidden tab, where frames stop, within 200 ms. */
function defer(fn: () => void): void {
  if (typeof requestAnimationFrame === 'function' && !document.hidden) requestAnimationFrame(fn);
  else setTimeout(fn, 200);
}
