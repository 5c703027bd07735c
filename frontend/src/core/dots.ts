/** Geometry of a device's small mark: the map draws it on a canvas, the legend in SVG, from the same numbers. */

export type DotState = 'on' | 'off' | 'fault' | 'ex';

/** What a dot of radius `r` (CSS px; `k` widens strokes on a wall) consists of. Colours are names of tokens. */
export interface Dot {
  /** Radius of the dot itself; one over its limit is bigger. */
  r: number;
  /** Quiet disc below it. */
  halo: number;
  /** A filled dot's colour; null: hollow. */
  fill: 'ink-2' | 'dev-bg' | null;
  ring: { r: number; width: number; dash: [number, number] | null } | null;
  /** Dark core of one over its limit. */
  core: number;
}

/** Filled when online, hollow when offline, dashed when faulty, inverted when over its limit (design section 7). */
export function dotOf(state: DotState, r0: number, k: number): Dot {
  const r = state === 'ex' ? 1.25 * r0 : r0;
  const hollow = state === 'off' || state === 'fault';
  return {
    r,
    halo: r + 1.2 * k,
    fill: hollow ? null : state === 'ex' ? 'dev-bg' : 'ink-2',
    ring: hollow ? { r: r - 0.6 * k, width: 1.6 * k, dash: state === 'fault' ? [2 * k, 1.6 * k] : null } : null,
    core: state === 'ex' ? r * 0.42 : 0,
  };
}

/** Edge of the disc that a device is from z 16. */
export const DISC_DASH = { off: [3, 2.4], fault: [1.2, 2.6] } as const;
