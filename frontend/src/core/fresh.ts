/** Age to state to marks (`ioc/freshness.py`, design section 8), and the ticker over server-rendered `.fresh` spans. */
import { age } from './format';
import type { Lang } from './types';
import { word } from './words';

export type Freshness = 'live' | 'late' | 'stale' | 'lost' | 'never';
export const LATE = 1;
export const STALE = 3;
export const LOST = 10;
const STATES = ['live', 'late', 'stale', 'lost', 'never'] as const;

export function freshness(asOfMs: number | null, intervalS: number, nowMs: number): Freshness {
  if (asOfMs == null || !Number.isFinite(asOfMs)) return 'never';
  const ratio = (nowMs - asOfMs) / 1000 / Math.max(intervalS, 0.001);
  if (ratio <= LATE) return 'live';
  if (ratio <= STALE) return 'late';
  return ratio <= LOST ? 'stale' : 'lost';
}

export function freshText(state: Freshness, ageS: number, lang: Lang): string {
  if (state === 'never') return word('never', lang);
  if (state === 'lost') return word('lost', lang);
  if (state !== 'stale') return age(ageS, lang);
  if (ageS < 60) return word('staleSeconds', lang, { n: Math.floor(ageS) });
  return ageS < 3600 ? word('stale', lang, { n: Math.floor(ageS / 60) }) : word('staleHours', lang, { n: Math.floor(ageS / 3600) });
}

const RING = 2 * Math.PI * 5;

/** Inner markup of the 16x16 ring: drains within one interval, dashed beyond, struck out when lost. */
export function ringSvg(state: Freshness, ageS: number, intervalS: number): string {
  if (state === 'live') {
    const rest = RING * (1 - Math.min(1, ageS / Math.max(intervalS, 0.001)) * 0.85);
    return `<circle cx="8" cy="8" r="5" class="t"/><circle cx="8" cy="8" r="5" class="a" stroke-dasharray="${rest.toFixed(1)} ${RING.toFixed(1)}" transform="rotate(-90 8 8)"/>`;
  }
  if (state === 'late' || state === 'stale') return '<circle cx="8" cy="8" r="5" class="a" stroke-dasharray="2.2 1.73"/>';
  return '<circle cx="8" cy="8" r="5" class="t"/><path class="a" d="M3.5 12.5l9-9"/>';
}

/** Ticks every `.fresh[data-as-of]` below `root`; writes only what changed. */
export function tickFresh(root: ParentNode, nowMs: number, lang: Lang): void {
  for (const el of root.querySelectorAll<HTMLElement>('.fresh[data-as-of]')) {
    const interval = Number(el.dataset['intervalS'] ?? 60);
    const asOf = el.dataset['asOf'] ? Date.parse(el.dataset['asOf']) : null;
    const ageS = asOf == null ? 0 : Math.max(0, (nowMs - asOf) / 1000);
    const state = freshness(asOf, interval, nowMs);
    const text = freshText(state, ageS, lang);
    const svg = el.querySelector('svg');
    const label = el.querySelector('.fresh-t') ?? lastText(el);
    if (label.textContent !== text) label.textContent = text;
    if (svg) {
      const ring = ringSvg(state, Math.round(ageS), interval);
      if (svg.dataset['ring'] !== ring) {
        svg.innerHTML = ring;
        svg.dataset['ring'] = ring;
      }
    }
    setState(el, state);
    const tile = el.closest<HTMLElement>('[data-tile],.kpi');
    if (tile) tickTile(tile, state);
  }
}

function setState(el: Element, state: Freshness): void {
  for (const s of STATES) el.classList.toggle(s, s === state);
}

function tickTile(tile: HTMLElement, state: Freshness): void {
  setState(tile, state);
  const value = tile.querySelector<HTMLElement>('[data-value]');
  if (value) {
    const own = value.dataset['value'] || (value.dataset['value'] = value.textContent ?? '');
    const text = state === 'lost' ? '—' : own;
    if (value.textContent !== text) value.textContent = text;
  }
  for (const last of tile.querySelectorAll<HTMLElement>('[data-last]')) last.hidden = state !== 'lost';
  for (const only of tile.querySelectorAll<HTMLElement>('[data-not-lost]')) only.hidden = state === 'lost';
}

/** The text node after the ring; made when the server sent none. */
function lastText(el: Element): Node {
  for (let n = el.lastChild; n; n = n.previousSibling) if (n.nodeType === Node.TEXT_NODE) return n;
  return el.appendChild(document.createTextNode(''));
}
