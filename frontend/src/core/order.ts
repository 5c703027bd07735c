/** Order of the work list: incidents by level, then 特急, 紧急, 一般; inside each by deadline, then newest. */
import type { Item } from './types';

const RANK = { critical: 10, urgent: 11, routine: 12 } as const;

export function isIncident(item: Item): boolean {
  return item.flow === 'incident';
}

export function rank(item: Item): number {
  return isIncident(item) ? (item.level ?? 5) : RANK[item.urgency];
}

export function compare(a: Item, b: Item): number {
  const r = rank(a) - rank(b);
  if (r) return r;
  const da = a.due_at && a.due_kind !== 'none' ? Date.parse(a.due_at) : Infinity;
  const db = b.due_at && b.due_kind !== 'none' ? Date.parse(b.due_at) : Infinity;
  if (da !== db) return da < db ? -1 : 1;
  return newest(a, b);
}

export function newest(a: Item, b: Item): number {
  const oa = Date.parse(a.opened_at || a.occurred_at);
  const ob = Date.parse(b.opened_at || b.occurred_at);
  return ob - oa || b.id - a.id;
}

export interface Filter {
  show?: 'all' | 'incidents' | 'cases' | 'overdue' | 'closed' | undefined;
  urgency?: string[] | undefined;
  flow?: string[] | undefined;
}

export function matches(item: Item, filter: Filter, nowMs: number): boolean {
  const show = filter.show ?? 'all';
  if ((show === 'closed') !== item.closed) return false;
  if (show === 'incidents' && !isIncident(item)) return false;
  if (show === 'cases' && isIncident(item)) return false;
  if (show === 'overdue' && !(item.due_at && item.due_kind !== 'none' && Date.parse(item.due_at) < nowMs)) return false;
  if (filter.urgency?.length && !filter.urgency.includes(item.urgency)) return false;
  return !(filter.flow?.length && !filter.flow.includes(item.flow));
}
