import type { World } from '../src/live/client';
import type { Item, Snapshot } from '../src/core/types';

export function item(o: Partial<Item> & { id: number }): Item {
  return {
    key: `case:${o.id}`, type: 'case', number: `N${o.id}`, flow: 'grid', flow_text: { zh: '网格', en: 'Grid' }, title: `t${o.id}`, place: 'p', place_short: 'p',
    urgency: 'routine', level: null, provisional: false, stage_text: { zh: '受理', en: 'Accept' }, stage_index: 1, stage_count: 6, stages: [], due_at: null, due_kind: 'none', due_label: null,
    source: 's', source_text: 's', icon: 'pin', lon: 1, lat: 2, region_id: 1, region_code: '1', region_ids: [1], occurred_at: '2026-10-03T06:00:00Z', opened_at: '2026-10-03T06:00:00Z',
    closed: false, suspected: false, topics: ['other'], origin: 'demo', version: 1, ...o,
  };
}

export class FakeSource {
  static all: FakeSource[] = [];
  onerror: (() => void) | null = null;
  closed = false;
  private readonly handlers = new Map<string, (e: { data: string }) => void>();

  constructor(readonly url: string) {
    FakeSource.all.push(this);
  }

  addEventListener(name: string, fn: (e: { data: string }) => void): void {
    this.handlers.set(name, fn);
  }

  close(): void {
    this.closed = true;
  }

  emit(name: string, data: unknown): void {
    this.handlers.get(name)?.({ data: JSON.stringify(data) });
  }
}

/** A world whose time moves only when told. */
export class FakeWorld implements World {
  ms = Date.parse('2026-10-03T06:32:08Z');
  readonly asked: string[] = [];
  snapshot: () => Snapshot | number = () => ({ v: 1, feed: { epoch: 'a', last_no: 10 }, now: '2026-10-03T06:32:08Z', counts: null as never, rows: [] });
  /** Answers of /live/rows, one after the other; then it fails. */
  pages: { rows: Item[]; next: string | null }[] = [];
  private timers: { at: number; fn: () => void; id: number }[] = [];
  private ids = 0;

  fetch = async (url: string): Promise<Response> => {
    this.asked.push(url);
    const body = url.includes('/live/rows') ? this.pages.shift() ?? 503 : url.includes('/snapshot') ? this.snapshot() : typeof this.snapshot() === 'number' ? this.snapshot() : { open: 1 };
    if (body === 0) throw new TypeError('network');
    return new Response(typeof body === 'number' ? '{}' : JSON.stringify(body), { status: typeof body === 'number' ? body : 200, headers: { etag: '"1"' } });
  };
  open = (url: string): EventSource => new FakeSource(url) as unknown as EventSource;
  now = (): number => this.ms;
  later = (fn: () => void, ms: number): number => {
    this.timers.push({ at: this.ms + ms, fn, id: ++this.ids });
    return this.ids;
  };
  cancel = (id: unknown): void => {
    this.timers = this.timers.filter((t) => t.id !== id);
  };
  random = (): number => 0.5;
  wire: (online: boolean) => void = () => undefined;
  network = (fn: (online: boolean) => void): (() => void) => {
    this.wire = fn;
    return () => (this.wire = () => undefined);
  };

  /** Moves time on, running timers in order; microtasks settle in between. */
  async pass(ms: number): Promise<void> {
    const end = this.ms + ms;
    for (;;) {
      this.timers.sort((a, b) => a.at - b.at);
      const next = this.timers[0];
      if (!next || next.at > end) break;
      this.timers.shift();
      this.ms = Math.max(this.ms, next.at);
      next.fn();
      await settle();
    }
    this.ms = end;
    await settle();
  }

  /** The machine sleeps: time goes, no timer runs. */
  sleep(ms: number): void {
    this.ms += ms;
  }
}

export async function settle(): Promise<void> {
  for (let i = 0; i < 12; i++) await Promise.resolve();
  await new Promise((r) => setTimeout(r, 0));
}
