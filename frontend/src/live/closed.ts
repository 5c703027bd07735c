/** 今日办结: what was closed today, last closed first. The stream tells only of what closes while a page is open; this asks. */
import type { ServerClock } from '../core/clock';
import { Signal, throttle } from '../core/emit';
import type { Item } from '../core/types';
import type { LiveClient } from './client';

const EVERY_MS = 2000;

export class ClosedToday {
  readonly rows = new Signal<readonly Item[]>([]);
  /** False until the first answer: until then an empty list is not yet an answer. */
  known = false;
  private wanted = false;
  private day = '';
  private asked = 0;
  private readonly later = throttle(() => void this.fetch(), EVERY_MS);

  constructor(private readonly region: () => string) {}

  boot(live: LiveClient, clock: ServerClock): void {
    this.day = clock.today();
    live.onChange((change) => change.topic === 'case' && this.ask());
    live.onResync(() => this.ask());
    clock.onTick(() => {
      if (clock.today() === this.day) return;
      this.day = clock.today();
      this.ask();
    });
  }

  /** Asked for while a list shows it. */
  want(wanted: boolean): void {
    this.wanted = wanted;
    if (wanted) void this.fetch();
  }

  private ask(): void {
    if (this.wanted) this.later();
  }

  private async fetch(): Promise<void> {
    const turn = ++this.asked;
    const region = this.region();
    try {
      const response = await fetch(`/api/v1/live/closed?region=${encodeURIComponent(region)}`, { credentials: 'same-origin' });
      // an answer about another region, or older than one that has come meanwhile, is none
      if (turn !== this.asked || region !== this.region() || !response.ok) return;
      const body = (await response.json()) as { rows: Item[] };
      this.known = true;
      this.rows.set(body.rows);
    } catch (error) {
      // Unreachable: the connection strip says so; the next change or resync asks again.
      if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
    }
  }
}
