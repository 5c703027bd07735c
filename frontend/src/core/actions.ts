/** Attributes that act (docs/ui.md) and the keyboard. One delegated listener each, for markup of either renderer. */
import type { PageContext } from './page';
import { parseUrl } from './url';

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
    const el = target.closest<HTMLElement>('[data-region],[data-sel],[data-fly],[data-reload],[data-show],[data-urgency],[data-flow],[data-topic],[data-sort]');
    const saved = target.closest<HTMLAnchorElement>('a[data-saved]');
    if (saved && !e.metaKey && !e.ctrlKey) {
      e.preventDefault();
      openSaved(page, saved);
    }
    if (target.closest('[data-unpick]')) page.picked.clear();
    if (!el) return;
    if (el.dataset['reload'] !== undefined) location.reload();
    if (el.dataset['region'] !== undefined) page.url.push({ region: el.dataset['region'], sel: '' });
    if (el.dataset['sel'] !== undefined) page.url.push({ sel: el.dataset['sel'] });
    if (el.dataset['fly']) fire('ioc:fly', el.dataset['fly'].split(',').map(Number));
    if (el.dataset['list']) filterList(page, el);
    if (el instanceof HTMLAnchorElement && !el.dataset['keep'] && el.getAttribute('href')?.match(/^#?$/)) e.preventDefault();
    if (el.matches('a[data-region],a[data-sel]')) e.preventDefault();
  });
  document.addEventListener('keydown', (e) => onKey(page, e));
  page.url.state.on(() => markFilters(page));
}

/** Query of the current page that travels along: region, layers, view, language, theme. */
export function keepSearch(href: string, search = location.search): string {
  const own = new URL(href || '.', location.href).searchParams;
  for (const [k, v] of new URLSearchParams(search)) if (!own.has(k) && ['region', 'layers', 'colour', 'v', 'lang', 'theme', 'still', 't', 'marks'].includes(k)) own.set(k, v);
  const text = own.toString().replaceAll('%2C', ',');
  return text ? `?${text}` : '';
}

/** The list's own state from its address: chips and tabs show what is chosen, also after Back. */
export function markFilters(page: PageContext): void {
  const list = page.url.value.list;
  const state = { show: list.show || 'all', urgency: list.urgency.join(','), flow: list.flow.join(','), topic: list.topic.join(','), sort: list.sort || 'due' };
  for (const box of document.querySelectorAll<HTMLElement>('.live-list[data-address]'))
    for (const key of ['show', 'urgency', 'flow', 'topic', 'sort'] as const)
      for (const chip of document.querySelectorAll<HTMLElement>(`[data-list="${CSS.escape(box.id)}"][data-${key}]`)) {
        const on = (chip.dataset[key] ?? '') === state[key];
        chip.classList.toggle('on', on);
        chip.setAttribute('aria-pressed', String(on));
      }
  for (const chip of document.querySelectorAll<HTMLElement>('[data-saved]')) chip.classList.toggle('on', chip.dataset['saved'] === list.saved);
}

/** A saved view: all of its question at once, one step of history. The region's own place, unless the view has one. */
function openSaved(page: PageContext, link: HTMLAnchorElement): void {
  const { list, region, view } = parseUrl(new URL(link.href).search);
  page.url.push({ list, region, sel: '', ...(view ? { view } : {}) });
}

function filterList(page: PageContext, el: HTMLElement): void {
  const d = el.dataset;
  const key = (['show', 'urgency', 'flow', 'topic', 'sort'] as const).find((k) => d[k] !== undefined);
  if (!key) return;
  const picked = (d[key] ?? '').split(',').filter(Boolean);
  if (document.getElementById(d['list'] ?? '')?.dataset['address'] !== undefined) {
    const many = key === 'urgency' || key === 'flow' || key === 'topic';
    // `all` is written out: an address without any filter begins with the view that was chosen as the first
    const list = { ...page.url.value.list, saved: '', [key]: many ? picked : (d[key] ?? '') };
    page.url.replace({ list: { ...list, show: list.show || 'all' } });
    return;
  }
  for (const other of document.querySelectorAll<HTMLElement>(`[data-list="${CSS.escape(d['list'] ?? '')}"][data-${key}]`)) {
    other.classList.toggle('on', other === el);
    other.setAttribute('aria-pressed', String(other === el));
  }
  const value = d[key] ?? '';
  fire('ioc:filter', { id: d['list'], [key]: key === 'show' || key === 'sort' ? value : picked });
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
  else if (/^[1-9]$/.test(key) && savedAt(Number(key))) savedAt(Number(key))?.click();
  else if (e.shiftKey && /^Digit[1-6]$/.test(e.code)) fire('ioc:layer-key', Number(e.code.slice(5)));
  else if (/^[1-6]$/.test(key)) fire('ioc:layer-key', Number(key));
  else if (inList(e) && (key === ' ' || key === 'x' || key === 'X')) fire('ioc:pick', null);
  else if (inList(e) && (key === 'ArrowDown' || key === 'ArrowUp')) fire(e.shiftKey ? 'ioc:stretch' : 'ioc:move', key === 'ArrowDown' ? 1 : -1);
  else if (key === 'j' || key === 'J' || key === 'k' || key === 'K') fire('ioc:move', key.toLowerCase() === 'j' ? 1 : -1);
  else if (key === 'Enter' && (e.target === document.body || (e.target as Element).closest?.('[role=listbox]'))) fire('ioc:open', null);
  else {
    const button = document.querySelector<HTMLElement>(`[data-key="${CSS.escape(key.toLowerCase())}"]`);
    if (!button) return;
    button.click();
  }
  if (key !== 'Enter') e.preventDefault();
}

/** Keys of the list: while nothing else has the focus, or the list has it. */
const inList = (e: KeyboardEvent): boolean =>
  document.querySelector('.live-list[data-pick]') !== null && (e.target === document.body || (e.target as Element).closest?.('[role=listbox]') !== null);

/** The nth saved view, where the page has any. */
function savedAt(n: number): HTMLElement | null {
  return document.querySelectorAll<HTMLElement>('[data-saved]')[n - 1] ?? null;
}

/** One level up: popup, then selection, then the region above. */
function escape(page: PageContext): void {
  const popup = new CustomEvent('ioc:escape', { cancelable: true });
  if (!window.dispatchEvent(popup)) return;
  if (page.picked.size) page.picked.clear();
  else if (page.url.value.sel) page.url.push({ sel: '' });
  else if (page.url.value.region) {
    const up = document.querySelector<HTMLElement>('[data-up]');
    if (up) up.click();
    else page.url.push({ region: '' });
  }
}
