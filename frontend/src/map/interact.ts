/** Hover card, and the list of everything under a click (points above lines above areas). */
import { due, dueLine } from '../core/format';
import type { PageContext } from '../core/page';
import type { Text as Words } from '../core/types';
import { pick } from '../core/types';
import { count } from '../core/format';
import { word } from '../core/words';
import { kindText } from '../ui/marks';
import { alarmLine } from './alarms';
import { svgIcon } from './controls';
import type { PointRow } from './mvt';
import { rowKey, stateOf } from './roles';
import type { AlarmTexts } from './types';

export interface Found {
  key: string;
  layer: string;
  title: string | Words;
  sub?: string | Words;
  icon?: string;
  geometry: 'point' | 'line' | 'polygon';
}

const RANK = { point: 0, line: 1, polygon: 2 } as const;

/** What was picked here and what the server knows, once each; points first. */
export function merge(local: readonly Found[], server: readonly Found[]): Found[] {
  const seen = new Set<string>();
  return [...local, ...server]
    .filter((f) => !seen.has(f.key) && seen.add(f.key))
    .map((f, i) => ({ f, i }))
    .sort((a, b) => RANK[a.f.geometry] - RANK[b.f.geometry] || a.i - b.i)
    .map(({ f }) => f);
}

/** Title and lines of a tile row or a live row. */
export function describe(page: PageContext, layer: string, layerTitle: string, row: PointRow | null, key: string, alarms?: AlarmTexts | null): { title: string; lines: string[] } | null {
  const { lang } = page;
  const item = page.live.store.get(key);
  if (item) {
    const d = dueLine(due(item, page.clock.now(), lang, page.clock.zone()), lang);
    return { title: item.title, lines: [item.place, [kindText(item, lang), pick(item.stage_text, lang), d].filter(Boolean).join(' · ')] };
  }
  if (!row) return null;
  if (row['n'] !== undefined) {
    const off = Number(row['off'] ?? 0);
    const ex = Number(row['ex'] ?? 0);
    const more = [off ? `${word('offline', lang)} ${count(off)}` : '', ex ? `${word('exceeded', lang)} ${count(ex)}` : ''].filter(Boolean).join(' · ');
    return { title: `${layerTitle} ${count(Number(row['n']))}`, lines: more ? [more] : [] };
  }
  const title = String(row['name'] ?? row['title'] ?? row['label'] ?? '');
  if (!title) return null;
  const s = row['s'] === undefined ? '' : word(({ on: 'online', off: 'offline', fault: 'fault', ex: 'exceeded' } as const)[stateOf(row)], lang);
  const label = typeof row['label'] === 'string' && row['label'] !== title ? row['label'] : '';
  return { title, lines: [alarmLine(row, alarms), [layerTitle, s, label].filter(Boolean).join(' · ')].filter(Boolean) };
}

export class Hover {
  private readonly card: HTMLElement;

  constructor(parent: HTMLElement) {
    this.card = parent.appendChild(document.createElement('div'));
    this.card.className = 'map-card';
    this.card.dataset['passing'] = '';
    this.card.hidden = true;
  }

  show(info: { title: string; lines: string[] } | null, x: number, y: number, view: { w: number; h: number }): void {
    this.card.hidden = !info;
    if (!info) return;
    const b = document.createElement('b');
    b.textContent = info.title;
    this.card.replaceChildren(
      b,
      ...info.lines.filter(Boolean).map((t) => {
        const p = document.createElement('span');
        p.textContent = t;
        return p;
      }),
    );
    const { offsetWidth: w, offsetHeight: h } = this.card;
    this.card.style.left = `${Math.min(x + 14, view.w - w - 6)}px`;
    this.card.style.top = `${y + 18 + h > view.h ? y - h - 12 : y + 18}px`;
  }
}

export class ClickList {
  private readonly root: HTMLElement;

  constructor(
    parent: HTMLElement,
    private readonly page: PageContext,
  ) {
    this.root = parent.appendChild(document.createElement('div'));
    this.root.className = 'map-list';
    this.root.dataset['passing'] = '';
    this.root.hidden = true;
    window.addEventListener('ioc:escape', this.escape);
  }

  private readonly escape = (e: Event): void => {
    if (this.root.hidden) return;
    e.preventDefault();
    this.close();
  };

  get open(): boolean {
    return !this.root.hidden;
  }

  close(): void {
    this.root.hidden = true;
  }

  show(items: readonly Found[], x: number, y: number, view: { w: number; h: number }, selected: string, choose: (f: Found) => void): void {
    const head = document.createElement('h4');
    head.textContent = word('here', this.page.lang, { n: items.length });
    const list = document.createElement('ul');
    for (const f of items) {
      const li = list.appendChild(document.createElement('li'));
      const b = li.appendChild(document.createElement('button'));
      b.type = 'button';
      b.className = f.key === selected ? 'on' : '';
      b.appendChild(svgIcon(f.icon ?? (f.geometry === 'polygon' ? 'map' : 'pin')));
      const title = b.appendChild(document.createElement('b'));
      title.textContent = pick(f.title, this.page.lang);
      const sub = b.appendChild(document.createElement('small'));
      sub.textContent = pick(f.sub, this.page.lang);
      b.addEventListener('click', () => {
        this.close();
        choose(f);
      });
    }
    this.root.replaceChildren(head, list);
    this.root.hidden = false;
    const { offsetWidth: w, offsetHeight: h } = this.root;
    this.root.style.left = `${Math.max(6, Math.min(x + 12, view.w - w - 6))}px`;
    this.root.style.top = `${Math.max(6, Math.min(y + 12, view.h - h - 6))}px`;
  }

  destroy(): void {
    window.removeEventListener('ioc:escape', this.escape);
    this.root.remove();
  }
}

/** A picked tile row or live row as an entry of the list. */
export function found(page: PageContext, layer: string, layerTitle: string, icon: string, row: PointRow | null, key: string, alarms?: AlarmTexts | null): Found | null {
  const own = key || (row?.['id'] !== undefined ? rowKey(layer, row['id']) : '');
  if (!own) return null;
  const text = describe(page, layer, layerTitle, row, own, alarms);
  if (!text) return null;
  return { key: own, layer, title: text.title, sub: text.lines.join(' · '), icon, geometry: 'point' };
}
