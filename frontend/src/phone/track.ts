/** Points of a walk: which are kept, how far they lead, and what was not recorded. Pure. */
import { metres } from './ahead';
import type { Fix } from './locate';

/** At most one in this time: a day of it stays below what the server takes (20,000). */
export const MIN_GAP_MS = 5000;
/** Standing still is told now and then: somebody was there. */
export const STILL_MS = 60_000;
const STEP_M = 10;
/** A fix this coarse is kept only when there is nothing better for a minute; the server flags it. */
const POOR_M = 100;
/** Longer without a point was not recorded: page closed, phone asleep, no fix. */
export const GAP_MS = 3 * 60_000;

export interface TrackPoint {
  at: number;
  lon: number;
  lat: number;
  accuracy_m: number;
}

/** Whether a fix adds to the track after `last`. */
export function adds(last: TrackPoint | undefined, fix: Fix): boolean {
  if (!last) return true;
  const waited = fix.at - last.at;
  if (waited < MIN_GAP_MS) return false;
  if (waited >= STILL_MS) return true;
  if (fix.accuracy_m > POOR_M) return false;
  // within its own inaccuracy a phone on a table wanders
  return metres(last, fix) >= Math.max(STEP_M, fix.accuracy_m / 2);
}

/** Metres along the points; coarse ones are left out as the server does. */
export function walked(points: readonly TrackPoint[]): number {
  let sum = 0;
  let before: TrackPoint | undefined;
  for (const p of points) {
    if (p.accuracy_m > POOR_M) continue;
    if (before) sum += metres(before, p);
    before = p;
  }
  return sum;
}

/** Minutes between `from` and `to` in which nothing was recorded, whole gaps only. */
export function unrecorded(points: readonly TrackPoint[], from: number, to: number): number {
  const times = [from, ...points.map((p) => p.at).filter((t) => t > from && t < to), to];
  let gap = 0;
  for (let i = 1; i < times.length; i++) {
    const wait = times[i]! - times[i - 1]!;
    if (wait >= GAP_MS) gap += wait;
  }
  return Math.round(gap / 60_000);
}

/** The track in a box of `w` x `h` with a margin, north up, true to shape. Empty where there are no two points. */
export function sketch(points: readonly TrackPoint[], w: number, h: number, margin = 14): { path: string; at: (p: { lon: number; lat: number }) => [number, number]; metres_px: number } | null {
  const good = points.filter((p) => p.accuracy_m <= POOR_M);
  if (good.length < 2) return null;
  const xs = good.map((p) => p.lon);
  const ys = good.map((p) => p.lat);
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const squeeze = Math.cos((((y0 + y1) / 2) * Math.PI) / 180);
  // at least 60 m across, so that standing still is no scribble as wide as the page
  const least = 60 / 111_320;
  const wide = Math.max((x1 - x0) * squeeze, least);
  const high = Math.max(y1 - y0, least);
  const k = Math.min((w - 2 * margin) / wide, (h - 2 * margin) / high);
  const at = (p: { lon: number; lat: number }): [number, number] => [w / 2 + (p.lon - (x0 + x1) / 2) * squeeze * k, h / 2 - (p.lat - (y0 + y1) / 2) * k];
  const path = good.map((p, i) => `${i ? 'L' : 'M'}${at(p).map((v) => v.toFixed(1)).join(' ')}`).join('');
  return { path, at, metres_px: 111_320 / k };
}

/** `0:42:10`. */
export function stopwatch(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}
