/** When panes begin, try again and write their ages: never all at once. */
export const RETRY_FIRST_MS = 1000;
const RETRY_LAST_MS = 60_000;

/** Panes begin one after the other, not all in one breath: sixteen players made at once are one long task of the page. */
const START_GAP_MS = 60;
let nextStart = 0;
export function turn(): number {
  const now = performance.now();
  const at = nextStart > now + 64 * START_GAP_MS ? now : Math.max(now, nextStart); // a clock that was set back
  nextStart = at + START_GAP_MS;
  return at - now;
}

/** Ages are written once a second for all panes of the page at once: sixteen that write each in its own moment make the page draw all the time. */
const ticking = new Set<() => void>();
let ticker: ReturnType<typeof setInterval> | undefined;
export function ticks(fn: () => void, on: boolean): void {
  if (on) ticking.add(fn);
  else ticking.delete(fn);
  if (!ticking.size) ticker = void clearInterval(ticker);
  else ticker ??= setInterval(() => ticking.forEach((f) => f()), 1000);
}

/** Delay before try `n` (1, 2, ...): doubled up to a minute, a fifth of it by chance so that a wall does not ask all at once. */
export function backoff(n: number, random = Math.random()): number {
  return Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** Math.min(n - 1, 10)) * (0.9 + 0.2 * random);
}
