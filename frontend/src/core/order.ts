/** Order of the work list: incidents by level, then 特急, 紧急, 一般; inside each by deadline, then newest. */
import type { Item } from './types';

const RANK = { critical: 10, urgent: 11, routine: 12 } as const;

export function isIncident(item: Item): boolean {
  return item.flow === 'incident';
}

export function rank(item: Item): number {
  return isIncident(item) ? (item.level ?? 5) : RANK[item.urgency];
}

interface Keys {
  rank: number;
  due: number;
  opened: number;
}

/** A record never changes (a change is another object): what it is ordered by is read from its texts once. */
const known = new WeakMap<Item, Keys>();

function keys(item: Item): Keys {
  let k = known.get(item);
  if (!k) {
    const due = item.due_at && item.due_kind !== 'none' ? Date.parse(item.due_at) : Infinity;
    k = { rank: rank(item), due, opened: Date.parse(item.opened_at || item.occurred_at) };
    known.set(item, k);
  }
  return k;
}

export function compare(a: Item, b: Item): number {
  const x = keys(a);
  const y = keys(b);
  if (x.rank !== y.rank) return x.rank - y.rank;
  if (x.due !== y.due) return x.due < y.due ? -1 : 1;
  return y.opened - x.opened || b.id - a.id;
}

export function newest(a: Item, b: Item): number {
  return keys(b).opened - keys(a).opened || b.id - a.id;
}

/** Two lists in `compare` order as one. */
export function merged(a: readonly Item[], b: readonly Item[]): Item[] {
  const out: Item[] = [];
  let i = 0;
  for (const item of b) {
    for (let next = a[i]; next && compare(next, item) <= 0; next = a[++i]) out.push(next);
    out.push(item);
  }
  return i < a.length ? out.concat(a.slice(i)) : out;
}

export interface Filter {
  show?: 'all' | 'mine' | 'incidents' | 'cases' | 'overdue' | 'closed' | undefined;
  urgency?: string[] | undefined;
  flow?: string[] | undefined;
  topic?: string[] | undefined;
}

/** Whether a record belongs to one of the topics asked for; none asked for: all do. */
export function ofTopics(item: Item, topics: readonly string[] | undefined): boolean {
  return !topics?.length || (item.topics ?? []).some((t) => topics.includes(t));
}

/** `mine`: keys of what waits for the reader's next step, as the server has them; only `show: 'mine'` asks for them. */
export function matches(item: Item, filter: Filter, nowMs: number, mine?: ReadonlySet<string>): boolean {
  const show = filter.show ?? 'all';
  if (show === 'mine' ? item.closed && !item.awaits : (show === 'closed') !== item.closed) return false;
  if (show === 'incidents' && !isIncident(item)) return false;
  if (show === 'mine' && !mine?.has(item.key)) return false;
  if (show === 'cases' && isIncident(item)) return false;
  if (show === 'overdue' && !(item.due_at && item.due_kind === 'countdown' && Date.parse(item.due_at) < nowMs)) return false;
  if (filter.urgency?.length && !filter.urgency.includes(item.urgency)) return false;
  if (filter.flow?.length && !filter.flow.includes(item.flow)) return false;
  return ofTopics(item, filter.topic);
}
