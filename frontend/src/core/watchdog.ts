/** A wall runs for weeks: it reloads at a quiet moment when the bundle changed, the heap grew, or once a night. */
import { parts } from './clock';
import type { PageContext } from './page';
import { isIncident } from './order';

const CHECK_MS = 60_000;
const VERSION_EVERY = 10;
export const HEAP_LIMIT = 900 * 1024 * 1024;
const NIGHT_HOUR = 4;
const SIGNED_OUT_MS = 30_000;

export interface Quiet {
  incidents: number;
  critical: number;
  changedAgoMs: number;
  conn: string;
}

/** Quiet: connected, nothing new for two minutes, no incident and nothing 特急 on the list. */
export function isQuiet(q: Quiet, hard = false): boolean {
  if (q.conn !== 'open') return false;
  if (q.changedAgoMs < (hard ? 5_000 : 120_000)) return false;
  return hard || (q.incidents === 0 && q.critical === 0);
}

/** Why to reload, or "". `upHours` since the page was opened; the night's reload needs a page older than 20 h. */
export function reason(s: { bundle: string; served: string; heap: number; hour: number; upHours: number }): '' | 'version' | 'heap' | 'night' {
  if (s.served && s.bundle && s.served !== s.bundle) return 'version';
  if (s.heap > HEAP_LIMIT) return 'heap';
  return s.hour === NIGHT_HOUR && s.upHours > 20 ? 'night' : '';
}

export function installWatchdog(page: PageContext, reload: () => void = () => location.reload()): void {
  const opened = Date.now();
  let served = page.bundle;
  let changed = Date.now();
  let waiting = 0;
  let n = 0;
  let signedOut = 0;
  page.live.onChange((c) => {
    if (c.topic === 'case' || c.topic === 'event') changed = Date.now();
  });
  const check = async (): Promise<void> => {
    if (++n % VERSION_EVERY === 0) served = (await servedVersion()) ?? served;
    const rows = page.live.store.all().filter((r) => !r.closed);
    const heap = (performance as Performance & { memory?: { usedJSHeapSize: number } }).memory?.usedJSHeapSize ?? 0;
    const hour = Number(parts(page.clock.now(), page.clock.zone())['hour']);
    const why = reason({ bundle: page.bundle, served, heap, hour, upHours: (Date.now() - opened) / 3_600_000 });
    waiting = why ? waiting + 1 : 0;
    const quiet: Quiet = {
      incidents: rows.filter(isIncident).length,
      critical: rows.filter((r) => r.urgency === 'critical').length,
      changedAgoMs: Date.now() - changed,
      conn: page.live.conn.value,
    };
    // A busy city has no quiet moment: after half an hour a pause of five seconds must do (never for the nightly one).
    if (why && isQuiet(quiet, waiting > 30 && why !== 'night')) reload();
    // A wall meets no sign-in page: the server answers a reload with the enrolment code.
    signedOut = page.live.conn.value === 'signed-out' ? signedOut + CHECK_MS : 0;
    if (signedOut >= SIGNED_OUT_MS) reload();
  };
  setInterval(() => void check(), CHECK_MS);
}

async function servedVersion(): Promise<string | null> {
  try {
    const response = await fetch(location.href, { credentials: 'same-origin', headers: { Accept: 'text/html' } });
    if (!response.ok) return null;
    return /<meta name="ioc-bundle" content="([^"]*)"/.exec(await response.text())?.[1] ?? null;
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}
