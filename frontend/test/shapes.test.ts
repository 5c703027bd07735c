import { describe, expect, it } from 'vitest';
import { areaM2, lengthM } from '../src/draw/measure';
import { linesOf, polygonsOf } from '../src/map/shapes';

const SQUARE = [
  [112, 21.8],
  [112.01, 21.8],
  [112.01, 21.81],
  [112, 21.81],
  [112, 21.8],
];

describe('measures of what is drawn', () => {
  it('agrees with the ellipsoid of CGCS2000 to a percent', () => {
    // pyproj.Geod(ellps="GRS80"): 1034.06 m, 1107.28 m and 1,144,954 m2
    expect(Math.abs(lengthM([SQUARE[0]!, SQUARE[1]!]) / 1034.06 - 1)).toBeLessThan(0.006);
    expect(Math.abs(lengthM([SQUARE[1]!, SQUARE[2]!]) / 1107.28 - 1)).toBeLessThan(0.006);
    expect(Math.abs(areaM2([SQUARE]) / 1_144_954 - 1)).toBeLessThan(0.008);
  });

  it('takes holes off, whichever way round they run', () => {
    const hole = [...SQUARE].reverse();
    expect(areaM2([SQUARE, hole])).toBeCloseTo(0, 3);
    expect(areaM2([SQUARE, SQUARE])).toBeCloseTo(0, 3);
  });
});

describe('geometry of shapes over the map', () => {
  it('finds lines and polygons in every kind of geometry', () => {
    const polygon = { type: 'Polygon' as const, coordinates: [SQUARE] };
    const line = { type: 'LineString' as const, coordinates: SQUARE };
    const point = { type: 'Point' as const, coordinates: [1, 2] };
    const all = { type: 'GeometryCollection' as const, geometries: [polygon, line, point, { type: 'MultiPolygon' as const, coordinates: [[SQUARE], [SQUARE]] }] };
    expect(linesOf(all)).toHaveLength(4);
    expect(polygonsOf(all)).toHaveLength(3);
    expect(linesOf(point)).toEqual([]);
  });
});
