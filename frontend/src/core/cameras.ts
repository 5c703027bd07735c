/** Places for live pictures: `<div data-cameras="12,13">` is a row of tiles, `<div data-video-desk>` the desk's page of panes.
 *
 * The module with the players is fetched when the first such place is on a finished page, never before. Places come and go: what is
 * gone is torn down, what has other cameras is given them. Dash makes every element under a changed `children` anew, even one that
 * says the same; the pictures of a row go over to its successor and play on. */
import { sibling, thisScript } from './bundle';
import { page } from './page';
import type { CameraRow, VideoModule } from '../video/entry';
import type { VideoDesk } from '../video/desk';

const own = thisScript();
const LOOK_MS = 400;
let loading: Promise<VideoModule> | null = null;
let failures = 0;
const rows = new Map<HTMLElement, { row: CameraRow; asked: string }>();
const desks = new Map<HTMLElement, VideoDesk>();

export function loadVideo(): Promise<VideoModule> {
  const url = sibling(own, 'ioc_video', 'js') + (failures ? `?try=${failures}` : '');
  loading ??= (import(/* @vite-ignore */ url) as Promise<VideoModule>).catch((error: unknown) => {
    loading = null;
    failures++;
    throw error;
  });
  return loading;
}

/** Rows whose element was made anew go over to it, within the same task: a moved video does not halt, its view is not begun again. */
function follow(): void {
  for (const [el, kept] of rows) {
    if (el.isConnected) continue;
    const next = [...document.querySelectorAll<HTMLElement>('[data-cameras]')].find((other) => !rows.has(other) && sameRow(el, other));
    if (!next) continue;
    rows.delete(el);
    rows.set(next, kept);
    kept.row.moveTo(next);
  }
}

function sameRow(a: HTMLElement, b: HTMLElement): boolean {
  return a.dataset['surface'] === b.dataset['surface'] && a.dataset['case'] === b.dataset['case'] && a.id === b.id;
}

async function look(): Promise<void> {
  for (const [el, kept] of rows)
    if (!el.isConnected) {
      kept.row.close();
      rows.delete(el);
    }
  for (const [el, desk] of desks)
    if (!el.isConnected) {
      desk.close();
      desks.delete(el);
    }
  if (document.body.dataset['ready'] !== 'true') return;
  const places = [...document.querySelectorAll<HTMLElement>('[data-cameras],[data-video-desk]')].filter(shown);
  if (!places.some((el) => el.dataset['cameras'] || el.dataset['videoDesk'] !== undefined)) return;
  const module = await loadVideo();
  for (const el of places) {
    if (!el.isConnected) continue;
    if (el.dataset['videoDesk'] !== undefined) {
      if (!desks.has(el)) desks.set(el, module.desk(el, page()));
      continue;
    }
    const asked = `${el.dataset['cameras']}|${el.dataset['case'] ?? ''}|${el.dataset['notes'] ?? ''}`;
    const kept = rows.get(el);
    if (kept?.asked === asked) continue;
    const options = {
      ids: (el.dataset['cameras'] ?? '').split(',').map(Number).filter((n) => n > 0),
      surface: (el.dataset['surface'] ?? page().surface) as 'desk' | 'command' | 'wall',
      caseId: Number(el.dataset['case']) || null,
      notes: JSON.parse(el.dataset['notes'] ?? '{}') as Record<string, string>,
      prefer: el.dataset['prefer'] as 'flv' | 'ts' | 'hls' | undefined,
    };
    if (kept) {
      kept.row.show(options);
      kept.asked = asked;
    } else rows.set(el, { row: module.row(el, page(), options), asked });
  }
}

/** What the page's layout hides (a wall of another ratio) costs nothing; what was shown and is hidden ends. */
function shown(el: HTMLElement): boolean {
  if (el.offsetParent !== null || el.getClientRects().length) return true;
  rows.get(el)?.row.close();
  rows.delete(el);
  return false;
}

let busy = false;
export function installCameras(): void {
  setInterval(() => {
    if (busy) return;
    busy = true;
    look()
      .catch((error: unknown) => console.error(error))
      .finally(() => (busy = false));
  }, LOOK_MS);
  new MutationObserver(() => rows.size && follow()).observe(document.body, { childList: true, subtree: true });
  // a page that is left ends its views now, not half a minute later
  window.addEventListener('pagehide', () => {
    for (const { row } of rows.values()) row.close();
    for (const desk of desks.values()) desk.close();
    rows.clear();
    desks.clear();
  });
}
