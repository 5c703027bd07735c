/** `window.iocReady`: what the page still waits for. Complete when nothing is needed for three frames and fonts are loaded. */

export class Ready {
  private readonly open = new Set<string>();
  private readonly seen = new Set<string>();
  private generation = 0;
  private armed = false;
  private resolve: () => void = () => undefined;
  /** Resolves when the page has been complete once. */
  readonly first = new Promise<void>((resolve) => (this.resolve = resolve));

  constructor(private readonly doc: Document = document) {}

  need(name: string): void {
    this.generation++;
    this.seen.add(name);
    this.open.add(name);
    if (this.doc.body?.dataset['ready']) delete this.doc.body.dataset['ready'];
  }

  done(name: string): void {
    this.seen.add(name);
    this.open.delete(name);
    this.check();
  }

  /** Nobody registers any more after this: called once when the page's components have mounted. */
  arm(): void {
    this.armed = true;
    this.check();
  }

  waiting(): string[] {
    const pending = [...this.doc.querySelectorAll<HTMLElement>('[data-pending]')].map((e) => e.dataset['pending'] || 'panel');
    return [...this.open, ...pending];
  }

  private check(): void {
    const generation = ++this.generation;
    void this.settle(generation);
  }

  private async settle(generation: number): Promise<void> {
    for (let frames = 0; frames < 3; ) {
      if (generation !== this.generation) return;
      if (!this.armed || this.open.size > 0) return;
      await new Promise((r) => requestAnimationFrame(r));
      frames = this.waiting().length === 0 ? frames + 1 : 0;
    }
    // jsdom and old browsers have no font set.
    if ('fonts' in this.doc) await this.doc.fonts.ready;
    if (generation !== this.generation || this.open.size > 0) return;
    this.doc.body.dataset['ready'] = 'true';
    this.resolve();
  }
}
