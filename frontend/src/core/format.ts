/** Text of deadlines, ages and numbers. Pure; goldens in tests/golden/due.json hold Python to the same words. */
import { parts } from './clock';
import type { Item, Lang } from './types';
import { pick } from './types';
import { word } from './words';

export interface Due {
  kind: 'none' | 'date' | 'over' | 'soon' | 'left';
  label: string;
  value: string;
  unit: string;
}

const MINUTE = 60_000;

/**
 * Deadline of a row at `nowMs`. Minutes are rounded up (04:52 left reads 5), overdue minutes down but at least 1.
 * A stopped working-time clock (`date`) and anything beyond a day show the date. Without a time the label says why.
 */
export function due(item: Pick<Item, 'due_at' | 'due_kind' | 'due_label'>, nowMs: number, lang: Lang, timezone: string): Due {
  const none: Due = { kind: 'none', label: '', value: '', unit: '' };
  const label = pick(item.due_label, lang);
  if (!item.due_at && item.due_kind === 'none') return { ...none, label };
  if (!item.due_at || item.due_kind === 'none') return none;
  const at = Date.parse(item.due_at);
  if (!Number.isFinite(at)) return none;
  if (at < nowMs) {
    const late = Math.max(1, Math.floor((nowMs - at) / MINUTE));
    return { kind: 'over', label: word('overdue', lang), ...span(late, lang) };
  }
  if (item.due_kind === 'date' || at - nowMs > 24 * 60 * MINUTE) return { kind: 'date', label, value: dateTime(at, timezone), unit: '' };
  const minutes = Math.ceil((at - nowMs) / MINUTE);
  if (minutes <= 15) return { kind: 'soon', label, value: String(minutes), unit: word('minute', lang) };
  if (minutes < 60) return { kind: 'left', label, value: String(minutes), unit: word('minute', lang) };
  return { kind: 'left', label, value: `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}`, unit: '' };
}

function span(minutes: number, lang: Lang): { value: string; unit: string } {
  if (minutes < 60) return { value: String(minutes), unit: word('minute', lang) };
  if (minutes < 24 * 60) return { value: `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}`, unit: '' };
  return { value: String(Math.floor(minutes / 1440)), unit: word('day', lang) };
}

/** One line, for plates and labels: `续报 34 分`, `超时 18 分`, `10-09 17:30`. */
export function dueLine(d: Due, lang: Lang): string {
  if (d.kind === 'none') return d.label;
  const label = d.label || (d.kind === 'date' ? '' : word('left', lang));
  return [label, d.value, d.unit].filter(Boolean).join(' ');
}

/** `10-09 17:30` in the centre's zone. */
export function dateTime(ms: number, timezone: string): string {
  const p = parts(ms, timezone);
  return `${p['month']}-${p['day']} ${p['hour']}:${p['minute']}`;
}

export function clockTime(ms: number, timezone: string, seconds = true): string {
  const p = parts(ms, timezone);
  return `${p['hour']}:${p['minute']}${seconds ? `:${p['second']}` : ''}`;
}

/** 42 秒前, 12 分前, 3 小时前. */
export function age(seconds: number, lang: Lang): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return word('secondsAgo', lang, { n: s });
  if (s < 3600) return word('minutesAgo', lang, { n: Math.floor(s / 60) });
  if (s < 86_400) return word('hoursAgo', lang, { n: Math.floor(s / 3600) });
  return word('daysAgo', lang, { n: Math.floor(s / 86_400) });
}

/** Thousands separated by commas in both languages, as on the screens. */
export function count(n: number | null | undefined): string {
  return n == null ? '—' : Math.round(n).toLocaleString('en-US');
}

/** `12 秒`, `3 分`: how long something has lasted. */
export function lasted(seconds: number, lang: Lang): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return lang === 'zh' ? `${s} 秒` : `${s} s`;
  if (s < 3600) return lang === 'zh' ? `${Math.floor(s / 60)} 分` : `${Math.floor(s / 60)} min`;
  return lang === 'zh' ? `${Math.floor(s / 3600)} 小时` : `${Math.floor(s / 3600)} h`;
}
