/** What the map is about at the moment: the region one has drilled into, and the selected record. */
import type { PageContext } from '../core/page';
import { fromItem } from './records';
import { regionShape, type RegionShape } from './region';

export interface FocusOptions {
  page: PageContext;
  changed: () => void;
  /** Flies to the region, or home without one. */
  fit: (shape: RegionShape | null) => void;
  /** Brings a place into view when it is not; never when it is. */
  show: (at: { lon: number; lat: number }) => void;
}

export class Focus {
  region: RegionShape | null = null;
  selected: { lon: number; lat: number; key: string } | null = null;
  private asked = '';

  constructor(private readonly o: FocusOptions) {}

  /** Has the region of the address been asked for? */
  has(code: string): boolean {
    return code === '' || this.asked === code;
  }

  async drill(code: string, fly: boolean): Promise<void> {
    this.asked = code;
    if (!code) {
      this.region = null;
      if (fly) this.o.fit(null);
      this.o.changed();
      return;
    }
    try {
      const response = await fetch(`/api/v1/regions/${encodeURIComponent(code)}/geometry`, { credentials: 'same-origin' });
      if (!response.ok || this.asked !== code) return;
      this.region = regionShape(code, await response.json());
      if (this.region && fly) this.o.fit(this.region);
      this.o.changed();
    } catch (error) {
      // The numbers are of the region in any case; only its outline is missing until the next try.
      if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
      console.error('region outline', code, error.message);
    }
  }

  async select(key: string): Promise<void> {
    if (!key) {
      this.selected = null;
      this.o.changed();
      return;
    }
    const item = this.o.page.live.store.get(key);
    const work = item && fromItem({ ...item, closed: false });
    if (work) this.show({ lon: work.lon, lat: work.lat, key });
    else if (this.selected?.key !== key) {
      this.selected = null;
      const at = await locate(key);
      if (this.o.page.url.value.sel === key && at) this.show({ ...at, key });
    }
    this.o.changed();
  }

  /** What is selected may be put elsewhere (a corrected place): its frame goes along. */
  follow(): void {
    const was = this.selected;
    const item = was && this.o.page.live.store.get(was.key);
    if (!was || !item || item.lon == null || item.lat == null || (item.lon === was.lon && item.lat === was.lat)) return;
    this.show({ lon: item.lon, lat: item.lat, key: was.key });
  }

  private show(s: { lon: number; lat: number; key: string }): void {
    this.selected = s;
    this.o.show(s);
    this.o.changed();
  }
}

/** Where something is that is not on the map: asked of the server. */
async function locate(key: string): Promise<{ lon: number; lat: number } | null> {
  try {
    const response = await fetch(`/api/v1/detail/${encodeURIComponent(key)}`, { credentials: 'same-origin' });
    if (!response.ok) return null;
    const d = (await response.json()) as { lon?: number; lat?: number; center?: [number, number] };
    const lon = d.lon ?? d.center?.[0];
    const lat = d.lat ?? d.center?.[1];
    return lon != null && lat != null ? { lon, lat } : null;
  } catch (error) {
    if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
    return null;
  }
}
