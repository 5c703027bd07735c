import { describe, expect, it } from 'vitest';
import type { LonLat, ShapeRow } from '../src/map/mvt';
import { dashes, fillAlpha, stacked, wordsOf } from '../src/map/warnings';

const shape = (id: number, props: Record<string, string | number> = {}, at: LonLat = [112, 21.8]): ShapeRow => ({ props: { id, colour: 'orange', name: '暴雨', name_en: 'Rainstorm', ...props }, paths: [], polygons: [], at, size: 1 });
const length = (path: readonly LonLat[]): number => path.slice(1).reduce((sum, p, i) => sum + Math.hypot(p[0] - path[i]![0], p[1] - path[i]![1]), 0);

describe('warnings on the map', () => {
  it('a warning to come is dashed along its whole outline, at every zoom', () => {
    const line: LonLat[] = [[111, 0], [111.3, 0], [111.3, 0.4], [111, 0.4]];
    for (const zoom of [7, 9, 12]) {
      const pieces = dashes(line, zoom);
      const px = (512 * 2 ** zoom) / 360;
      expect(pieces.length).toBeGreaterThan(8);
      expect(pieces.every((p) => p.length >= 2)).toBe(true);
      expect(pieces.slice(0, -1).every((p) => Math.abs(length(p) * px - 11) < 0.2)).toBe(true);
      const drawn = pieces.reduce((s, p) => s + length(p), 0) / length(line);
      expect(drawn).toBeGreaterThan(0.52);
      expect(drawn).toBeLessThan(0.64);
      expect(pieces[0]![0]).toEqual([111, 0]);
    }
    expect(dashes([], 9)).toEqual([]);
    expect(dashes([[1, 1]], 9)).toEqual([]);
    expect(dashes([[1, 1], [1, 1]], 9).length).toBeLessThanOrEqual(1);
  });

  it('every colour is filled so that it is seen, one to come hardly at all', () => {
    for (const dark of [true, false])
      for (const colour of ['red', 'orange', 'yellow', 'blue', 'white']) {
        expect(fillAlpha(colour, dark, false, false)).toBeGreaterThanOrEqual(0.1);
        expect(fillAlpha(colour, dark, true, false)).toBeGreaterThan(fillAlpha(colour, dark, false, false));
        expect(fillAlpha(colour, dark, false, true)).toBeLessThan(0.06);
      }
  });

  it('says in words what the colour says, and from when', () => {
    const zone = 'Asia/Shanghai';
    expect(wordsOf(shape(1), { lang: 'zh', zone })).toEqual({ text: '暴雨橙色预警', note: '' });
    const later = shape(1, { ahead: 1, onset: Date.parse('2026-11-22T10:00:00Z') / 1000 });
    expect(wordsOf(later, { lang: 'zh', zone })).toEqual({ text: '暴雨橙色预警', note: '将于 11-22 18:00 生效' });
    expect(wordsOf(later, { lang: 'en', zone })).toEqual({ text: 'Rainstorm, orange warning', note: 'takes effect 11-22 18:00' });
    expect(wordsOf(shape(1, { colour: '?' }), { lang: 'zh', zone }).text).toBe('暴雨');
  });

  it('stacks flags that would lie on each other, in force first', () => {
    const rows = stacked([shape(1, { ahead: 1, colour: 'red' }), shape(2, { colour: 'yellow' }), shape(3, {}, [113, 21]), shape(4, { colour: 'red' }, [112.01, 21.81])], 8.5, 35);
    expect(rows.map((r) => r.shape.props['id'])).toEqual([4, 3, 2, 1]);
    const [four, three, two, one] = rows.map((r) => r.shift);
    expect([four, three]).toEqual([0, 0]);
    expect(Math.abs(two!)).toBeGreaterThan(30);
    expect(Math.abs(one! - two!)).toBeGreaterThanOrEqual(35);
    expect(Math.abs(one!)).toBeLessThan(80);
    // near enough to see them apart, each stands on its own place
    expect(stacked([shape(1), shape(2, {}, [112.01, 21.81])], 16, 35).map((r) => r.shift)).toEqual([0, 0]);
  });
});
