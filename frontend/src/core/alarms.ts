/** Alarms and floods as the server sends them (docs/alarms.md, tests/golden/alarm*.json), their order, and what a row says of its value. */
import { freshness } from './fresh';
import type { Lang, Text } from './types';

export type Priority = 'urgent' | 'high' | 'medium' | 'low';
export type AlarmState = 'unack' | 'acked' | 'rtn_unack' | 'normal';
export type Action = 'ack' | 'shelve' | 'unshelve' | 'false_alarm' | 'out_of_service' | 'in_service' | 'case';
export const PRIORITIES: readonly Priority[] = ['urgent', 'high', 'medium', 'low'];

interface Common {
  key: string;
  id: number;
  version: number;
  title: Text;
  rank: number;
  priority: Priority;
  priority_text: Text;
  state: AlarmState;
  active: boolean;
  sounds: boolean;
  may: Action[];
  place: string;
  region_id: number | null;
  first_at: string;
  raised_at: string;
  category: string;
  category_text: Text;
  origin: string;
}

export interface Alarm extends Common {
  type: 'alarm';
  rule: Text & { key: string };
  subject: Text;
  state_text: Text;
  hold: (Text & { kind: string; until: string | null; by: string; reason: string }) | null;
  device: { id: number; name: string; kind: string | null; status: string | null; lon: number | null; lat: number | null; gateway_id: number | null; gateway: string | null };
  property: string | null;
  unit: string;
  value: number | null;
  limit: number | null;
  limit_name: Text | null;
  now: { value: number | null; at: string | null; quality: number | null; interval_s: number | null };
  acked_at: string | null;
  acked_by: string;
  cleared_at: string | null;
  ended_at: string | null;
  realarms: number;
  chattering: boolean;
  stale: boolean;
  group_id: number | null;
  case_id: number | null;
}

export interface Flood extends Common {
  type: 'alarm_group';
  kind: 'gateway' | 'class';
  cause: Text & { known: boolean; code: string };
  gateway: string | null;
  count: number;
  unacked: number;
  closed_at: string | null;
}

export type Row = Alarm | Flood;

export interface Counts {
  total: number;
  unacked: number;
  grouped: number;
  stale: number;
  by_priority: Record<Priority, { total: number; unacked: number }>;
  held: Record<string, number>;
}

export interface Page {
  now: string;
  rows: Row[];
  total: number;
  next: number | null;
  counts: Counts;
}

export const isFlood = (row: Row): row is Flood => row.type === 'alarm_group';

const STATE_RANK: Record<AlarmState, number> = { unack: 0, rtn_unack: 1, acked: 2, normal: 3 };

/** Order of the list as in ioc/alarms/record.py `order`: priority, what nobody has acknowledged, the newest. */
export function byUrgency(a: Row, b: Row): number {
  return a.rank - b.rank || STATE_RANK[a.state] - STATE_RANK[b.state] || Date.parse(b.raised_at) - Date.parse(a.raised_at) || b.id - a.id;
}

/** The same for twenty thousand rows: each time is read once, not with every comparison. */
export function inOrder(rows: readonly Row[]): Row[] {
  return rows
    .map((row) => ({ row, first: row.rank * 4 + STATE_RANK[row.state], at: Date.parse(row.raised_at) }))
    .sort((a, b) => a.first - b.first || b.at - a.at || b.row.id - a.row.id)
    .map((o) => o.row);
}

/** Figures of measurements: at most four digits behind the point, no trailing zeros. */
export function figure(value: number): string {
  return String(Number(value.toPrecision(6)));
}

/** 个, the unit of a count, has no word in English. */
const unitText = (unit: string): string => (unit === '个' && typeof document !== 'undefined' && document.documentElement.lang.startsWith('en') ? '' : unit);
export const withUnit = (value: number, unit: string): string => (unit === '%' ? `${figure(value)}%` : `${figure(value)} ${unitText(unit)}`.trim());

/** What the row may say of the value: shown only while it is a measurement of now; older it keeps its time, and is said to be old. */
export function valueOf(row: Alarm, nowMs: number): { text: string; old: boolean; at: number | null } {
  const { value, at, quality, interval_s } = row.now;
  const when = at ? Date.parse(at) : null;
  if (value === null || (quality ?? 0) >= 2) return { text: '', old: true, at: when };
  const state = freshness(when, interval_s ?? 300, nowMs);
  return { text: withUnit(value, row.unit), old: state === 'stale' || state === 'lost' || state === 'never', at: when };
}

/** `5 分`, `1:07` (hours), `2 天`: how long it has stood by the centre's clock. */
export function standing(ms: number, lang: Lang): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const zh = lang === 'zh';
  if (s < 60) return zh ? `${s} 秒` : `${s} s`;
  const m = Math.floor(s / 60);
  if (m < 60) return zh ? `${m} 分` : `${m} min`;
  if (m < 1440) return zh ? `${Math.floor(m / 60)} 小时 ${m % 60} 分` : `${Math.floor(m / 60)} h ${m % 60} min`;
  return zh ? `${Math.floor(m / 1440)} 天` : `${Math.floor(m / 1440)} d`;
}
