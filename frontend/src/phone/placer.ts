/** 位置 of a form: by GPS (exact, else rough, else what was known last, never silently), by a tap on the map, or by an address. */
import { age, clockTime } from '../core/format';
import type { App } from './app';
import { button, h, sheet } from './dom';
import { COARSE_M, type Fix, type Found, type Trouble } from './locate';
import { pickPlace } from './place';
import type { Place } from './types';
import { word, type Word } from './words';

export type How = '' | 'gps' | 'last' | 'map' | 'search';
export interface Placed {
  place: Place | null;
  how: How;
  at?: number;
}

/** What is sent of how the place came about. */
export function placedBy(p: Placed, now: number): Record<string, unknown> {
  const old = p.how === 'last' && p.at ? { placed_age_s: Math.max(0, Math.round((now - p.at) / 1000)) } : {};
  return { placed_by: p.how, ...(p.place?.accuracy_m !== undefined ? { accuracy_m: p.place.accuracy_m } : {}), ...old };
}

const plain = (f: Fix): Place => ({ lon: f.lon, lat: f.lat, accuracy_m: f.accuracy_m });
const ago = (app: App, f: Fix): string => age((Date.now() - f.at) / 1000, app.lang);

export class Placer {
  readonly node = h('div', { class: 'wh' });
  private state: 'idle' | 'looking' | 'rough' = 'idle';
  private trouble: Trouble | null = null;
  private last: Fix | null = null;

  constructor(
    private readonly app: App,
    private readonly get: () => Placed,
    private readonly set: (p: Placed) => Promise<void>,
    private readonly search?: () => Promise<void>,
  ) {}

  draw(): void {
    const { lang } = this.app;
    const { place } = this.get();
    const lines: HTMLElement[] = [h('p', { class: place ? 'num pt' : 'mut pt' }, this.told())];
    if (this.state !== 'idle') lines.push(h('p', { class: 'look', role: 'status' }, h('i', { class: 'spin', 'aria-hidden': 'true' }), word(this.state === 'rough' ? 'gps.rough' : 'gps.looking', lang)));
    else if (this.trouble) lines.push(h('p', { class: 'why', role: 'alert' }, word(`gps.${this.trouble}` as Word, lang)));
    else if (place?.accuracy_m !== undefined && place.accuracy_m > COARSE_M) lines.push(h('p', { class: 'why', role: 'alert' }, word('gps.coarse', lang, { m: place.accuracy_m })));
    if (this.trouble && this.last && this.state === 'idle') {
      const last = this.last;
      lines.push(button('big lastfix', word('gps.useLast', lang, { age: ago(this.app, last), m: last.accuracy_m }), 'history', () => void this.take({ place: plain(last), how: 'last', at: last.at })));
    }
    const again = this.trouble || place ? 'gps.again' : 'byGps';
    const busy = this.state !== 'idle';
    this.node.replaceChildren(
      ...lines,
      h('div', { class: 'b3' }, button('btn', word(place && !this.trouble ? 'byGps' : again, lang), 'target', () => void this.gps(), { disabled: busy }), button('btn', word(place ? 'gps.correct' : 'byMap', lang), 'map', () => void this.map()), this.search ? button('btn', word('byAddress', lang), 'search', () => void this.search?.()) : null),
    );
  }

  private told(): string {
    const { place, how, at } = this.get();
    const { lang, zone } = this.app;
    if (!place) return word('noPlace', lang);
    const exact = place.accuracy_m !== undefined ? ` ±${place.accuracy_m} m` : '';
    const when = at && how !== 'map' ? ` · ${word('gps.at', lang, { at: clockTime(at, zone, false) })}` : '';
    return `${how ? `${word(`how.${how}` as Word, lang)} ` : ''}${place.lat.toFixed(5)}, ${place.lon.toFixed(5)}${exact}${when}`;
  }

  async gps(): Promise<void> {
    if (this.state !== 'idle') return;
    this.state = 'looking';
    this.trouble = null;
    this.draw();
    const found = await this.app.locate(() => { this.state = 'rough'; this.draw(); });
    this.state = 'idle';
    this.trouble = found.trouble;
    this.last = found.last;
    if (found.fix) await this.take({ place: plain(found.fix), how: 'gps', at: found.fix.at });
    else this.draw();
  }

  private async map(): Promise<void> {
    const place = await pickPlace(this.app, word('place', this.app.lang), this.get().place ?? this.app.here);
    if (place) await this.take({ place, how: 'map' });
  }

  async take(p: Placed): Promise<void> {
    this.trouble = null;
    await this.set(p);
    this.draw();
  }
}

/** A place for a step that needs one: the phone's, else what the officer chooses; null when the sheet is closed. */
export async function placeOr(app: App, title: string, start: Place | null): Promise<(Placed & { place: Place }) | null> {
  const found = await app.locate();
  if (found.fix && found.fix.accuracy_m <= COARSE_M) return { place: plain(found.fix), how: 'gps', at: found.fix.at };
  const choice = await choose(app, title, found);
  if (choice === 'again') return placeOr(app, title, start);
  if (choice === 'fix' && found.fix) return { place: plain(found.fix), how: 'gps', at: found.fix.at };
  if (choice === 'last' && found.last) return { place: plain(found.last), how: 'last', at: found.last.at };
  if (choice !== 'map') return null;
  const place = await pickPlace(app, title, found.fix ?? start);
  return place ? { place, how: 'map' } : null;
}

function choose(app: App, title: string, found: Found): Promise<'again' | 'fix' | 'last' | 'map' | null> {
  const { lang } = app;
  return sheet(title, lang, (done) => [
    h('p', { class: 'why', role: 'alert' }, found.fix ? word('gps.coarse', lang, { m: found.fix.accuracy_m }) : word(`gps.${found.trouble ?? 'unavailable'}` as Word, lang)),
    h(
      'div',
      { class: 'opts' },
      button('big p', word('byMap', lang), 'map', () => done('map')),
      found.fix ? button('big', `${word('how.gps', lang)} ±${found.fix.accuracy_m} m`, 'target', () => done('fix')) : null,
      !found.fix && found.last ? button('big', word('gps.useLast', lang, { age: ago(app, found.last), m: found.last.accuracy_m }), 'history', () => done('last')) : null,
      button('big', word('gps.again', lang), 'refresh', () => done('again')),
    ),
  ]);
}
