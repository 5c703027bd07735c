/** A base map style for a wall: text and lines grow with the surface's unit, so that nothing is scaled by CSS. */
import type { LayerSpecification, StyleSpecification } from 'maplibre-gl';

/** Names on a wall are 22u where the desk has 14 px (design section 5); lines grow with u alone. */
export const WALL_TEXT = 22 / 14;

/** Multiplies the outputs of a style value: numbers, and the branches of expressions that must stay outermost. */
export function scaled(value: unknown, k: number): unknown {
  if (typeof value === 'number') return Math.round(value * k * 100) / 100;
  if (value && typeof value === 'object' && !Array.isArray(value)) {
    const stops = (value as { stops?: [number, unknown][] }).stops;
    return stops ? { ...value, stops: stops.map(([z, v]) => [z, scaled(v, k)]) } : value;
  }
  if (!Array.isArray(value)) return value;
  const [op, ...rest] = value as [string, ...unknown[]];
  switch (op) {
    case 'interpolate':
      return [op, rest[0], rest[1], ...rest.slice(2).map((v, i) => (i % 2 ? scaled(v, k) : v))];
    case 'step':
      return [op, rest[0], ...rest.slice(1).map((v, i) => (i % 2 ? v : scaled(v, k)))];
    case 'case':
      return [op, ...rest.map((v, i) => (i % 2 || i === rest.length - 1 ? scaled(v, k) : v))];
    case 'match':
      return [op, rest[0], ...rest.slice(1).map((v, i) => (i % 2 || i === rest.length - 2 ? scaled(v, k) : v))];
    default:
      return ['*', k, value];
  }
}

/**
 * The page's own fonts for names on the map. MapLibre passes a font stack to the browser as a CSS family list and reads the
 * weight from the first name, so a bold stack begins with a name no font has.
 */
export function fontStack(family: string, bold: boolean): string[] {
  const names = family.split(',').map((n) => n.trim().replace(/^["']|["']$/g, ''));
  const usable = names.filter((n) => /^[A-Za-z_][\w -]*$/.test(n));
  return [...(bold ? ['IOC Semibold'] : []), ...(usable.length ? usable : ['sans-serif'])];
}

export function withFonts(style: StyleSpecification, family: string): StyleSpecification {
  // A style with a glyph server brings its own fonts.
  if (style.glyphs) return style;
  const layers = style.layers.map((layer) => {
    if (layer.type !== 'symbol' || !layer.layout?.['text-field']) return layer;
    const named = layer.layout['text-font'];
    const bold = Array.isArray(named) && /bold/i.test(named.join());
    return { ...layer, layout: { ...layer.layout, 'text-font': fontStack(family, bold) } };
  });
  return { ...style, layers };
}

/**
 * For a processor that draws: no wide translucent edges, the dearest thing for it; no smoothed fills and no dashes, each a
 * program of its own to compile before the first picture.
 */
export function lighter(style: StyleSpecification): StyleSpecification {
  const glows = (l: LayerSpecification): boolean => l.type === 'line' && l.paint?.['line-blur'] !== undefined;
  const plain = (l: LayerSpecification): LayerSpecification => {
    if (l.type === 'fill') return { ...l, paint: { ...l.paint, 'fill-antialias': false } };
    if (l.type !== 'line') return l;
    const paint = { ...l.paint };
    delete paint['line-dasharray'];
    return { ...l, paint };
  };
  return { ...style, layers: style.layers.filter((l) => !glows(l)).map(plain) };
}

const TEXT = ['text-size'];
const PAINT = ['text-halo-width', 'line-width', 'line-gap-width', 'circle-radius', 'circle-stroke-width'];

export function scaleStyle(style: StyleSpecification, text: number, line: number): StyleSpecification {
  if (text === 1 && line === 1) return style;
  const part = (o: Record<string, unknown> | undefined, names: string[], k: (name: string) => number): Record<string, unknown> | undefined =>
    o && Object.fromEntries(Object.entries(o).map(([n, v]) => [n, names.includes(n) ? scaled(v, k(n)) : v]));
  const layers = style.layers.map((layer) => {
    const l = layer as { layout?: Record<string, unknown>; paint?: Record<string, unknown> };
    const layout = part(l.layout, TEXT, () => text);
    const paint = part(l.paint, PAINT, (n) => (n.startsWith('text') ? text : line));
    return { ...layer, ...(layout ? { layout } : {}), ...(paint ? { paint } : {}) };
  });
  return { ...style, layers: layers as StyleSpecification['layers'] };
}
