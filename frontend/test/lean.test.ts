import { IconLayer, SolidPolygonLayer } from '@deck.gl/layers';
import { ShaderAssembler } from '@luma.gl/shadertools';
import { describe, expect, it } from 'vitest';
import { flat, PLACES } from '../src/map/lean';

/** The vertex shader deck.gl makes for a layer, without a canvas. */
function vertexShader(layer: object): string {
  const made = Object.assign(layer, { context: { defaultShaderModules: [], device: { type: 'webgl' } } }) as unknown as { getShaders: (type?: string) => { vs: string; fs: string; modules: never[] } };
  const shaders = made.getShaders('top');
  const platformInfo = { type: 'webgl', gpu: 'software', shaderLanguage: 'glsl', shaderLanguageVersion: 300, features: new Set() } as never;
  return ShaderAssembler.getDefaultShaderAssembler('glsl').assembleGLSLShaderPair({ platformInfo, ...shaders }).vs;
}

const icon = vertexShader(new IconLayer({ id: 'i' }));
const area = vertexShader(new SolidPolygonLayer({ id: 'p' }));

describe('programs for a processor that draws', () => {
  it('finds every place in the shaders of the deck.gl in use', () => {
    for (const { from } of PLACES) expect([icon, area].some((s) => s.includes(from)), from).toBe(true);
    for (const source of [icon, area]) {
      const lean = flat(source);
      // the tangent by tables, the globe, the model matrix of a position
      for (const gone of ['tan_fp32(PI * 0.25', 'PROJECTION_MODE_GLOBE) {', 'project_globe_(position', 'modelMatrix * position']) expect(lean).not.toContain(gone);
    }
    expect(flat(icon)).toContain('if (true)  {\ngl_Position');
    expect(flat(area)).toContain('if (false) {\n#ifdef IS_SIDE');
    expect(flat('void main() {}')).toBe('void main() {}');
  });

  it('keeps braces and entry points whole', () => {
    for (const source of [icon, area]) {
      const lean = flat(source);
      const count = (text: string, c: string): number => text.split(c).length - 1;
      expect(count(lean, '{')).toBe(count(lean, '}'));
      for (const name of ['project_position(vec4 position, vec3 position64Low)', 'project_mercator_(vec2', 'project_globe_(vec3', 'void main(void)']) expect(count(lean, name), name).toBe(count(source, name));
      expect(lean.length).toBeLessThan(source.length);
    }
  });

  it('projects like Mercator to a hundredth of a pixel at the zooms that use it', () => {
    const text = flat(icon);
    const begin = text.indexOf('vec2 project_mercator_');
    const body = text.slice(text.indexOf('{', begin) + 1, text.indexOf('\n}', begin));
    const js = body
      .replace(/float (\w+) =/g, 'const $1 =')
      .replace(/return vec2\((.*)\) \* WORLD_SCALE;/, 'return [$1].map((v) => v * WORLD_SCALE);')
      .replace(/radians|log/g, (f) => (f === 'log' ? 'Math.log' : 'radians'));
    // eslint-disable-next-line no-new-func -- the shader's own arithmetic, run as it stands
    const project = new Function('lnglat', 'radians', 'PI', 'WORLD_SCALE', js) as (p: { x: number; y: number }, r: (d: number) => number, pi: number, k: number) => [number, number];
    const radians = (d: number): number => (d * Math.PI) / 180;
    for (let lat = -80; lat <= 80; lat += 0.37) {
      const [x, y] = project({ x: 111.98, y: lat }, radians, Math.PI, 512 / (2 * Math.PI));
      const exact = 256 + (512 / (2 * Math.PI)) * Math.log(Math.tan(Math.PI / 4 + radians(lat) / 2));
      expect(x).toBeCloseTo(256 + (111.98 / 360) * 512, 6);
      expect(Math.abs(y - exact) * 2 ** 12, String(lat)).toBeLessThan(Math.abs(lat) < 60 ? 0.01 : 2);
    }
  });
});
