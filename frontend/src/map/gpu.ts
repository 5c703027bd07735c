/** What the machine can draw. */

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
