/** All streams of the page over one connection (ioc/api/video_mux.py): six panes would use up what a browser has for an origin. */

type Hear = (data: ArrayBuffer | null) => void;
const EARLY_MAX = 2 * 1024 * 1024;
const SILENT_MS = 15_000;
const AGAIN_MS = 1000;
const HEAD = 12;

class Mux {
  readonly key = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
  private readonly heard = new Map<number, Hear>();
  /** What came before its pane was ready for it. */
  private readonly early = new Map<number, ArrayBuffer[]>();
  private stop: AbortController | null = null;
  private rest = new Uint8Array(0);

  /** Hears a view's stream from its beginning; null: it has ended. Returns what ends the hearing. */
  hear(view: number, fn: Hear): () => void {
    this.heard.set(view, fn);
    for (const part of this.early.get(view) ?? []) fn(part);
    this.early.delete(view);
    this.start();
    return () => {
      if (this.heard.get(view) === fn) this.heard.delete(view);
      this.early.clear();
      if (!this.heard.size) setTimeout(() => !this.heard.size && this.end(), 2000);
    };
  }

  /** Before a view is opened: so that nothing of it is missed. */
  start(): void {
    if (!this.stop) void this.run((this.stop = new AbortController()));
  }

  private end(): void {
    this.stop?.abort();
    this.stop = null;
    this.early.clear();
  }

  private async run(stop: AbortController): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const alive = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => stop.abort(), SILENT_MS);
    };
    try {
      alive();
      const answer = await fetch(`/video/mux/${this.key}`, { credentials: 'same-origin', signal: stop.signal, cache: 'no-store' });
      const reader = answer.ok ? answer.body?.getReader() : undefined;
      this.rest = new Uint8Array(0);
      while (reader) {
        const { done, value } = await reader.read();
        if (done) break;
        alive();
        this.take(value);
      }
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'AbortError') && !(error instanceof TypeError)) console.error(error);
    }
    clearTimeout(timer);
    if (this.stop !== stop) return;
    this.stop = null;
    this.early.clear();
    // Every pane begins anew, each after its own delay; the connection waits for the first of them.
    const all = [...this.heard.values()];
    this.heard.clear();
    await new Promise((r) => setTimeout(r, AGAIN_MS));
    for (const fn of all) fn(null);
  }

  private take(value: Uint8Array): void {
    let data = value;
    if (this.rest.length) {
      data = new Uint8Array(this.rest.length + value.length);
      data.set(this.rest);
      data.set(value, this.rest.length);
    }
    let at = 0;
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    while (at + HEAD <= data.length) {
      const id = view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
      const size = view.getUint32(at + 8);
      if (at + HEAD + size > data.length) break;
      if (id) this.give(id, size ? data.slice(at + HEAD, at + HEAD + size).buffer : null);
      at += HEAD + size;
    }
    this.rest = data.slice(at);
  }

  private give(id: number, part: ArrayBuffer | null): void {
    const fn = this.heard.get(id);
    if (fn) return fn(part);
    if (!part) return void this.early.delete(id);
    const kept = this.early.get(id) ?? [];
    if (kept.reduce((n, p) => n + p.byteLength, 0) < EARLY_MAX) this.early.set(id, [...kept, part]);
  }
}

export const mux = new Mux();
