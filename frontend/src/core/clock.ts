/** Server time in the browser. Offset from beats; a fixed clock for screenshots; the local day of the centre's zone. */

type Listener = (nowMs: number) => void;

/** A message that comes so much later than it was written is no measure of the time. */
const LATE_MS = 2000;
const SURE_MS = 3000;

export class ServerClock {
  private offsetMs = 0;
  private fixedMs: number | null = null;
  private synced = false;
  /** An earlier time the server seems to have, and since when (local). */
  private doubt: { offset: number; since: number } | null = null;
  private readonly ticks = new Set<Listener>();
  private readonly days = new Set<(day: string) => void>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private day = '';
  private dayFormat: Intl.DateTimeFormat;

  constructor(
    private timezone = 'UTC',
    private readonly local: () => number = () => Date.now(),
  ) {
    this.dayFormat = formatter(timezone, { year: 'numeric', month: '2-digit', day: '2-digit' });
  }

  configure(options: { timezone?: string; fixedNow?: string | null; now?: string | null }): void {
    if (options.timezone && options.timezone !== this.timezone) {
      this.timezone = options.timezone;
      this.dayFormat = formatter(options.timezone, { year: 'numeric', month: '2-digit', day: '2-digit' });
      this.day = '';
    }
    if (options.fixedNow !== undefined) this.fixedMs = options.fixedNow ? Date.parse(options.fixedNow) : null;
    if (options.now) this.sync(options.now);
  }

  /**
   * Takes the server's `now`; half a round trip is not corrected: ages are shown in seconds. What was said before this
   * machine slept arrives when it wakes, all at once and late: time may only go back when it is still said a while later
   * (then this machine's own clock was set).
   */
  sync(serverNow: string): void {
    const at = Date.parse(serverNow);
    if (!Number.isFinite(at)) return;
    const local = this.local();
    const offset = at - local;
    if (this.synced && offset < this.offsetMs - LATE_MS) {
      const same = this.doubt !== null && Math.abs(offset - this.doubt.offset) <= LATE_MS;
      if (!same) this.doubt = { offset, since: local };
      if (!same || local - this.doubt!.since < SURE_MS) return;
    }
    this.doubt = null;
    this.synced = true;
    this.offsetMs = offset;
  }

  get fixed(): boolean {
    return this.fixedMs !== null;
  }

  now(): number {
    return this.fixedMs ?? this.local() + this.offsetMs;
  }

  zone(): string {
    return this.timezone;
  }

  /** Local date of the centre, `2026-10-03`. */
  today(ms = this.now()): string {
    const p = Object.fromEntries(this.dayFormat.formatToParts(ms).map((x) => [x.type, x.value]));
    return `${p['year']}-${p['month']}-${p['day']}`;
  }

  onTick(fn: Listener): () => void {
    this.ticks.add(fn);
    this.start();
    return () => this.ticks.delete(fn);
  }

  /** Called once when the centre's local date has changed. */
  onDay(fn: (day: string) => void): () => void {
    this.days.add(fn);
    this.start();
    return () => this.days.delete(fn);
  }

  /** One step of the ticker; public so that tests need no timers. */
  tick(): void {
    const now = this.now();
    const day = this.today(now);
    if (this.day && day !== this.day) for (const fn of [...this.days]) fn(day);
    this.day = day;
    for (const fn of [...this.ticks]) fn(now);
  }

  stop(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
  }

  private start(): void {
    if (this.timer) return;
    this.day = this.today();
    const loop = (): void => {
      this.tick();
      // On the server's full second, so that all clocks of a room change together.
      this.timer = setTimeout(loop, 1000 - (((this.now() % 1000) + 1000) % 1000) + 5);
    };
    this.timer = setTimeout(loop, 1000 - (((this.now() % 1000) + 1000) % 1000) + 5);
  }
}

function formatter(timezone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-CA', { ...options, timeZone: timezone, hourCycle: 'h23' });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.error(`unknown time zone ${timezone}, showing UTC`);
    return new Intl.DateTimeFormat('en-CA', { ...options, timeZone: 'UTC', hourCycle: 'h23' });
  }
}

const caches = new Map<string, Intl.DateTimeFormat>();

/** Parts of an instant in a zone: year month day hour minute second, all two or four digits. */
export function parts(ms: number, timezone: string): Record<string, string> {
  let f = caches.get(timezone);
  if (!f) {
    f = formatter(timezone, { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' });
    caches.set(timezone, f);
  }
  return Object.fromEntries(f.formatToParts(ms).map((p) => [p.type, p.value]));
}

/** 0 = Sunday, in the zone. */
export function weekday(ms: number, timezone: string): number {
  const p = parts(ms, timezone);
  return new Date(Date.UTC(Number(p['year']), Number(p['month']) - 1, Number(p['day']))).getUTCDay();
}
