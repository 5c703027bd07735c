/** Where the map looks: the first view, fitted while nobody has moved it, and every flight. */
import type * as maplibregl from 'maplibre-gl';
import type { MapConfig } from './types';

const FLY_MS = 1200;

export type Box = [number, number, number, number];

export interface CameraOptions {
  el: HTMLElement;
  map: () => maplibregl.Map;
  config: () => MapConfig;
  /** px of one u. */
  unit: () => number;
  /** Box of the region one has drilled into. */
  region: () => Box | undefined;
  /** The view that the address names, if this map follows it. */
  wanted: () => { lon: number; lat: number; zoom: number } | null;
  /** Every move is a jump: pictures for comparison, and a map that is not shown yet. */
  jumps: () => boolean;
}

export class Camera {
  /** Size and paddings of the first view while nobody has moved the map. */
  private fitted: string | null = null;

  constructor(private readonly o: CameraOptions) {}

  /** Somebody has chosen what to see. */
  get chosen(): boolean {
    return this.fitted === null;
  }

  choose(): void {
    this.fitted = null;
  }

  private padding(): { top: number; bottom: number; left: number; right: number } {
    const u = this.o.unit();
    const foot = (this.o.el.closest('.mapbox') ?? this.o.el.parentElement ?? this.o.el).querySelector<HTMLElement>('.tl,.replay,[data-map-foot]');
    const room = Math.min(this.o.el.clientWidth, this.o.el.clientHeight) * 0.02;
    return { top: room + 6 * u, bottom: room + (foot?.offsetHeight ?? 0), left: room, right: room };
  }

  firstView(): Partial<maplibregl.MapOptions> {
    const view = this.o.wanted();
    if (view) return { center: [view.lon, view.lat], zoom: view.zoom };
    if (this.o.config().bounds && this.o.el.clientWidth > 10) {
      const padding = this.padding();
      this.fitted = this.frameKey(padding);
      return { bounds: this.o.config().bounds, fitBoundsOptions: { padding } };
    }
    return { center: this.o.config().center ?? [0, 0], zoom: this.o.config().zoom ?? 8 };
  }

  private frameKey(padding: object): string {
    return JSON.stringify([this.o.el.clientWidth, this.o.el.clientHeight, padding]);
  }

  /** The page may settle after the map was made: the first view is fitted again as long as it is untouched. */
  refit(): void {
    const { bounds } = this.o.config();
    if (this.fitted === null || this.o.region() || !bounds) return;
    const padding = this.padding();
    const key = this.frameKey(padding);
    if (this.fitted === key) return;
    this.fitted = key;
    this.o.map().fitBounds(bounds, { padding, duration: 0 });
  }

  /** By buttons. */
  zoom(steps: number): void {
    this.fitted = null;
    this.o.map().zoomTo(this.o.map().getZoom() + steps, { duration: this.duration() / 4 });
  }

  home(): void {
    const box = this.o.region() ?? this.o.config().bounds;
    if (box) this.fit(box);
  }

  fit(box: Box): void {
    this.fitted = null;
    this.o.map().fitBounds(box, { padding: this.padding(), duration: this.duration(), maxZoom: 17 });
  }

  fly(lon: number, lat: number, zoom: number): void {
    this.fitted = null;
    this.o.map().flyTo({ center: [lon, lat], zoom, duration: this.duration(), essential: true });
  }

  /** Brings a place into view when it is not; never when it is. */
  show(at: { lon: number; lat: number }): void {
    const p = this.o.map().project([at.lon, at.lat]);
    const outside = p.x < 0 || p.y < 0 || p.x > this.o.el.clientWidth || p.y > this.o.el.clientHeight;
    if (outside) this.o.map().easeTo({ center: [at.lon, at.lat], duration: this.duration() / 2 });
  }

  private duration(): number {
    return this.o.jumps() || matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : FLY_MS;
  }

  follow(v: { lon: number; lat: number; zoom: number }): void {
    const c = this.o.map().getCenter();
    const far = Math.abs(c.lng - v.lon) > 1e-4 || Math.abs(c.lat - v.lat) > 1e-4 || Math.abs(this.o.map().getZoom() - v.zoom) > 0.02;
    if (far && !this.o.map().isMoving()) this.o.map().jumpTo({ center: [v.lon, v.lat], zoom: v.zoom });
  }
}
