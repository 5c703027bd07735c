/** What lies over a map, found by geometry: panels, drawers, toolboxes, whatever page they belong to. */
import type { Box } from './plates';

/** A box over more of the map than this is a frame or a backdrop of the map itself, nothing to stay clear of. */
const FRAME_SHARE = 0.6;
const FLOATING = new Set(['absolute', 'fixed', 'sticky']);

/** Boxes over `root`, in its own pixels: elements placed beside it, or beside anything it stands in. `each` is told of them. */
export function overlays(root: HTMLElement, each: (e: HTMLElement) => void = () => undefined): Box[] {
  const own = root.getBoundingClientRect();
  const out: Box[] = [];
  for (let node: HTMLElement | null = root; node && node !== document.body; node = node.parentElement) {
    for (const e of node.parentElement?.children ?? []) {
      if (e === node || !(e instanceof HTMLElement) || e.dataset['passing'] !== undefined) continue;
      const r = e.getBoundingClientRect();
      const x = Math.max(r.left, own.left);
      const y = Math.max(r.top, own.top);
      const w = Math.min(r.right, own.right) - x;
      const h = Math.min(r.bottom, own.bottom) - y;
      if (w < 2 || h < 2 || w * h > FRAME_SHARE * own.width * own.height) continue;
      const style = getComputedStyle(e);
      if (!FLOATING.has(style.position) || style.visibility === 'hidden') continue;
      out.push({ x: x - own.left, y: y - own.top, w, h });
      each(e);
    }
  }
  return out;
}
