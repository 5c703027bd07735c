/** Choosing a place on the map, and the map of the officer's work. */
import { age } from '../core/format';
import type { App } from './app';
import { button, h, icon, sheet, urgency } from './dom';
import { openOrders } from './orders';
import { header } from './parts';
import type { BaseMap, PhoneMap } from './map';
import type { MyCase, Order, Place } from './types';
import { word, type Word } from './words';

const own = document.currentScript instanceof HTMLScriptElement ? document.currentScript.src : '';
const beside = (name: string): string => own.replace(/ioc_phone\.js/, name);

type Module = { create(el: HTMLElement, base: BaseMap, workerUrl: string): PhoneMap };
let loading: Promise<Module> | null = null;

async function open(app: App, el: HTMLElement): Promise<PhoneMap> {
  loading ??= import(/* @vite-ignore */ beside('ioc_phone_map.js')).catch((e: unknown) => { loading = null; throw e; }) as Promise<Module>;
  const theme = document.documentElement.dataset['theme'] ?? 'dark';
  const [module, answer] = await Promise.all([loading, fetch(`/api/v1/map/config?surface=embed&theme=${theme}&lang=${app.lang}`, { credentials: 'same-origin' })]);
  if (!answer.ok) throw new TypeError(`map ${answer.status}`);
  return module.create(el, (await answer.json()) as BaseMap, new URL(beside('maplibre-gl-worker.mjs'), location.href).href);
}

/** The map in `el`, or a word on why there is none: no network, or a browser that cannot draw it. */
async function shown(app: App, el: HTMLElement): Promise<PhoneMap | null> {
  try {
    return await open(app, el);
  } catch (error) {
    console.error(error);
    el.replaceChildren(h('p', { class: 'none2' }, h('b', {}, word(app.net === 'online' ? 'noMap' : 'mapNeedsNet', app.lang))));
    return null;
  }
}

/** A tap on the map. Resolves null when it is closed. */
export function pickPlace(app: App, title: string, start: Place | null): Promise<Place | null> {
  const { lang } = app;
  let map: PhoneMap | null = null;
  const el = h('div', { class: 'pmap' });
  const asked = sheet<Place>(title, lang, (done) => {
    let chosen: Place | null = null;
    const told = h('p', { class: 'num mut' }, word('tapMap', lang));
    const ok = button('big p', word('takePlace', lang), 'check', () => chosen && done(chosen), { disabled: true });
    void shown(app, el).then((made) => {
      map = made;
      if (!made) return;
      if (start) made.fly(start.lon, start.lat, zoomFor(start));
      if (start?.accuracy_m !== undefined) {
        made.circle(start.lon, start.lat, start.accuracy_m);
        told.textContent = `${word('hereAmI', lang)} ±${start.accuracy_m} m · ${word('tapMap', lang)}`;
      }
      let pin: ReturnType<PhoneMap['mark']> | null = null;
      made.onTap((lon, lat) => {
        chosen = { lon, lat };
        if (pin) pin.move(lon, lat);
        else pin = made.mark(h('span', { class: 'pin' }, icon('pin')), lon, lat);
        told.textContent = `${lat.toFixed(5)}, ${lon.toFixed(5)}`;
        ok.disabled = false;
      });
    });
    return [el, told, ok];
  });
  return asked.finally(() => map?.destroy());
}

/** So near that the circle of its inaccuracy is still to be seen whole. */
function zoomFor(p: Place): number {
  const m = p.accuracy_m ?? 20;
  return Math.max(9, Math.min(16, 16 - Math.log2(m / 120)));
}

/** One piece of work on the map. */
interface Spot {
  key: string;
  lon: number;
  lat: number;
  title: string;
  place: string;
  href: string;
  mark: Element;
}

function caseSpot(c: MyCase, app: App): Spot[] {
  const { lon, lat, title, place } = c.record;
  if (lon == null || lat == null) return [];
  return [{ key: `case:${c.case_id}`, lon, lat, title, place, href: `#/case/${c.case_id}`, mark: urgency(c.record.urgency, app.lang) }];
}

function orderSpot(o: Order): Spot[] {
  return o.at ? [{ key: `order:${o.task_id}`, ...o.at, title: o.what, place: o.where.address || o.incident.title, href: '#/', mark: icon('flag', 'k') }] : [];
}

/** 地图: my cases and orders where they are, and where I am. */
export class MapView {
  readonly nodes: HTMLElement[];
  private map: PhoneMap | null = null;
  private me: ReturnType<PhoneMap['mark']> | null = null;
  private readonly card = h('div', { class: 'mcard', hidden: true });
  private readonly el = h('div', { class: 'pmap full' });
  private readonly exact = h('p', { class: 'acc num', hidden: true });
  private readonly said = h('p', { class: 'why accw', role: 'alert', hidden: true });

  constructor(
    private readonly app: App,
    /** What is shown first, `case:ID` or `order:ID`; of any other word none is. */
    private readonly key: string,
  ) {
    this.nodes = [header(app, word('map', app.lang)), h('section', { class: 'bd mb' }, this.el, this.exact, h('button', { type: 'button', class: 'ib lo', 'aria-label': word('byGps', app.lang), onclick: () => void this.locate() }, icon('target')), this.said, this.card)];
    void app.watch(false);
    void shown(app, this.el).then((map) => this.fill(map));
  }

  /** The officer's place in the middle, or in words why there is none. */
  private async locate(): Promise<void> {
    this.said.hidden = true;
    const { fix, last, trouble } = await this.app.locate();
    const at = fix ?? last;
    if (at) this.map?.fly(at.lon, at.lat, zoomFor(at));
    this.update();
    if (!trouble) return;
    this.said.textContent = word(`gps.${trouble}` as Word, this.app.lang);
    this.said.hidden = false;
  }

  private fill(map: PhoneMap | null): void {
    this.map = map;
    if (!map) return;
    const spots = [...(this.app.mine?.cases ?? []).flatMap((c) => caseSpot(c, this.app)), ...openOrders(this.app).flatMap(orderSpot)];
    for (const spot of spots) map.mark(h('button', { type: 'button', class: 'mm', 'aria-label': spot.title, onclick: () => this.choose(spot) }, spot.mark), spot.lon, spot.lat);
    const spot = spots.find((s) => s.key === this.key);
    const { here } = this.app;
    if (spot) this.choose(spot);
    else if (here && Date.now() - here.at < 600_000) map.fly(here.lon, here.lat, Math.min(14, zoomFor(here)));
    this.update();
  }

  private choose({ lon, lat, title, place, href }: Spot): void {
    this.map?.fly(lon, lat, 15.5);
    const at = `${lat.toFixed(6)},${lon.toFixed(6)}`;
    // geo: is opened by whatever map application the phone has
    const outside = h('a', { class: 'btn', href: `geo:${at}?q=${at}(${encodeURIComponent(title)})` }, icon('map'), h('span', {}, word('openMaps', this.app.lang)));
    this.card.replaceChildren(h('a', { href, class: 'ellip' }, h('b', { class: 't ellip' }, title), h('small', { class: 'ellip' }, place)), outside);
    this.card.hidden = false;
  }

  update(): void {
    const { here } = this.app;
    if (!here || !this.map) return;
    this.map.circle(here.lon, here.lat, here.accuracy_m);
    const old = (Date.now() - here.at) / 1000;
    this.exact.textContent = `±${here.accuracy_m} m${old > 60 ? ` · ${age(old, this.app.lang)}` : ''}`;
    this.exact.hidden = false;
    if (this.me) this.me.move(here.lon, here.lat);
    else this.me = this.map.mark(h('span', { class: 'me', role: 'img', 'aria-label': word('hereAmI', this.app.lang) }), here.lon, here.lat);
  }

  leave(): void {
    this.map?.destroy();
  }
}
