/** One sprite for lists and map: 24-grid line icons, level shapes, urgency marks. The drawings lie in ioc/ui/sprite.json, which Python reads too. */
import sprite from '../../../ioc/ui/sprite.json';

export const ICONS: Record<string, string> = sprite.icons;
/** 0: an incident whose level nobody has said (未定级) is none of the four: a hexagon without hue. */
export const SHAPES: Record<number, string> = { 0: sprite.unlevelled[0]!, 1: sprite.shapes[0]!, 2: sprite.shapes[1]!, 3: sprite.shapes[2]!, 4: sprite.shapes[3]! };

/** Strokes of the roman numeral inside a level shape. */
export function numeral(level: number): string {
  const top = level === 1 ? 11 : 8;
  const run = level === 1 ? 7.5 : 8;
  switch (level) {
    case 0:
      return sprite.unlevelled[1]!;
    case 1:
      return `M12 ${top}v${run}`;
    case 2:
      return `M9.6 ${top}v${run}M14.4 ${top}v${run}`;
    case 3:
      return `M7.8 ${top}v${run}M12 ${top}v${run}M16.2 ${top}v${run}`;
    default:
      return `M7.4 ${top}v${run}M10.6 ${top}l3.1 ${run} 3.1-${run}`;
  }
}

export function iconPath(name: string | undefined): string {
  return ICONS[name ?? ''] ?? ICONS['pin']!;
}
