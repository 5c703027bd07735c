/** Page state in the address: region, sel, layers, colour, v, lang, theme. Region and selection make history, panning does not. */
import { Signal } from './emit';

export interface UrlState {
  region: string;
  sel: string;
  layers: string[] | null;
  view: { lon: number; lat: number; zoom: number } | null;
  list: ListState;
  /** What grid cells are coloured by; "": outlines. */
  colour: string;
}

/** Filter and order of the page's list, and the saved view they came from ("": none). Empty: what is usual. */
export interface ListState {
  show: string;
  urgency: string[];
  flow: string[];
  topic: string[];
  sort: string;
  saved: string;
}

const LIST = { show: 'show', urgency: 'urgency', flow: 'flow', topic: 'topic', sort: 'sort', saved: 'view' } as const;

export function parseUrl(search: string): UrlState {
  const q = new URLSearchParams(search);
  const v = (q.get('v') ?? '').split(',').map(Number);
  const valid = v.length === 3 && v.every(Number.isFinite) && Math.abs(v[1] ?? 99) <= 90;
  const layers = q.get('layers');
  return {
    region: q.get('region') ?? '',
    sel: q.get('sel') ?? '',
    layers: layers === null ? null : layers.split(',').filter(Boolean),
    colour: q.get('colour') ?? '',
    view: valid ? { lon: v[0]!, lat: v[1]!, zoom: v[2]! } : null,
    list: {
      show: q.get('show') ?? '',
      urgency: (q.get('urgency') ?? '').split(',').filter(Boolean),
      flow: (q.get('flow') ?? '').split(',').filter(Boolean),
      topic: (q.get('topic') ?? '').split(',').filter(Boolean),
      sort: q.get('sort') ?? '',
      saved: q.get('view') ?? '',
    },
  };
}

/** Writes into an address, keeping what it does not know (theme, lang, t ...). Commas and colons stay readable. */
export function writeUrl(search: string, change: Partial<UrlState>): string {
  const q = new URLSearchParams(search);
  const put = (key: string, value: string | null): void => {
    if (value === null) q.delete(key);
    else q.set(key, value);
  };
  if (change.region !== undefined) put('region', change.region || null);
  if (change.sel !== undefined) put('sel', change.sel || null);
  if (change.layers !== undefined) put('layers', change.layers === null ? null : change.layers.join(','));
  if (change.colour !== undefined) put('colour', change.colour || null);
  if (change.view !== undefined) put('v', change.view && formatView(change.view));
  if (change.list !== undefined)
    for (const [name, key] of Object.entries(LIST) as [keyof ListState, string][]) put(key, String(change.list[name]) || null);
  const text = q.toString().replaceAll('%2C', ',').replaceAll('%3A', ':');
  return text ? `?${text}` : '';
}

function formatView(v: { lon: number; lat: number; zoom: number }): string {
  // Five digits are a metre; zoom to a hundredth keeps the same tiles.
  return [v.lon.toFixed(5), v.lat.toFixed(5), v.zoom.toFixed(2)].map((s) => String(Number(s))).join(',');
}

export class UrlStore {
  readonly state: Signal<UrlState>;

  constructor(private readonly win: Window = window) {
    this.state = new Signal(parseUrl(win.location.search));
    win.addEventListener('popstate', () => this.state.set(parseUrl(win.location.search)));
  }

  get value(): UrlState {
    return this.state.value;
  }

  /** Region or selection: a new step of history. A new region drops the view: the map flies to it. */
  push(change: Partial<UrlState>): void {
    const full = change.region !== undefined && change.region !== this.value.region ? { view: null, ...change } : change;
    this.write(full, 'push');
  }

  replace(change: Partial<UrlState>): void {
    this.write(change, 'replace');
  }

  private write(change: Partial<UrlState>, how: 'push' | 'replace'): void {
    const search = writeUrl(this.win.location.search, change);
    if (search === this.win.location.search) return;
    const url = this.win.location.pathname + search + this.win.location.hash;
    if (how === 'push') this.win.history.pushState({ ioc: 1 }, '', url);
    else this.win.history.replaceState(this.win.history.state, '', url);
    this.state.set(parseUrl(this.win.location.search));
  }
}
