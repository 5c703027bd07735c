/** What the pointer meets: the hover card, a click's selection, and the list of everything under it. */
import type { PickingInfo } from '@deck.gl/core';
import type { MapLibreOverlay } from '@deck.gl/maplibre';
import type * as maplibregl from 'maplibre-gl';
import type { PageContext } from '../core/page';
import type { LayerEntry } from '../core/types';
import { pick } from '../core/types';
import { ClickList, describe, found, Hover, merge, type Found } from './interact';
import type { PointRow } from './mvt';
import type { MarkRow } from './roles';
import type { MapConfig } from './types';

export interface PointerOptions {
  page: PageContext;
  map: maplibregl.Map;
  overlay: MapLibreOverlay;
  config: () => MapConfig;
  visible: () => ReadonlySet<string>;
  fly: (lon: number, lat: number, zoom: number) => void;
}

interface Hit {
  layer: string;
  row: PointRow | null;
  key: string;
}

const NOWHERE = { w: 0, h: 0 };

export class Pointer {
  private readonly hover: Hover;
  private readonly list: ClickList;

  constructor(
    private readonly holder: HTMLElement,
    private readonly o: PointerOptions,
  ) {
    this.hover = new Hover(holder);
    this.list = new ClickList(holder, o.page);
  }

  destroy(): void {
    this.list.destroy();
  }

  moved(): void {
    this.list.close();
  }

  private size(): { w: number; h: number } {
    return { w: this.holder.clientWidth, h: this.holder.clientHeight };
  }

  private entry(key: string): LayerEntry | undefined {
    return this.o.config().layers.find((l) => l.key === key);
  }

  private picked(info: PickingInfo): Hit | null {
    const id = info.layer?.id ?? '';
    const o = info.object as (MarkRow & { h?: string }) | undefined;
    if (!o) return null;
    const spec = this.o.config().spec.layers.find((s) => id === s.id || id.startsWith(`${s.id}-`));
    if (id.startsWith('ioc-work')) return { layer: o.key.split(':')[0] ?? '', row: null, key: o.key };
    if (o.h !== undefined) return { layer: spec?.ioc?.layer ?? '', row: o as unknown as PointRow, key: '' };
    return { layer: spec?.ioc?.layer ?? '', row: o.src ?? null, key: o.key ?? '' };
  }

  hovered(info: PickingInfo): void {
    const hit = info.picked ? this.picked(info) : null;
    const entry = hit && this.entry(hit.layer);
    const text = hit ? describe(this.o.page, hit.layer, pick(entry?.title, this.o.page.lang), hit.row, hit.key, this.o.config().alarms) : null;
    this.hover.show(this.list.open ? null : text, info.x, info.y, this.size());
  }

  async clicked(e: maplibregl.MapMouseEvent): Promise<void> {
    // a form asks for a place (assets/report.js): this click is its answer
    if (document.documentElement.dataset['pick'] !== undefined) {
      window.dispatchEvent(new CustomEvent('ioc:picked', { detail: [e.lngLat.lng, e.lngLat.lat] }));
      return;
    }
    this.list.close();
    this.hover.show(null, 0, 0, NOWHERE);
    const { page, map, overlay } = this.o;
    const hits = overlay.pickMultipleObjects({ x: e.point.x, y: e.point.y, radius: 5, depth: 8 }) ?? [];
    const near: Found[] = [];
    for (const info of hits) {
      const hit = this.picked(info);
      if (!hit) continue;
      if (hit.row?.['n'] !== undefined && !hit.key && hit.row['id'] === undefined) {
        // A pin or a cell stands for many: go closer.
        if (!near.length && info.layer?.id.includes('pins')) return this.o.fly(hit.row.lon, hit.row.lat, Math.floor(map.getZoom()) + 1.4);
        continue;
      }
      const entry = this.entry(hit.layer);
      const f = found(page, hit.layer, pick(entry?.title, page.lang), entry?.icon ?? 'pin', hit.row, hit.key, this.o.config().alarms);
      if (f) near.push(f);
    }
    const first = near[0];
    if (first) page.url.push({ sel: first.key });
    const server = await this.identify(e.lngLat);
    const all = merge(near, server);
    const view = this.size();
    if (all.length > 1) this.list.show(all, e.point.x, e.point.y, view, first?.key ?? '', (f) => this.choose(f));
    else if (all.length === 1 && !first) this.choose(all[0]!);
    else if (!all.length && page.url.value.sel) page.url.push({ sel: '' });
  }

  private choose(f: Found): void {
    this.o.page.url.push({ sel: f.key });
  }

  private async identify(at: maplibregl.LngLat): Promise<Found[]> {
    const q = new URLSearchParams({ lon: at.lng.toFixed(6), lat: at.lat.toFixed(6), z: this.o.map.getZoom().toFixed(1), layers: [...this.o.visible()].join(','), region: this.o.page.url.value.region, by: this.o.page.url.value.colour });
    try {
      const response = await fetch(`/api/v1/identify?${q.toString().replaceAll('%2C', ',')}`, { credentials: 'same-origin' });
      return response.ok ? ((await response.json()) as { items: Found[] }).items : [];
    } catch (error) {
      // What lies under the cursor on this screen is listed in any case.
      if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
      return [];
    }
  }
}
