/** The marks of design sections 2 and 7, drawn on a canvas with the paths and colours of the lists. Sizes in CSS px. */
import { DISC_DASH, dotOf, type DotState } from '../core/dots';
import { iconPath, numeral, SHAPES } from '../core/sprite';
import type { Lang, Urgency } from '../core/types';
import { word } from '../core/words';
import type { Drawing } from './atlas';
import type { TokenName, Tokens } from './tokens';

type G = CanvasRenderingContext2D;

export interface Sizes {
  incident: number;
  urgent: number;
  chip: number;
  dot: number;
  disc: number;
  text: number;
  /** Width factor of strokes. */
  k: number;
}

/** Desk in px; a wall is read from afar: marks of states.png times u. */
export function sizes(wall: boolean, u: number): Sizes {
  return wall
    ? { incident: 34 * u, urgent: 21 * u, chip: 20 * u, dot: 9 * u, disc: 30 * u, text: 20 * u, k: 1.35 * u }
    : { incident: 27, urgent: 16, chip: 13.5, dot: 7.5, disc: 24, text: 12, k: 1 };
}

const PAD = 4;

function glow(g: G, t: Tokens, k: number): void {
  g.shadowColor = t.css['map-halo'];
  g.shadowBlur = 3 * k;
}

function noGlow(g: G): void {
  g.shadowColor = 'transparent';
  g.shadowBlur = 0;
}

function unit24(g: G, size: number, x: number, y: number): void {
  g.translate(x, y);
  g.scale(size / 24, size / 24);
}

function roundRect(g: G, x: number, y: number, w: number, h: number, r: number): void {
  g.beginPath();
  g.roundRect(x, y, w, h, r);
}

function font(t: Tokens, size: number, weight: number): string {
  return `${weight} ${size}px ${t.font}`;
}

const measureCanvas = (): G | null => document.createElement('canvas').getContext('2d');
let measurer: G | null = null;
export function textWidth(t: Tokens, text: string, size: number, weight: number): number {
  measurer ??= measureCanvas();
  if (!measurer) return text.length * size * 0.6;
  measurer.font = font(t, size, weight);
  return measurer.measureText(text).width;
}

/** `n` 0: an incident whose level nobody has said, without hue. */
export function level(t: Tokens, s: Sizes, n: number, said: boolean): Drawing {
  const provisional = said && n > 0;
  const size = s.incident;
  const box = size + 2 * PAD * s.k;
  return {
    width: box,
    height: box,
    draw: (g) => {
      unit24(g, size * (provisional ? 24 / 26 : 1), PAD * s.k + (provisional ? size / 26 : 0), PAD * s.k + (provisional ? size / 26 : 0));
      const shape = new Path2D(SHAPES[n]);
      glow(g, t, s.k);
      g.fillStyle = t.css[(n === 0 ? 'bg-1' : provisional ? `lv${n}-bg` : `lv${n}`) as TokenName];
      g.fill(shape);
      noGlow(g);
      if (provisional) {
        g.strokeStyle = t.css[(!t.dark && (n === 2 || n === 3) ? `lv${n}-t` : `lv${n}`) as TokenName];
        g.lineWidth = 2.4;
        g.setLineDash([4.2, 2.6]);
        g.stroke(shape);
        g.setLineDash([]);
      } else if (n === 0 || (!t.dark && (n === 2 || n === 3))) {
        g.strokeStyle = t.css[n === 0 ? 'ink-2' : 'ink-1'];
        g.lineWidth = n === 0 ? 2 : 1.2;
        g.stroke(shape);
      }
      g.strokeStyle = t.css[(n === 0 ? 'ink-1' : provisional ? `lv${n}-t` : `on-lv${n}`) as TokenName];
      g.lineWidth = 2.4;
      g.stroke(new Path2D(numeral(n)));
    },
  };
}

/** `suspected` (疑似): the same shape, hollow and dashed, as everything that is not fully certain. */
export function urgency(t: Tokens, s: Sizes, u: Urgency, lang: Lang, suspected = false): Drawing {
  if (u === 'critical') return chip(t, s, word('critical', lang), suspected);
  const size = s.urgent;
  const box = size + 2 * PAD * s.k;
  return {
    width: box,
    height: box,
    draw: (g) => {
      unit24(g, size, PAD * s.k, PAD * s.k);
      glow(g, t, s.k);
      if (u === 'urgent') {
        g.fillStyle = t.css['map-halo'];
        circle(g, 12, 12, 9.6);
        g.fill();
        g.strokeStyle = t.css['ink-1'];
        g.lineWidth = 2.3;
        if (suspected) g.setLineDash(SUSPECTED_DASH);
        g.stroke();
        noGlow(g);
        if (suspected) return;
        g.fillStyle = t.css['ink-1'];
        circle(g, 12, 12, 4.8);
      } else if (suspected) {
        g.fillStyle = t.css['map-halo'];
        circle(g, 12, 12, 6);
        g.fill();
        g.strokeStyle = t.css['ink-2'];
        g.lineWidth = 2.1;
        g.setLineDash([3.4, 2.9]);
        g.stroke();
        return;
      } else {
        g.fillStyle = t.css['ink-3'];
        circle(g, 12, 12, 4.2);
      }
      g.fill();
    },
  };
}

function circle(g: G, x: number, y: number, r: number): void {
  g.beginPath();
  g.arc(x, y, r, 0, 2 * Math.PI);
}

const SUSPECTED_DASH = [5.6, 4.4];

/** Inverted word: 特急. A suspected one is outlined, not inverted. */
function chip(t: Tokens, s: Sizes, text: string, suspected: boolean): Drawing {
  const w = textWidth(t, text, s.chip, 600) + 0.6 * s.chip;
  const h = s.chip * 1.36;
  const ring = 2 * s.k;
  return {
    width: w + 2 * ring,
    height: h + 2 * ring,
    draw: (g) => {
      g.fillStyle = t.css['map-halo'];
      roundRect(g, 0, 0, w + 2 * ring, h + 2 * ring, 4 * s.k);
      g.fill();
      g.fillStyle = t.css[suspected ? 'bg-1' : 'dev-bg'];
      roundRect(g, ring, ring, w, h, 3 * s.k);
      g.fill();
      if (suspected) {
        g.strokeStyle = t.css['ink-1'];
        g.lineWidth = 1.5 * s.k;
        g.setLineDash([3 * s.k, 2.4 * s.k]);
        g.stroke();
      }
      g.fillStyle = t.css[suspected ? 'ink-1' : 'on-dev'];
      g.font = font(t, s.chip, 600);
      g.textAlign = 'center';
      g.textBaseline = 'middle';
      g.fillText(text, w / 2 + ring, h / 2 + ring + s.chip * 0.04);
    },
  };
}

export type { DotState };

/** z 14-15: a dot; hollow when offline, inverted (bright with a dark core) when over its limit. */
export function dot(t: Tokens, s: Sizes, state: DotState): Drawing {
  const o = dotOf(state, s.dot / 2, s.k);
  const box = 2 * (o.r + 3 * s.k);
  return {
    width: box,
    height: box,
    draw: (g) => {
      const c = box / 2;
      g.fillStyle = t.css['map-halo'];
      circle(g, c, c, o.halo);
      g.fill();
      if (o.ring) {
        g.strokeStyle = t.css['ink-3'];
        g.lineWidth = o.ring.width;
        if (o.ring.dash) g.setLineDash(o.ring.dash);
        circle(g, c, c, o.ring.r);
        g.stroke();
      }
      if (o.fill) {
        g.fillStyle = t.css[o.fill];
        circle(g, c, c, o.r);
        g.fill();
      }
      if (o.core) {
        g.fillStyle = t.css['on-dev'];
        circle(g, c, c, o.core);
        g.fill();
      }
    },
  };
}

/** Level of a major hazard (EMG-04): its hue and its figure, so that neither is needed alone. Not the shapes of an incident. */
export function hazard(t: Tokens, s: Sizes, n: number): Drawing {
  const r = s.dot;
  const box = 2 * (r + 2.5 * s.k);
  return {
    width: box,
    height: box,
    draw: (g) => {
      const c = box / 2;
      g.fillStyle = t.css['map-halo'];
      circle(g, c, c, r + 2 * s.k);
      g.fill();
      g.fillStyle = t.css[`lv${n}` as TokenName];
      circle(g, c, c, r);
      g.fill();
      outlined(g, t, n, s.k);
      g.font = font(t, r * 1.5, 700);
      g.textAlign = 'center';
      g.textBaseline = 'middle';
      g.fillStyle = t.css[`on-lv${n}` as TokenName];
      g.fillText(String(n), c, c + r * 0.1);
    },
  };
}

/** Orange and yellow on a light page have an outline of ink (design section 6). */
function outlined(g: G, t: Tokens, n: number, k: number): void {
  if (t.dark || (n !== 2 && n !== 3)) return;
  g.strokeStyle = t.css['ink-1'];
  g.lineWidth = 1.1 * k;
  g.stroke();
}

function icon(g: G, t: Tokens, name: string, x: number, y: number, size: number, color: string): void {
  g.save();
  unit24(g, size, x, y);
  g.strokeStyle = color;
  g.lineWidth = 1.9;
  g.lineCap = 'round';
  g.lineJoin = 'round';
  g.stroke(new Path2D(iconPath(name)));
  g.restore();
}

export type AlarmRank = 1 | 2 | 3 | 4;
export type AlarmState = 1 | 2 | 3;

/** Bell on a plate: inverted, bright edge, dim edge, none; a ring while unacknowledged, paler once it has returned. */
export function alarm(t: Tokens, s: Sizes, rank: AlarmRank, state: AlarmState, small: boolean): Drawing {
  const a = s.disc * (small ? 0.6 : 0.75);
  const gap = 3 * s.k;
  const line = 1.6 * s.k;
  const box = a + 2 * (gap + line);
  const edge: TokenName | null = rank === 2 ? 'ink-1' : rank === 3 ? 'ink-3' : null;
  return {
    width: box,
    height: box,
    draw: (g) => {
      const at = gap + line;
      if (state === 1) {
        g.strokeStyle = t.css['map-halo'];
        g.lineWidth = line + 2 * s.k;
        roundRect(g, line, line, box - 2 * line, box - 2 * line, 6.5 * s.k);
        g.stroke();
        g.strokeStyle = t.css['ink-1'];
        g.lineWidth = line;
        g.stroke();
      }
      if (state === 2) g.globalAlpha = 0.62;
      glow(g, t, s.k);
      g.fillStyle = t.css[rank === 1 ? 'dev-bg' : 'bg-1'];
      roundRect(g, at, at, a, a, 4 * s.k);
      g.fill();
      noGlow(g);
      if (edge) {
        g.strokeStyle = t.css[edge];
        g.lineWidth = line;
        g.stroke();
      }
      const size = a * 0.74;
      icon(g, t, 'bell', at + (a - size) / 2, at + (a - size) / 2, size, t.css[rank === 1 ? 'on-dev' : rank === 4 ? 'ink-3' : rank === 3 ? 'ink-2' : 'ink-1']);
    },
  };
}

/** z 12-13: pill with icon and number; a second number only when there is one (离线 3, 超限 2). */
export function pin(t: Tokens, s: Sizes, o: { icon: string; n: string; second: string; square: boolean; strong: boolean }): Drawing {
  const h = s.disc;
  const size = s.text;
  const iconSize = size * 1.15;
  const pad = size * 0.66;
  const gap = size * 0.33;
  const nw = textWidth(t, o.n, size, 500);
  const w = pad + (o.icon ? iconSize + gap : 0) + nw + pad;
  const sw = o.second ? textWidth(t, o.second, size, 500) + size * 0.6 : 0;
  const edge = 2 * s.k;
  return {
    width: w + sw + 2 * edge,
    height: h + 2 * edge,
    anchorX: w / 2 + edge,
    draw: (g) => {
      g.translate(edge, edge);
      glow(g, t, s.k);
      g.fillStyle = t.css['bg-1'];
      roundRect(g, 0, 0, w, h, o.square ? 4 * s.k : h / 2);
      g.fill();
      noGlow(g);
      g.strokeStyle = t.css[o.strong ? 'ink-1' : 'ink-3'];
      g.lineWidth = 1.5 * s.k;
      g.stroke();
      if (o.icon) icon(g, t, o.icon, pad, (h - iconSize) / 2, iconSize, t.css['ink-1']);
      g.font = font(t, size, 500);
      g.textBaseline = 'middle';
      g.textAlign = 'left';
      g.fillStyle = t.css['ink-1'];
      g.fillText(o.n, pad + (o.icon ? iconSize + gap : 0), h / 2 + size * 0.05);
      if (!o.second) return;
      haloText(g, t, o.second, w + size * 0.4, h / 2 + size * 0.05, o.strong ? 'ink-1' : 'ink-2');
    },
  };
}

function haloText(g: G, t: Tokens, text: string, x: number, y: number, color: TokenName): void {
  g.lineJoin = 'round';
  g.lineWidth = 3.2;
  g.strokeStyle = t.css['map-halo'];
  g.strokeText(text, x, y);
  g.fillStyle = t.css[color];
  g.fillText(text, x, y);
}

/** z >= 16: disc with an icon and a label beside it; dashed when offline, inverted when over its limit. */
export function disc(t: Tokens, s: Sizes, o: { icon: string; state: DotState; label: string; square: boolean; hazard?: number }): Drawing {
  const d = s.disc;
  const size = s.text;
  const edge = 2 * s.k;
  const lw = o.label ? textWidth(t, o.label, size, 500) + size * 0.8 : 0;
  const off = o.state === 'off' || o.state === 'fault';
  return {
    width: d + lw + 2 * edge,
    height: d + 2 * edge,
    anchorX: d / 2 + edge,
    draw: (g) => {
      g.translate(edge, edge);
      glow(g, t, s.k);
      g.fillStyle = t.css[o.state === 'ex' ? 'dev-bg' : 'bg-1'];
      roundRect(g, 0, 0, d, d, o.square ? 4 * s.k : d / 2);
      g.fill();
      noGlow(g);
      g.strokeStyle = t.css[off ? 'ink-4' : o.state === 'ex' ? 'dev-bg' : 'ink-3'];
      g.lineWidth = 1.5 * s.k;
      if (off) g.setLineDash(DISC_DASH[o.state === 'fault' ? 'fault' : 'off'].map((n) => n * s.k));
      g.stroke();
      g.setLineDash([]);
      if (o.hazard) {
        const w = 3.2 * s.k;
        if (!t.dark && (o.hazard === 2 || o.hazard === 3)) {
          g.strokeStyle = t.css['ink-1'];
          g.lineWidth = w + 2 * s.k;
          circle(g, d / 2, d / 2, d / 2 - w / 2);
          g.stroke();
        }
        g.strokeStyle = t.css[`lv${o.hazard}` as TokenName];
        g.lineWidth = w;
        circle(g, d / 2, d / 2, d / 2 - w / 2);
        g.stroke();
      }
      const ic = d * (o.hazard ? 0.5 : 0.58);
      icon(g, t, off && o.icon === 'camera' ? 'off' : o.icon, (d - ic) / 2, (d - ic) / 2, ic, t.css[o.state === 'ex' ? 'on-dev' : off ? 'ink-4' : 'ink-1']);
      if (!o.label) return;
      g.font = font(t, size, 500);
      g.textBaseline = 'middle';
      g.textAlign = 'left';
      haloText(g, t, o.label, d + size * 0.45, d / 2 + size * 0.05, o.state === 'ex' ? 'ink-1' : 'ink-2');
    },
  };
}

/** A line of text with a halo, middle on the position. */
export function label(t: Tokens, s: Sizes, text: string, o: { weight?: number; color?: TokenName; shift?: number; size?: number } = {}): Drawing {
  const size = o.size ?? s.text;
  const weight = o.weight ?? 400;
  const w = textWidth(t, text, size, weight) + 8;
  const h = size * 1.5;
  return {
    width: w,
    height: h,
    anchorX: w / 2,
    anchorY: h / 2 - (o.shift ?? 0),
    draw: (g) => {
      g.font = font(t, size, weight);
      g.textAlign = 'center';
      g.textBaseline = 'middle';
      haloText(g, t, text, w / 2, h / 2, o.color ?? 'map-label');
    },
  };
}

/** Field of view pointing north; turned by IconLayer. */
export function cone(t: Tokens, s: Sizes, fov: number): Drawing {
  const r = s.disc * 1.9;
  return {
    width: 2 * r,
    height: 2 * r,
    draw: (g) => {
      const half = (Math.min(170, Math.max(8, fov)) / 2) * (Math.PI / 180);
      const fade = g.createRadialGradient(r, r, s.disc * 0.4, r, r, r);
      fade.addColorStop(0, t.css['series']);
      fade.addColorStop(1, 'transparent');
      g.globalAlpha = 0.5;
      g.fillStyle = fade;
      g.beginPath();
      g.moveTo(r, r);
      g.arc(r, r, r, -Math.PI / 2 - half, -Math.PI / 2 + half);
      g.closePath();
      g.fill();
    },
  };
}

const FLAG = 'M3 1.2h18v21.6l-9-4.4-9 4.4z';
const FLAG_WORD: Record<string, [string, TokenName, TokenName]> = {
  red: ['红', 'lv1', 'on-lv1'],
  orange: ['橙', 'lv2', 'on-lv2'],
  yellow: ['黄', 'lv3', 'on-lv3'],
  blue: ['蓝', 'lv4', 'on-lv4'],
  white: ['白', 'wn-white', 'on-wn-white'],
};

export function flagColor(colour: string | undefined): TokenName {
  return FLAG_WORD[colour ?? '']?.[1] ?? 'ink-3';
}

/** Swallow-tailed flag of an official warning with its name beside it: colour is never the only sign. Dashed: to come. */
export function flag(t: Tokens, s: Sizes, colour: string, o: { text?: string; note?: string; ahead?: boolean; shift?: number } = {}): Drawing {
  const [char, fill, on] = FLAG_WORD[colour] ?? FLAG_WORD['white']!;
  const size = s.incident;
  const text = s.text * 1.08;
  const gap = size * 0.22;
  const width = (words: string, weight: number, px: number): number => (words ? textWidth(t, words, px, weight) : 0);
  const side = Math.max(width(o.text ?? '', 600, text), width(o.note ?? '', 400, text * 0.92));
  const box = size + 4;
  return {
    width: box + (side ? gap + side + 6 : 0),
    height: box,
    // the flag stands on the place, its words to the right; several of one place stand below each other
    anchorX: box / 2,
    anchorY: box / 2 - (o.shift ?? 0),
    draw: (g) => {
      g.save();
      unit24(g, size, 2, 2);
      glow(g, t, s.k);
      const shape = new Path2D(FLAG);
      g.fillStyle = t.css[o.ahead ? 'bg-1' : fill];
      g.fill(shape);
      noGlow(g);
      if (o.ahead || !t.dark) {
        g.strokeStyle = t.css[o.ahead && (t.dark || colour !== 'white') ? fill : 'ink-1'];
        g.lineWidth = o.ahead ? 2 : 1.1;
        if (o.ahead) g.setLineDash([3.4, 2.2]);
        g.stroke(shape);
        g.setLineDash([]);
      }
      g.fillStyle = t.css[o.ahead ? 'ink-1' : on];
      g.font = font(t, 13, 700);
      g.textAlign = 'center';
      g.textBaseline = 'middle';
      g.fillText(char, 12, 10);
      g.restore();
      if (!side) return;
      g.textAlign = 'left';
      g.textBaseline = 'middle';
      g.font = font(t, text, 600);
      haloText(g, t, o.text ?? '', box + gap, o.note ? box * 0.28 : box / 2, 'ink-1');
      if (!o.note) return;
      g.font = font(t, text * 0.92, 400);
      haloText(g, t, o.note, box + gap, box * 0.76, 'ink-2');
    },
  };
}

/** Stage icon beside an incident or a titled case. */
export function titled(t: Tokens, s: Sizes, o: { icon: string; text: string; offset: number }): Drawing {
  const size = s.text;
  const ic = o.icon ? size * 1.3 : 0;
  const w = o.offset + ic + (o.text ? textWidth(t, o.text, size, 500) + size * 0.5 : 0) + 6;
  const h = size * 1.7;
  return {
    width: w,
    height: h,
    anchorX: 0,
    draw: (g) => {
      if (o.icon) {
        g.save();
        g.shadowColor = t.css['map-halo'];
        g.shadowBlur = 4;
        icon(g, t, o.icon, o.offset, (h - ic) / 2, ic, t.css['ink-1']);
        g.restore();
      }
      if (!o.text) return;
      g.font = font(t, size, 500);
      g.textBaseline = 'middle';
      g.textAlign = 'left';
      haloText(g, t, o.text, o.offset + ic + size * 0.25, h / 2, 'ink-1');
    },
  };
}
