/** Length and area on the ellipsoid's mean sphere (IUGG mean radius 6,371,008.8 m): within 0.6 % of the ellipsoid. */
import type { Position } from 'geojson';

const R = 6_371_008.8;
const rad = (d: number): number => (d * Math.PI) / 180;

/** Metres along a line of lon, lat degrees (haversine). */
export function lengthM(line: readonly Position[]): number {
  let sum = 0;
  for (let i = 1; i < line.length; i++) {
    const [lon0, lat0] = line[i - 1]! as [number, number];
    const [lon1, lat1] = line[i]! as [number, number];
    const h = Math.sin(rad(lat1 - lat0) / 2) ** 2 + Math.cos(rad(lat0)) * Math.cos(rad(lat1)) * Math.sin(rad(lon1 - lon0) / 2) ** 2;
    sum += 2 * R * Math.asin(Math.min(1, Math.sqrt(h)));
  }
  return sum;
}

/** Square metres of a polygon of closed rings, holes taken off (Chamberlain and Duquette 2007, JPL 07-03). */
export function areaM2(rings: readonly (readonly Position[])[]): number {
  return rings.reduce((sum, ring, i) => sum + (i === 0 ? 1 : -1) * ringM2(ring), 0);
}

function ringM2(ring: readonly Position[]): number {
  let sum = 0;
  for (let i = 1; i < ring.length; i++) {
    const [lon0, lat0] = ring[i - 1]! as [number, number];
    const [lon1, lat1] = ring[i]! as [number, number];
    sum += rad(lon1 - lon0) * (2 + Math.sin(rad(lat0)) + Math.sin(rad(lat1)));
  }
  return Math.abs((sum * R * R) / 2);
}
