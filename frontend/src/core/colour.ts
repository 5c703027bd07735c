/** What grid cells are coloured by: the address says it, the server has classes and words. Asked again once a minute. */
import { Signal } from './emit';
import type { Lang } from './types';
import type { UrlStore } from './url';

export interface ColourClass {
  /** -1 no data, 0 nothing there, 1 to 5 from little to much. */
  c: number;
  text: string;
  cells: number;
}
export interface ColourLegendData {
  by: string;
  title: string;
  unit: string;
  period: string;
  kind: string;
  classes: ColourClass[];
  computed_at: string | null;
  interval_s: number;
}

const EVERY_MS = 60_000;

export class GridColour {
  readonly legend = new Signal<ColourLegendData | null>(null);
  /** Counts up when the numbers were computed anew: tiles are asked for again. */
  readonly changed = new Signal(0);
  private timer: ReturnType<typeof setTimeout> | null = null;
  private by = '';

  constructor(
    url: UrlStore,
    private readonly lang: Lang,
    private readonly get: typeof fetch = (...a) => fetch(...a),
  ) {
    url.state.on((s) => this.want(s.colour));
    this.want(url.value.colour);
  }

  private want(by: string): void {
    if (by === this.by) return;
    this.by = by;
    this.legend.set(null);
    void this.ask();
  }

  private async ask(): Promise<void> {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    const by = this.by;
    if (!by) return;
    try {
      const response = await this.get(`/api/v1/grids/colours?by=${encodeURIComponent(by)}&lang=${this.lang}`, { credentials: 'same-origin' });
      if (by !== this.by) return;
      if (response.ok) {
        const next = (await response.json()) as ColourLegendData;
        const old = this.legend.value;
        this.legend.set(next);
        if (old && old.computed_at !== next.computed_at) this.changed.set(this.changed.value + 1);
      }
    } catch (error) {
      // The legend keeps its age and grows old visibly.
      if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
    }
    if (by === this.by) this.timer = setTimeout(() => void this.ask(), EVERY_MS);
  }
}
