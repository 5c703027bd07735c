/** 待我处理: which rows of the list wait for the reader's next step. The server decides; the page asks again after changes. */
import type { ServerClock } from '../core/clock';
import { Signal, throttle } from '../core/emit';
import { count } from '../core/format';
import type { Item } from '../core/types';
import type { LiveClient } from './client';

const EVERY_MS = 2000;
/** Where a page shows the number; one without such a place asks for nothing. */
const SHOWN = '[data-mine]';

export class Mine {
  readonly keys = new Signal<ReadonlySet<string>>(new Set());
  /** Those of them that are over, so in no work list: a review to be approved. */
  rows: readonly Item[] = [];
  /** False until the first answer: until then an empty list is not yet an answer. */
  known = false;
  private readonly later = throttle(() => void this.fetch(), EVERY_MS);
  private asked = 0;

  constructor(private readonly region: () => string) {}

  boot(live: LiveClient, clock: ServerClock, calm: Promise<void>): void {
    // a list that is this one is asked for with the page, the number of a tab when the page is calm
    if (new URLSearchParams(location.search).get('show') === 'mine') void this.fetch();
    void calm.then(() => {
      this.ask();
      live.onChange((change) => (change.topic === 'case' || change.topic === 'event') && this.ask());
      live.onResync(() => this.ask());
    });
    this.keys.on(() => this.show());
    // Once a second too: the tabs may have been drawn anew.
    clock.onTick(() => this.show());
  }

  ask(): void {
    if (document.querySelector(SHOWN)) this.later();
  }

  private async fetch(): Promise<void> {
    const turn = ++this.asked;
    const region = this.region();
    const url = `/api/v1/live/mine?region=${encodeURIComponent(region)}`;
    try {
      const response = await fetch(url, { credentials: 'same-origin' });
      // an answer about another region, or older than one that has come meanwhile, is none
      if (turn !== this.asked || region !== this.region() || !response.ok) return;
      const body = (await response.json()) as { keys: string[]; rows?: Item[] };
      this.known = true;
      this.rows = body.rows ?? [];
      this.keys.set(new Set(body.keys));
    } catch (error) {
      // Unreachable: the connection strip says so; the next change or resync asks again.
      if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
    }
  }

  private show(): void {
    if (!this.known) return;
    for (const el of document.querySelectorAll<HTMLElement>(SHOWN)) {
      const text = count(this.keys.value.size);
      if (el.textContent !== text) el.textContent = text;
    }
  }
}
