/**
 * Which tone is due (design section 10). Pure: what is known, what stands, the time, whether somebody has muted.
 *
 * A tone for each kind, never one for each alarm: after a night's sleep a PC says "there is something urgent" once. 紧急 and 高
 * are repeated until acknowledged, 中 sounds once and only while it is new, 低 never. Muting stops the repeats; an urgent alarm
 * that was not there when somebody muted sounds all the same.
 */
import type { Priority, Row } from './alarms';

export type Tone = 'urgent' | 'high' | 'medium';
export const TONES: readonly Tone[] = ['urgent', 'high', 'medium'];
export const REPEAT_MS = 30_000;
export const MUTE_MAX_MS = 120_000;
/** A medium alarm older than this was for somebody else to hear. */
const NEW_MS = 120_000;

/** What this browser has sounded: raised_at by key, and when each tone was last played. */
export interface Heard {
  known: Record<string, string>;
  last: Partial<Record<Tone, number>>;
}

export const NOTHING: Heard = { known: {}, last: {} };

const audible = (p: Priority): p is Tone => p !== 'low';

export function decide(heard: Heard, rows: readonly Row[], now: number, mutedUntil = 0): { tone: Tone | null; heard: Heard } {
  const muted = now < mutedUntil;
  const known: Record<string, string> = {};
  const standing = new Set<Tone>();
  const fresh = new Set<Tone>();
  for (const row of rows) {
    if (!row.sounds || !audible(row.priority)) continue;
    known[row.key] = row.raised_at;
    standing.add(row.priority);
    // A flood grows while it lasts; it is one alarm.
    const isNew = row.type === 'alarm_group' ? !(row.key in heard.known) : heard.known[row.key] !== row.raised_at;
    if (isNew && (row.priority !== 'medium' || now - Date.parse(row.raised_at) <= NEW_MS)) fresh.add(row.priority);
  }
  const due = (t: Tone): boolean => now - (heard.last[t] ?? 0) >= REPEAT_MS;
  const tone = TONES.find((t) => (fresh.has(t) && (!muted || t === 'urgent')) || (!muted && t !== 'medium' && standing.has(t) && due(t))) ?? null;
  const last = tone ? { ...heard.last, [tone]: now } : heard.last;
  // An urgent tone has said it: the lesser ones follow at their next turn, not in the same breath.
  if (tone === 'urgent' && standing.has('high')) last.high = now;
  return { tone, heard: { known, last } };
}
