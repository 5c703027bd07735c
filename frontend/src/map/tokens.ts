/** Colours of the map from the page's CSS tokens, so that lists and map cannot differ. */

export type Rgba = [number, number, number, number];

export function parseColor(text: string): Rgba {
  const t = text.trim();
  const hex = /^#([0-9a-f]{3,8})$/i.exec(t)?.[1];
  if (hex) {
    const full = hex.length <= 4 ? [...hex].map((c) => c + c).join('') : hex;
    const n = (i: number): number => Number.parseInt(full.slice(i, i + 2), 16);
    return [n(0), n(2), n(4), full.length >= 8 ? n(6) : 255];
  }
  const v = /rgba?\(([^)]+)\)/i.exec(t)?.[1]?.split(/[\s,/]+/).filter(Boolean).map(Number);
  if (v && v.length >= 3) return [v[0]!, v[1]!, v[2]!, Math.round((v[3] ?? 1) * 255)];
  return [143, 157, 171, 255];
}

const NAMES = [
  'bg-1', 'bg-2', 'bg-3', 'line', 'line-2', 'ink-1', 'ink-2', 'ink-3', 'ink-4', 'accent', 'dev-bg', 'on-dev', 'plate',
  'lv1', 'lv2', 'lv3', 'lv4', 'lv1-bg', 'lv2-bg', 'lv3-bg', 'lv4-bg', 'lv1-t', 'lv2-t', 'lv3-t', 'lv4-t', 'on-lv1', 'on-lv2', 'on-lv3', 'on-lv4', 'wn-white', 'on-wn-white',
  'h0', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'map-sea', 'map-land', 'map-line', 'map-town', 'map-label', 'map-halo', 'series', 'series-2',
] as const;
export type TokenName = (typeof NAMES)[number];

export interface Tokens {
  css: Record<TokenName, string>;
  font: string;
  dark: boolean;
  /** px of one u on this surface. */
  u: number;
  rgba(name: TokenName, alpha?: number): Rgba;
}

export function readTokens(el: HTMLElement, override: Record<string, string> = {}): Tokens {
  const style = getComputedStyle(el);
  const css = {} as Record<TokenName, string>;
  for (const name of NAMES) css[name] = override[name] ?? (style.getPropertyValue(`--${name}`).trim() || '#8F9DAB');
  const font = style.getPropertyValue('--font-ui').trim() || 'sans-serif';
  const probe = document.createElement('i');
  probe.style.cssText = 'position:absolute;visibility:hidden;width:calc(100*var(--u,1px))';
  el.appendChild(probe);
  const u = probe.getBoundingClientRect().width / 100 || 1;
  probe.remove();
  const dark = el.closest('[data-theme="light"]') === null;
  return {
    css,
    font,
    dark,
    u,
    rgba: (name, alpha) => {
      const c = parseColor(css[name]);
      return alpha === undefined ? c : [c[0], c[1], c[2], Math.round(alpha * 255)];
    },
  };
}

export function mix(a: Rgba, b: Rgba, t: number): Rgba {
  return [0, 1, 2, 3].map((i) => Math.round(a[i]! + (b[i]! - a[i]!) * t)) as Rgba;
}
