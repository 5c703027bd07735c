/** Plates, rings and the selection box: few, sharp, in the page's own markup. Placed by code; no CSS scaling. */
import { due, dueLine } from '../core/format';
import type { PageContext } from '../core/page';
import { pick } from '../core/types';
import { kindText } from '../ui/marks';
import type { Sizes } from './draw';
import { overlays } from './overlays';
import type { Work } from './records';

export interface Box {
  x: number;
  y: number;
  w: number;
  h: number;
}

const overlap = (a: Box, b: Box): number => Math.max(0, Math.min(a.x + a.w, b.x + b.w) - Math.max(a.x, b.x)) * Math.max(0, Math.min(a.y + a.h, b.y + b.h) - Math.max(a.y, b.y));

export interface Candidate {
  /** Screen position of the mark. */
  x: number;
  y: number;
  w: number;
  h: number;
  /** Half size of the mark. */
  r: number;
  /** Incidents are never dropped. */
  must: boolean;
}

/** The box moved the shortest way out of `panel`. */
function beside(box: Box, panel: Box): [number, number][] {
  const edge = 4;
  return [
    [panel.x + panel.w + edge, box.y],
    [panel.x - box.w - edge, box.y],
    [box.x, panel.y + panel.h + edge],
    [box.x, panel.y - box.h - edge],
  ];
}

/**
 * Positions of plates in the given order of importance; null: no room. `taken` are marks to stay clear of, `panels` lie over
 * the map and hide what is below them.
 */
export function place(list: readonly Candidate[], view: { w: number; h: number }, taken: readonly Box[], panels: readonly Box[] = []): (Box | null)[] {
  const placed: Box[] = [];
  return list.map((c) => {
    const gap = c.r + 6;
    const spots: [number, number][] = [
      [c.x + gap, c.y - c.h - c.r * 0.2],
      [c.x + gap, c.y - c.h / 2],
      [c.x + gap, c.y + c.r * 0.3],
      [c.x - gap - c.w, c.y + c.r * 0.3],
      [c.x - gap - c.w, c.y - c.h / 2],
      [c.x - gap - c.w, c.y - c.h - c.r * 0.2],
      [c.x - c.w / 2, c.y + gap],
      [c.x - c.w / 2, c.y - gap - c.h],
    ];
    // Last resort where a panel covers every side of the mark: beside the panel, at the height of the mark.
    const near = { x: c.x + gap, y: c.y - c.h / 2, w: c.w, h: c.h };
    if (c.must) for (const p of panels) if (overlap(near, p) > 0 || overlap({ ...near, x: c.x - gap - c.w }, p) > 0) spots.push(...beside(near, p));
    let best: Box | null = null;
    let bestCost = Infinity;
    for (const [x, y] of spots) {
      const box = { x, y, w: c.w, h: c.h };
      const out = Math.max(0, -x) + Math.max(0, x + c.w - view.w) + Math.max(0, -y) + Math.max(0, y + c.h - view.h);
      let cost = out * 400;
      for (const p of placed) cost += overlap(box, p) * 4;
      for (const m of taken) cost += overlap(box, m);
      for (const p of panels) cost += overlap(box, p) * 8;
      // Far from its mark a plate is better than hidden, and worse than any place beside it.
      cost += Math.max(0, Math.hypot(x + c.w / 2 - c.x, y + c.h / 2 - c.y) - (c.w / 2 + gap + c.h));
      if (cost < bestCost) {
        best = box;
        bestCost = cost;
      }
      if (cost === 0) break;
    }
    // A plate that is not an incident's gives way once it would cover a tenth of another.
    if (!best || (!c.must && bestCost > c.w * c.h * 0.1)) return null;
    placed.push(best);
    return best;
  });
}

interface Node {
  ring: HTMLElement | null;
  plate: HTMLElement | null;
  w: number;
  h: number;
  text: string;
}

const MAX_PLATES = 14;

export class Plates {
  private readonly root: HTMLElement;
  private readonly nodes = new Map<string, Node>();
  private readonly box: HTMLElement;
  private works: readonly Work[] = [];
  private panels: readonly Box[] = [];
  private again: (() => void) | null = null;
  private readonly off: () => void;
  private readonly sizes: ResizeObserver | null;

  constructor(
    parent: HTMLElement,
    private readonly page: PageContext,
  ) {
    this.root = parent.appendChild(document.createElement('div'));
    this.root.className = 'map-plates';
    this.box = this.root.appendChild(document.createElement('div'));
    this.box.className = 'map-sel';
    this.box.hidden = true;
    // A panel opens, grows or goes without the map being told: growing is seen at once, the rest within a second.
    const follow = (): void => void (this.look() && this.again?.());
    this.sizes = typeof ResizeObserver === 'function' ? new ResizeObserver(follow) : null;
    this.off = page.clock.onTick(follow);
  }

  /** Measures what lies over the map; true when it changed. */
  private look(): boolean {
    const now = overlays(this.root, (e) => this.sizes?.observe(e));
    if (JSON.stringify(now) === JSON.stringify(this.panels)) return false;
    this.panels = now;
    return true;
  }

  /** Incidents and 特急 in order of the list; from z 14 紧急 too, as long as there is room. */
  set(works: readonly Work[], zoom: number): void {
    this.works = works.filter((w) => w.item && (w.level !== null || w.urgency === 'critical' || (zoom >= 14 && zoom < 16 && w.urgency === 'urgent'))).slice(0, MAX_PLATES);
    const keys = new Set(this.works.map((w) => w.key));
    for (const [key, node] of this.nodes)
      if (!keys.has(key)) {
        node.ring?.remove();
        node.plate?.remove();
        this.nodes.delete(key);
      }
    for (const w of this.works) this.write(w, zoom);
    this.look();
  }

  /** Moves everything to where the map now shows it. */
  position(project: (lon: number, lat: number) => { x: number; y: number }, view: { w: number; h: number }, s: Sizes, selected: { lon: number; lat: number; key: string } | null): void {
    this.again = () => this.position(project, view, s, selected);
    const inView = this.works.map((w) => ({ w, p: project(w.lon, w.lat) })).filter(({ p }) => p.x > -40 && p.y > -40 && p.x < view.w + 40 && p.y < view.h + 40);
    // The English word of the chip is twice as wide.
    const chip = s.chip * (this.page.lang === 'en' ? 3.6 : 1.8);
    const half = (w: Work): number => (w.level !== null ? s.incident : w.urgency === 'critical' ? chip : s.urgent) / 2;
    const boxes = inView.map(({ w, p }) => ({ x: p.x - half(w), y: p.y - half(w), w: 2 * half(w), h: 2 * half(w) }));
    const spots = place(
      inView.map(({ w, p }) => ({ x: p.x, y: p.y, w: this.nodes.get(w.key)?.w ?? 0, h: this.nodes.get(w.key)?.h ?? 0, r: half(w) * 1.4, must: w.level !== null })),
      view,
      boxes,
      this.panels,
    );
    const shown = new Set(inView.map(({ w }) => w.key));
    for (const [key, node] of this.nodes) if (!shown.has(key)) for (const e of [node.ring, node.plate]) if (e) e.hidden = true;
    inView.forEach(({ w, p }, i) => {
      const node = this.nodes.get(w.key);
      if (!node) return;
      if (node.ring) {
        node.ring.hidden = w.key === selected?.key;
        at(node.ring, p.x, p.y);
      }
      const spot = spots[i];
      if (node.plate) {
        node.plate.hidden = !spot;
        if (spot) at(node.plate, Math.round(spot.x), Math.round(spot.y));
      }
    });
    this.select(project, s, selected);
  }

  destroy(): void {
    this.off();
    this.sizes?.disconnect();
    this.root.remove();
  }

  private select(project: (lon: number, lat: number) => { x: number; y: number }, s: Sizes, selected: { lon: number; lat: number; key: string } | null): void {
    this.box.hidden = !selected;
    if (!selected) return;
    const p = project(selected.lon, selected.lat);
    const work = this.works.find((w) => w.key === selected.key);
    const wide = work?.urgency === 'critical' && work.level === null;
    const h = (work?.level != null ? s.incident : s.disc) + 10 * s.k;
    this.box.style.width = `${wide ? s.chip * 2.8 + 12 * s.k : h}px`;
    this.box.style.height = `${h}px`;
    at(this.box, p.x, p.y);
  }

  private write(w: Work, zoom: number): void {
    const item = w.item;
    if (!item) return;
    const { lang, clock } = this.page;
    const d = due(item, clock.now(), lang, clock.zone());
    const tail = d.kind === 'over' ? `${d.label} ${d.value} ${d.unit}`.trim() : dueLine(d, lang);
    const incident = w.level !== null;
    const second = [incident ? kindText(item, lang) : '', pick(item.stage_text, lang), tail].filter(Boolean).join(' · ');
    let node = this.nodes.get(w.key);
    if (!node) this.nodes.set(w.key, (node = { ring: null, plate: null, w: 0, h: 0, text: '' }));
    const ringed = incident || w.urgency === 'critical';
    if (ringed && !node.ring) node.ring = this.root.appendChild(document.createElement('i'));
    if (node.ring) {
      node.ring.className = `map-ring ${incident ? `l${w.level}` : 'u2'}${w.provisional || !incident ? ' pulse' : ''}`;
    }
    // From z 16 the title stands on the map itself.
    const wanted = zoom < 16 || incident;
    if (!wanted) {
      node.plate?.remove();
      node.plate = null;
      node.text = '';
      return;
    }
    if (!node.plate) node.plate = this.root.appendChild(document.createElement('div'));
    const className = `plate ${incident ? `l${w.level}` : w.urgency === 'critical' ? 'u2' : 'u1'}${w.provisional ? ' pv' : ''}`;
    const text = `${className}|${item.title}|${second}`;
    if (node.text === text) return;
    node.text = text;
    node.plate.className = className;
    node.plate.replaceChildren(el('b', item.title), el('span', second));
    node.plate.hidden = false;
    node.w = node.plate.offsetWidth;
    node.h = node.plate.offsetHeight;
  }
}

function el(tag: string, text: string): HTMLElement {
  const e = document.createElement(tag);
  e.textContent = text;
  return e;
}

function at(e: HTMLElement, x: number, y: number): void {
  e.style.transform = `translate(${x}px, ${y}px)`;
}
