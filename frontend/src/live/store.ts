/** Rows of the work list as the page knows them. Bounded; a row keeps its identity while its version is the same. */
import type { Item } from '../core/types';

export const MAX_ROWS = 2000;
const CLOSED_KEEP_MS = 3_600_000;

export class RecordStore {
  private rows = new Map<string, Item>();
  private readonly closedAt = new Map<string, number>();
  private readonly listeners = new Set<() => void>();
  private scheduled = false;
  /** Counts up with every change that listeners are told of. */
  version = 0;
  /** False until the first snapshot. */
  loaded = false;

  constructor(private readonly schedule: (fn: () => void) => void = defer) {}

  all(): Item[] {
    return [...this.rows.values()];
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
    const merged = new Map(this.rows);
    for (const row of rows) merged.set(row.key, row);
    this.rows = merged;
    this.changed();
  }

  /** A snapshot is the whole truth of its scope; rows of the same version keep their object. */
  replace(rows: readonly Item[]): void {
    const next = new Map<string, Item>();
    for (const row of rows) next.set(row.key, this.keep(row));
    this.rows = next;
    for (const key of [...this.closedAt.keys()]) if (!next.has(key)) this.closedAt.delete(key);
    this.loaded = true;
    this.changed();
  }

  /** One change. Returns false when it was already known (older or equal version). */
  apply(key: string, op: string, record: Item | null, nowMs: number): boolean {
    if (op === 'delete' || op === 'remove' || record === null) {
      if (!this.rows.delete(key)) return false;
      this.closedAt.delete(key);
      this.changed();
      return true;
    }
    const known = this.rows.get(key);
    if (known && known.version >= record.version) return false;
    this.rows.set(key, record);
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
        this.rows.delete(key);
      }
    // The oldest routine rows go first: a screen open for weeks must not grow.
    if (this.rows.size <= MAX_ROWS) return;
    const spare = [...this.rows.values()].filter((r) => r.urgency === 'routine' && r.flow !== 'incident');
    spare.sort((a, b) => Number(b.closed) - Number(a.closed) || Date.parse(a.opened_at) - Date.parse(b.opened_at));
    for (const row of spare.slice(0, this.rows.size - MAX_ROWS)) this.rows.delete(row.key);
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
