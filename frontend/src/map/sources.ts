/** The tiles behind a map's layers: one source an address, asked anew when the rows behind it change. */
import { throttle } from '../core/emit';
import type { Change } from '../core/types';
import { TileSource } from './tiles';
import type { MapConfig } from './types';

const REFRESH_MS = 2000;
const DEVICE_LAYERS = ['camera', 'sensor'];

export class Sources {
  private readonly byUrl = new Map<string, TileSource>();
  private readonly refreshers = new Map<string, (() => void) & { cancel: () => void }>();

  constructor(
    private readonly config: () => MapConfig,
    private readonly changed: () => void,
  ) {}

  get(url: string): TileSource {
    let s = this.byUrl.get(url);
    if (!s) this.byUrl.set(url, (s = new TileSource(url, this.changed)));
    return s;
  }

  /** Another configuration: what it does not name is gone. */
  prune(): void {
    const named = new Set(this.config().spec.layers.map((l) => l.data));
    for (const [url, source] of this.byUrl)
      if (!named.has(url)) {
        source.destroy();
        this.byUrl.delete(url);
      }
  }

  destroy(): void {
    for (const r of this.refreshers.values()) r.cancel();
    for (const s of this.byUrl.values()) s.destroy();
  }

  /** Refetches what a change of the feed concerns, at zoom `zoom`. */
  heard(change: Change, zoom: number): void {
    if (change.topic === 'device') {
      const kind = (change.record as { class?: string } | null)?.class;
      for (const key of DEVICE_LAYERS) if (!kind || kind === key) this.refresh(key);
    } else if (change.topic === 'reload') {
      const layers = (change.record as { layers?: string[] } | null)?.layers;
      this.refreshAll(layers?.map((key) => (key === 'alarm' ? 'sensor' : key)));
    } else if (change.topic === 'alarm') this.refresh('sensor');
    else if (change.topic === 'warning') this.refresh('warning');
    else if (change.topic === 'alarm') this.refresh('crossing');
    else if (change.topic === 'case' || change.topic === 'event') {
      // Marks come from the store at once; heat and the count pins of 一般 follow at their own pace.
      this.refresh('heat');
      if (zoom >= 12) this.refresh(change.topic);
      if (zoom >= 12 && change.topic === 'event') this.refresh('event_suspected');
    }
  }

  /** Every layer, or the named ones. */
  refreshAll(named: readonly string[] = []): void {
    for (const l of this.config().layers) if (!named.length || named.includes(l.key)) this.refresh(l.key);
  }

  /** Refetches a layer's visible tiles, at most once in two seconds (heat: thirty). */
  private refresh(layer: string): void {
    let fn = this.refreshers.get(layer);
    if (!fn) {
      fn = throttle(() => this.urls(layer).forEach((u) => this.byUrl.get(u)?.refresh()), layer === 'heat' ? 15 * REFRESH_MS : REFRESH_MS);
      this.refreshers.set(layer, fn);
    }
    fn();
  }

  private urls(layer: string): string[] {
    // A measure or a topic lengthens the address of a spec.
    const bases = this.config().spec.layers.flatMap((s) => (s.ioc?.layer === layer && typeof s.data === 'string' ? [s.data.split('{by}')[0]!] : []));
    return [...this.byUrl.keys()].filter((url) => bases.some((base) => url.startsWith(base)));
  }
}
