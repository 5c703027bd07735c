/**
 * The configured imagery (遥感影像, MAP-05) over the base map, under lines and names: a button and how much of it is seen. Off
 * until it is asked for, so that nothing of it is fetched; the choice is the seat's and stays.
 */
import type * as maplibregl from 'maplibre-gl';
import type { Lang } from '../core/types';
import { word } from '../core/words';
import { svgIcon } from './controls';
import type { ImageryConfig } from './types';

export const IMAGERY = 'imagery';
const KEPT = 'ioc.imagery';
const USUAL = 70;

/** What was kept, 0 to 100; null where it is no such number. */
export function kept(text: string | null): { on: boolean; percent: number } {
  const [on, percent] = (text ?? '').split(':');
  const n = Number(percent);
  return { on: on === '1', percent: percent !== undefined && Number.isFinite(n) && n > 0 && n <= 100 ? n : USUAL };
}

export class Imagery {
  private state = kept(read());
  private readonly box: HTMLElement;
  private readonly button: HTMLButtonElement;

  constructor(
    tools: HTMLElement,
    parent: HTMLElement,
    private readonly config: ImageryConfig,
    private readonly lang: Lang,
    private readonly map: () => maplibregl.Map,
  ) {
    this.button = tools.appendChild(document.createElement('button'));
    this.button.type = 'button';
    this.button.className = 'imagery';
    this.button.title = word('imagery', lang);
    this.button.setAttribute('aria-label', word('imagery', lang));
    this.button.appendChild(svgIcon('photo'));
    this.button.addEventListener('click', () => this.set({ ...this.state, on: !this.state.on }));
    this.box = parent.appendChild(document.createElement('div'));
    this.box.className = 'imgbox';
    const range = this.box.appendChild(document.createElement('input'));
    Object.assign(range, { type: 'range', min: '5', max: '100', step: '5', value: String(this.state.percent) });
    range.setAttribute('aria-label', word('imageryOpacity', lang));
    range.addEventListener('input', () => this.set({ on: true, percent: Number(range.value) }));
    this.box.appendChild(document.createElement('span'));
    this.apply();
  }

  private set(next: { on: boolean; percent: number }): void {
    this.state = next;
    write(`${next.on ? 1 : 0}:${next.percent}`);
    this.apply();
  }

  /** Also after a new style, which begins without it. */
  apply(): void {
    const { on, percent } = this.state;
    this.button.setAttribute('aria-pressed', String(on));
    this.box.hidden = !on;
    this.box.lastElementChild!.textContent = [word('imagery', this.lang), this.config.note, `${percent}%`].filter(Boolean).join(' · ');
    const map = this.map();
    if (!map.getLayer(IMAGERY)) return;
    map.setPaintProperty(IMAGERY, 'raster-opacity', percent / 100);
    map.setLayoutProperty(IMAGERY, 'visibility', on ? 'visible' : 'none');
  }
}

function read(): string | null {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null; // a frame of another site may have none
  }
}

function write(text: string): void {
  try {
    localStorage.setItem(KEPT, text);
  } catch {
    /* the choice holds for this page */
  }
}
