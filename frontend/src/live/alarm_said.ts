/** What a seat does with its sound goes into the journal: kept in the browser until the server has it. */
import { Signal } from '../core/emit';

export type Said = 'mute' | 'unmute' | 'sound_on' | 'sound_off';
interface Line {
  entry: Said;
  seat: string;
  seconds: number | null;
  at: string;
}

const SEAT = 'ioc.alarm.seat';
const WAITING = 'ioc.alarm.said';
const RETRY_MS = 15_000;
/** The server believes a time of the last day; a seat that was away for longer says nothing new. */
const MOST = 50;

export interface SaidWorld {
  storage: Pick<Storage, 'getItem' | 'setItem'> | null;
  send: (line: Line) => Promise<Response>;
  later: (fn: () => void, ms: number) => unknown;
  /** One page of the seat at a time: several share what waits. */
  alone: (work: () => Promise<void>) => Promise<void>;
}

export function saidWorld(): SaidWorld {
  let storage: Storage | null = null;
  try {
    storage = window.localStorage;
  } catch {
    // Blocked by the browser: lines are kept for this page only.
  }
  const send = (line: Line): Promise<Response> =>
    fetch('/api/v1/alarms/sound', { method: 'POST', credentials: 'same-origin', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(line.seconds === null ? { entry: line.entry, seat: line.seat, at: line.at } : line) });
  // Without https the browser has no locks: then two pages that try again in the same moment write a line twice.
  const locks = (navigator as { locks?: LockManager }).locks;
  const alone = (work: () => Promise<void>): Promise<void> => (locks ? locks.request(WAITING, work) : work());
  return { storage, send, later: (fn, ms) => setTimeout(fn, ms), alone };
}

export class SeatJournal {
  private memory = new Map<string, string>();
  private sending = false;
  /** How many lines the server has taken from this page: an open journal reads again. */
  readonly sent = new Signal(0);

  constructor(
    private readonly now: () => number,
    private readonly world: SaidWorld = saidWorld(),
  ) {
    void this.flush();
  }

  /** The workplace's own name: what its officer called it, else four characters of its own that stay. */
  get seat(): string {
    const found = this.read(SEAT);
    if (found) return found;
    const made = `S-${crypto.getRandomValues(new Uint16Array(1))[0]!.toString(16).toUpperCase().padStart(4, '0')}`;
    this.write(SEAT, made);
    return made;
  }

  rename(name: string): void {
    const clean = name.trim().slice(0, 40);
    if (clean) this.write(SEAT, clean);
  }

  say(entry: Said, seconds: number | null = null): void {
    const line: Line = { entry, seat: this.seat, seconds, at: new Date(this.now()).toISOString() };
    this.keep([...this.waiting(), line].slice(-MOST));
    void this.flush();
  }

  waiting(): Line[] {
    try {
      const found: unknown = JSON.parse(this.read(WAITING) ?? '[]');
      return Array.isArray(found) ? (found as Line[]) : [];
    } catch {
      // Not ours, or cut off while it was written.
      return [];
    }
  }

  private async flush(): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    try {
      await this.world.alone(() => this.sendAll());
    } finally {
      this.sending = false;
    }
  }

  private async sendAll(): Promise<void> {
    try {
      for (let line = this.waiting()[0]; line; line = this.waiting()[0]) {
        const answer = await this.world.send(line);
        // Refused for what it says: it would be refused again. Everything else is tried again.
        if (!answer.ok && answer.status !== 422) return this.again();
        this.keep(this.waiting().slice(1));
        this.sent.set(this.sent.value + 1);
      }
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      this.again();
    }
  }

  private again(): void {
    this.world.later(() => void this.flush(), RETRY_MS);
  }

  private keep(lines: Line[]): void {
    this.write(WAITING, JSON.stringify(lines));
  }

  private read(key: string): string | null {
    return this.memory.get(key) ?? this.world.storage?.getItem(key) ?? null;
  }

  private write(key: string, value: string): void {
    this.memory.set(key, value);
    try {
      this.world.storage?.setItem(key, value);
      this.memory.delete(key);
    } catch {
      // Storage is full or blocked: this page's own memory must do.
    }
  }
}
