/** Zoom buttons and scale, in the page's markup. */
import type { Lang } from '../core/types';
import { word, type Word } from '../core/words';
import { iconPath } from '../core/sprite';

const SVG = 'http://www.w3.org/2000/svg';

export function svgIcon(name: string): SVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'ic');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', iconPath(name));
  svg.appendChild(path);
  return svg;
}

export interface ToolActions {
  in: () => void;
  out: () => void;
  home: () => void;
  full: () => void;
  tilt: () => void;
}

export function tools(parent: HTMLElement, lang: Lang, act: ToolActions): HTMLElement {
  const box = parent.appendChild(document.createElement('div'));
  box.className = 'tools';
  const add = (icon: string, title: Word, fn: () => void): void => {
    const b = box.appendChild(document.createElement('button'));
    b.type = 'button';
    b.title = word(title, lang);
    b.setAttribute('aria-label', word(title, lang));
    b.appendChild(svgIcon(icon));
    b.addEventListener('click', fn);
  };
  add('plus', 'zoomIn', act.in);
  add('minus', 'zoomOut', act.out);
  add('target', 'home', act.home);
  add('expand', 'fullscreen', act.full);
  const tilt = box.appendChild(document.createElement('button'));
  tilt.type = 'button';
  tilt.className = 'tilt num';
  tilt.title = word('tilt', lang);
  tilt.setAttribute('aria-label', word('tilt', lang));
  tilt.setAttribute('aria-pressed', 'false');
  tilt.textContent = '3D';
  tilt.hidden = true; // until there is something to raise
  tilt.addEventListener('click', act.tilt);
  return box;
}

const STEPS = [1, 2, 5];

/** Round length not longer than `maxPx` at `metresPerPx`: [metres, px]. */
export function scaleLength(metresPerPx: number, maxPx: number): [number, number] {
  const max = metresPerPx * maxPx;
  const p = 10 ** Math.floor(Math.log10(max));
  const m = Math.max(...STEPS.map((s) => s * p).filter((v) => v <= max));
  return [m, m / metresPerPx];
}

/** Metres per CSS px of a Web Mercator map (512 px tiles). */
export const resolution = (lat: number, zoom: number): number => (Math.cos((lat * Math.PI) / 180) * 40_075_016.686) / (512 * 2 ** zoom);

/** 1:50 万 / 1:500,000 at 96 dpi. */
export function scaleText(metresPerPx: number, lang: Lang): string {
  const n = metresPerPx / 0.000264583;
  const p = 10 ** Math.max(0, Math.floor(Math.log10(n)) - 1);
  const round = Math.round(n / p) * p;
  if (lang === 'zh' && round >= 10_000) return `1:${Number((round / 10_000).toFixed(1))} 万`;
  return `1:${round.toLocaleString('en-US')}`;
}

export class ScaleBar {
  private readonly root: HTMLElement;
  private readonly label: Text;
  private readonly bar: HTMLElement;

  constructor(parent: HTMLElement, note: string) {
    this.root = parent.appendChild(document.createElement('div'));
    this.root.className = 'scale';
    this.label = this.root.appendChild(document.createTextNode(''));
    this.bar = this.root.appendChild(document.createElement('i'));
    if (note) this.root.appendChild(document.createElement('span')).textContent = note;
  }

  set(lat: number, zoom: number, u: number): void {
    const [m, px] = scaleLength(resolution(lat, zoom), 96 * u);
    this.label.data = m >= 1000 ? `${m / 1000} km` : `${m} m`;
    this.bar.style.width = `${px.toFixed(1)}px`;
  }
}
