/** Numbers in markup of either renderer, kept up to date. */
import { count } from './format';
import type { Counts } from './types';

/** Any element with `data-count`. */
export function fillCounts(root: ParentNode, counts: Counts | null): void {
  if (!counts) return;
  for (const el of root.querySelectorAll<HTMLElement>('[data-count]')) {
    const path = el.dataset['count'] ?? '';
    const inc = /^inc([0-4])$/.exec(path);
    const device = /^devices\.(\w+)$/.exec(path);
    const value = inc ? counts.incidents[inc[1]!] : device ? counts.devices[device[1]!] : counts[path as 'open'];
    if (typeof value !== 'number') continue;
    const text = count(value);
    if (el.textContent !== text) el.textContent = text;
    if (el.dataset['zero'] !== undefined) el.classList.toggle('z', value === 0);
  }
}
