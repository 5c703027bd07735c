/** Attributes that act (docs/ui.md) and the keyboard. One delegated listener each, for markup of either renderer. */
import type { PageContext } from './page';

export type MapCommand = { fly?: [number, number, number]; home?: boolean };

export function fire(name: string, detail: unknown): void {
  window.dispatchEvent(new CustomEvent(name, { detail }));
}

export function installActions(page: PageContext): void {
  document.addEventListener('click', (e) => {
    const target = e.target instanceof Element ? e.target : null;
    if (!target || e.defaultPrevented) return;
    const link = target.closest<HTMLAnchorElement>('a[data-keep]');
    if (link && !e.metaKey && !e.ctrlKey) link.search = keepSearch(link.getAttribute('href') ?? '');
    const el = target.closest<HTMLElement>('[data-region],[data-sel],[data-fly],[data-reload],[data-show],[data-urgency],[data-flow],[data-sort]');
    if (!el) return;
    if (el.dataset['reload'] !== undefined) location.reload();
    if (el.dataset['region'] !== undefined) page.url.push({ region: el.dataset['region'], sel: '' });
    if (el.dataset['sel'] !== undefined) page.url.push({ sel: el.dataset['sel'] });
    if (el.dataset['fly']) fire('ioc:fly', el.dataset['fly'].split(',').map(Number));
    if (el.dataset['list']) filterList(el);
    if (el instanceof HTMLAnchorElement && !el.dataset['keep'] && el.getAttribute('href')?.match(/^#?$/)) e.preventDefault();
    if (el.matches('a[data-region],a[data-sel]')) e.preventDefault();
  });
  document.addEventListener('keydown', (e) => onKey(page, e));
}

/** Query of the current page that travels along: region, layers, view, language, theme. */
export function keepSearch(href: string, search = location.search): string {
  const own = new URL(href || '.', location.href).searchParams;
  for (const [k, v] of new URLSearchParams(search)) if (!own.has(k) && ['region', 'layers', 'v', 'lang', 'theme', 'still'].includes(k)) own.set(k, v);
  const text = own.toString().replaceAll('%2C', ',');
  return text ? `?${text}` : '';
}

function filterList(el: HTMLElement): void {
  const d = el.dataset;
  const key = (['show', 'urgency', 'flow', 'sort'] as const).find((k) => d[k] !== undefined);
  if (!key) return;
  for (const other of document.querySelectorAll<HTMLElement>(`[data-list="${CSS.escape(d['list'] ?? '')}"][data-${key}]`)) {
    other.classList.toggle('on', other === el);
    other.setAttribute('aria-pressed', String(other === el));
  }
  const value = d[key] ?? '';
  const list = value.split(',').filter(Boolean);
  fire('ioc:filter', { id: d['list'], [key]: key === 'show' || key === 'sort' ? value : list });
}

const editable = (t: EventTarget | null): boolean => t instanceof HTMLElement && (t.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(t.tagName));

function onKey(page: PageContext, e: KeyboardEvent): void {
  if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === 'k') {
    e.preventDefault();
    fire('ioc:search', null);
    return;
  }
  if (e.ctrlKey || e.metaKey || e.altKey || editable(e.target)) return;
  if (document.querySelector('dialog[open]')) return;
  const key = e.key;
  if (key === 'Escape') escape(page);
  else if (key === '?') fire('ioc:keys', null);
  else if (/^[1-6]$/.test(key)) fire('ioc:layer-key', Number(key));
  else if (key === 'j' || key === 'J' || key === 'k' || key === 'K') fire('ioc:move', key.toLowerCase() === 'j' ? 1 : -1);
  else if (key === 'Enter' && (e.target === document.body || (e.target as Element).closest?.('[role=listbox]'))) fire('ioc:open', null);
  else {
    const button = document.querySelector<HTMLElement>(`[data-key="${CSS.escape(key.toLowerCase())}"]`);
    if (!button) return;
    button.click();
  }
  if (key !== 'Enter') e.preventDefault();
}

/** One level up: popup, then selection, then the region above. */
function escape(page: PageContext): void {
  const popup = new CustomEvent('ioc:escape', { cancelable: true });
  if (!window.dispatchEvent(popup)) return;
  if (page.url.value.sel) page.url.push({ sel: '' });
  else if (page.url.value.region) {
    const up = document.querySelector<HTMLElement>('[data-up]');
    if (up) up.click();
    else page.url.push({ region: '' });
  }
}
