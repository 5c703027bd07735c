/** What a small grey copy of a picture is made of, in the worker and out of it. Self-contained functions: the worker is made of their text. */

export const WIDE = 176;
export const HIGH = 144;

/** `plane` (one byte a pixel) averaged down to 176 x 144. `step` 2: of every other pixel of every other row, a quarter of the work. `full`: values use 0 to 255; else 16 to 235, as cameras code brightness. */
export function shrink(plane: Uint8Array, wide: number, high: number, stride: number, offset: number, full: boolean, step = 1): Uint8ClampedArray<ArrayBuffer> {
  const w = 176;
  const h = 144;
  const out = new Uint8ClampedArray(w * h);
  for (let y = 0; y < h; y++) {
    const y0 = Math.floor((y * high) / h);
    const y1 = Math.max(y0 + 1, Math.floor(((y + 1) * high) / h));
    for (let x = 0; x < w; x++) {
      const x0 = Math.floor((x * wide) / w);
      const x1 = Math.max(x0 + 1, Math.floor(((x + 1) * wide) / w));
      let sum = 0;
      let n = 0;
      for (let py = y0; py < y1; py += step)
        for (let px = x0; px < x1; px += step) {
          sum += plane[offset + py * stride + px] ?? 0;
          n++;
        }
      const mean = sum / n;
      out[y * w + x] = full ? mean : ((mean - 16) * 255) / 219;
    }
  }
  return out;
}

/** 16 x 16 averages of a 176 x 144 copy. */
export function cells(grey: Uint8ClampedArray): Float32Array<ArrayBuffer> {
  const n = 16;
  const w = 176;
  const cw = w / n;
  const ch = 144 / n;
  const out = new Float32Array(n * n);
  for (let i = 0; i < grey.length; i++) {
    const at = Math.floor(Math.floor(i / w) / ch) * n + Math.floor((i % w) / cw);
    out[at] = (out[at] ?? 0) + (grey[i] ?? 0) / (cw * ch);
  }
  return out;
}
