/** Rows picked for one step with all of them. A set, so that a row among fifty thousand is asked for at no cost. */
import { Signal } from './emit';
import { isIncident } from './order';
import type { Item } from './types';

/** As many as the server takes at once. */
export const MOST = 200;

/** Cases are worked on; reports nobody has taken up, incidents and closed rows are not. */
export function pickable(item: Item): boolean {
  return item.type === 'case' && !item.closed && !isIncident(item);
}

export class Picked {
  /** Counts up with every change. */
  readonly version = new Signal(0);
  private keys = new Set<string>();
  /** Where a stretch begins, and what was picked before it. */
  private anchor = '';
  private base: ReadonlySet<string> = new Set();

  has(key: string): boolean {
    return this.keys.has(key);
  }

  get size(): number {
    return this.keys.size;
  }

  list(): string[] {
    return [...this.keys];
  }

  /** Picks or lets go. False when there is no room for one more. */
  toggle(key: string): boolean {
    const next = new Set(this.keys);
    if (!next.delete(key)) {
      if (next.size >= MOST) return false;
      next.add(key);
    }
    this.anchor = key;
    this.base = next;
    this.set(next);
    return true;
  }

  /** The stretch of `rows` from where it began (`from`, the first time) to `to`, beside what was picked before. */
  stretch(rows: readonly Item[], from: string, to: string): void {
    if (!this.anchor || !rows.some((r) => r.key === this.anchor)) {
      this.anchor = from;
      this.base = new Set(this.keys);
    }
    const a = rows.findIndex((r) => r.key === this.anchor);
    const b = rows.findIndex((r) => r.key === to);
    if (a < 0 || b < 0) return;
    const next = new Set(this.base);
    for (let i = a; ; i += a < b ? 1 : -1) {
      const row = rows[i];
      if (row && pickable(row) && next.size < MOST) next.add(row.key);
      if (i === b) break;
    }
    this.set(next);
  }

  /** Lets go of whatever is not wanted any more. */
  keep(wanted: (key: string) => boolean): void {
    const next = new Set([...this.keys].filter(wanted));
    if (next.size === this.keys.size) return;
    this.base = next;
    this.set(next);
  }

  clear(): void {
    this.anchor = '';
    this.base = new Set();
    if (this.keys.size) this.set(new Set());
  }

  private set(next: Set<string>): void {
    this.keys = next;
    this.version.set(this.version.value + 1);
  }
}
