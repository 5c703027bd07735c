/** Base map protocols: PMTiles archives, and WMTS matrices in EPSG:4490/4326 re-rowed to Web Mercator. */
import type * as maplibre from 'maplibre-gl';
import { Protocol } from 'pmtiles';

const SIZE = 256;

/** Latitude of a fractional Mercator row at zoom z. */
export const mercatorLat = (row: number, z: number): number => (Math.atan(Math.sinh(Math.PI * (1 - (2 * row) / 2 ** z))) * 180) / Math.PI;

/** Fractional row of the geographic matrix (top at 90 N, tile height 360/2^z degrees) that shows a latitude. */
export const geographicRow = (lat: number, z: number): number => (90 - lat) / (360 / 2 ** z);

/** Rows of the geographic matrix that a Mercator tile row needs. */
export function geographicRows(y: number, z: number): [number, number] {
  return [Math.floor(geographicRow(mercatorLat(y, z), z)), Math.floor(geographicRow(mercatorLat(y + 1, z), z) - 1e-9)];
}

let added = false;

export function addProtocols(lib: typeof maplibre): void {
  if (added) return;
  added = true;
  const pm = new Protocol();
  lib.addProtocol('pmtiles', pm.tile);
  lib.addProtocol('tdtc', async ({ url }, abort) => {
    const m = /^\w+:\/\/(.*)#(\d+)\/(\d+)\/(\d+)$/.exec(url);
    if (!m) throw new Error(`not a tdtc address: ${url}`);
    return { data: await rerow(decodeURIComponent(m[1]!), Number(m[2]), Number(m[3]), Number(m[4]), abort.signal) };
  });
}

/** Longitude is linear in both matrices, so only pixel rows move. */
async function rerow(template: string, z: number, x: number, y: number, signal: AbortSignal): Promise<ArrayBuffer> {
  const [r0, r1] = geographicRows(y, z);
  const images = new Map<number, ImageBitmap>();
  await Promise.all(
    Array.from({ length: r1 - r0 + 1 }, async (_, i) => {
      const url = template.replace('{z}', String(z)).replace('{x}', String(x)).replace('{y}', String(r0 + i));
      const response = await fetch(url, { signal });
      if (response.ok) images.set(r0 + i, await createImageBitmap(await response.blob()));
    }),
  );
  const canvas = new OffscreenCanvas(SIZE, SIZE);
  const g = canvas.getContext('2d');
  if (!g) throw new Error('no 2d canvas');
  for (let j = 0; j < SIZE; j++) {
    const v = geographicRow(mercatorLat(y + (j + 0.5) / SIZE, z), z);
    const row = Math.floor(v);
    const image = images.get(row);
    if (image) g.drawImage(image, 0, Math.min(SIZE - 1, Math.floor((v - row) * SIZE)), SIZE, 1, 0, j, SIZE, 1);
  }
  for (const image of images.values()) image.close();
  return (await canvas.convertToBlob()).arrayBuffer();
}
