/** Small hands for the page's markup. Text is always text: nothing is ever parsed as HTML. */
import { iconPath } from '../core/sprite';
import type { Lang, Urgency } from '../core/types';
import { word } from './words';

type Child = Node | string | number | null | undefined | false;
type Props = Record<string, unknown>;

export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === false || value === null) continue;
    if (name.startsWith('on') && typeof value === 'function') el.addEventListener(name.slice(2).toLowerCase(), value as EventListener);
    else if (name === 'value') (el as unknown as HTMLInputElement).value = String(value);
    else el.setAttribute(name, value === true ? '' : String(value));
  }
  el.append(...children.filter((c): c is Node | string | number => c !== null && c !== undefined && c !== false).map((c) => (typeof c === 'number' ? String(c) : c)));
  return el;
}

const SVG = 'http://www.w3.org/2000/svg';

function drawing(cls: string, parts: [string, Record<string, string>][], label = ''): SVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', cls);
  svg.setAttribute('viewBox', '0 0 24 24');
  if (label) {
    svg.setAttribute('role', 'img');
    svg.setAttribute('aria-label', label);
  } else svg.setAttribute('aria-hidden', 'true');
  for (const [tag, attrs] of parts) {
    const part = svg.appendChild(document.createElementNS(SVG, tag));
    for (const [k, v] of Object.entries(attrs)) part.setAttribute(k, v);
  }
  return svg;
}

export const icon = (name: string, cls = ''): SVGElement => drawing(`ic ${cls}`.trim(), [['path', { d: iconPath(name) }]]);

/** Grey dot, bright dot in a ring, or the inverted chip with the word (design section 2). */
export function urgency(u: Urgency, lang: Lang): Element {
  const name = word(u, lang);
  if (u === 'critical') return h('span', { class: 'ug ug2', role: 'img', 'aria-label': name }, name);
  const dot = { cx: '12', cy: '12', r: u === 'urgent' ? '4.8' : '4.2', class: 'd' };
  return drawing(`ug ug${u === 'urgent' ? 1 : 0}`, [...(u === 'urgent' ? [['circle', { cx: '12', cy: '12', r: '9.6', class: 'r' }] as [string, Record<string, string>]] : []), ['circle', dot]], name);
}

export function button(cls: string, label: string, glyph: string, press: () => void, props: Props = {}): HTMLButtonElement {
  return h('button', { type: 'button', class: cls, onclick: press, ...props }, glyph ? icon(glyph) : null, h('span', { class: 'ellip' }, label));
}

/** A sheet from below. Resolves with what `done` was called with, null when it was closed. */
export function sheet<T>(title: string, lang: Lang, fill: (done: (value: T) => void) => Child[]): Promise<T | null> {
  return new Promise((resolve) => {
    let value: T | null = null;
    const box: HTMLDialogElement = h('dialog', { class: 'sheet', 'aria-label': title });
    const close = h('button', { type: 'button', class: 'ib', 'aria-label': word('close', lang), onclick: () => box.close() }, icon('x'));
    box.append(h('header', {}, h('h2', {}, title), close), ...(fill((v) => { value = v; box.close(); }).filter((c) => c instanceof Node) as Node[]));
    box.addEventListener('close', () => { box.remove(); resolve(value); });
    box.addEventListener('click', (e) => e.target === box && box.close());
    document.body.append(box);
    box.showModal();
  });
}
