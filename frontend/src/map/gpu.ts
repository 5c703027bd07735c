/** What the machine can draw, and on how large a canvas. */
import type { Map as MapLibreMap } from 'maplibre-gl';

/** Names under which WebGL reports that the processor draws: Chromium's and Mesa's rasterizers, Windows without a driver. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

let software: boolean | null = null;

/**
 * True when WebGL is drawn by the processor (an office PC without a driver, a virtual desktop). Such a map gives up smoothing
 * and glow, which cost more than half of every frame there.
 */
export function drawsInSoftware(): boolean {
  software ??= askRenderer();
  return software;
}

function askRenderer(): boolean {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const gl = canvas.getContext('webgl2');
  if (!gl) return true;
  const info = gl.getExtension('WEBGL_debug_renderer_info');
  const name = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  return SOFTWARE.test(name);
}

/** The part of a luma.gl device that knows how large the canvas is. */
export interface DrawnOn {
  canvasContext: { setDrawingBufferSize(width: number, height: number): void } | null;
}

/**
 * Tells deck.gl at once how large MapLibre has made the canvas. By itself luma.gl hears of it from an observer of its own, later,
 * and when it draws before that it gives the canvas the size it knew: MapLibre then draws for one size on a canvas of another, and
 * the map stays squeezed until somebody moves it (luma.gl 9.4, `_resizeDrawingBufferIfNeeded`).
 */
export function sameBuffer(map: MapLibreMap, device: DrawnOn | undefined): void {
  const { width, height } = map.getCanvas();
  device?.canvasContext?.setDrawingBufferSize(width, height);
}
