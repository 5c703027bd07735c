/**
 * What a map drawn by the processor does without.
 *
 * A software rasterizer compiles every branch of a program, on one thread, before the first picture: deck.gl's general projection
 * (globe, offsets in metres, a tangent by tables) and its lights make 0.2 s of each program where 0.05 s are needed by a flat
 * Web Mercator map whose marks face the viewer. The functions below take their places by text; where deck.gl's text is another,
 * it stays as it is, which is right as well, only slower (tests/lean.test.ts tells).
 */
import { ShaderAssembler } from '@luma.gl/shadertools';
import type { Map as MapLibreMap } from 'maplibre-gl';

interface Place {
  /** First characters of what is replaced, and of what comes after it. */
  from: string;
  to: string;
  by: string;
}

/** Spherical Mercator, y = atanh(sin(lat)); the sine by its series to the 13th power, which is exact to 1e-7 up to 85 degrees. */
const MERCATOR = `vec2 project_mercator_(vec2 lnglat) {
float a = radians(lnglat.y);
float q = a * a;
float s = a * (1.0 - q / 6.0 * (1.0 - q / 20.0 * (1.0 - q / 42.0 * (1.0 - q / 72.0 * (1.0 - q / 110.0 * (1.0 - q / 156.0))))));
return vec2(radians(lnglat.x) + PI, PI + 0.5 * log((1.0 + s) / (1.0 - s))) * WORLD_SCALE;
}
`;

/** Degrees to common units: by Mercator far out and far from the middle, else by the offset from the middle (deck.gl, "web-mercator-auto-offset"). */
const POSITION = `vec4 project_position(vec4 position, vec3 position64Low) {
bool whole = project.projectionMode == PROJECTION_MODE_WEB_MERCATOR;
vec3 offset = position.xyz - project.coordinateOrigin;
if (whole || abs(offset.y) > 0.25) {
vec2 middle = whole ? vec2(0.0) : project.commonOrigin.xy;
return vec4(project_mercator_(position.xy) - middle, position.z * project.commonUnitsPerMeter.z, position.w);
}
return project_offset_(vec4(offset, position.w)) + project_offset_(vec4(position64Low, 0.0));
}
`;

export const PLACES: readonly Place[] = [
  { from: 'vec2 project_mercator_(vec2 lnglat) {', to: 'vec3 project_globe_', by: MERCATOR },
  { from: 'vec4 project_position(vec4 position, vec3 position64Low) {', to: 'vec4 project_position(vec4 position) {', by: POSITION },
  { from: 'if (project.projectionMode == PROJECTION_MODE_GLOBE) {\ntransform =', to: 'return false;\n}\nvec3 project_normal', by: '' },
  { from: 'if (icon.billboard)', to: '  {', by: 'if (true)' },
  { from: 'if (solidPolygon.extruded) {\n#ifdef', to: ' IS_SIDE', by: 'if (false) {\n#ifdef' },
];

/** A vertex shader of deck.gl for a flat map. */
export function flat(source: string): string {
  let out = source;
  for (const { from, to, by } of PLACES) {
    const begin = out.indexOf(from);
    const end = begin < 0 ? -1 : out.indexOf(to, begin + from.length);
    if (end >= 0) out = out.slice(0, begin) + by + out.slice(end);
  }
  return out;
}

let leaner = false;

/** From now on deck.gl's programs of this page are made for a flat map. */
export function flatPrograms(): void {
  if (leaner) return;
  leaner = true;
  const assembler = ShaderAssembler.getDefaultShaderAssembler('glsl');
  const whole = assembler.assembleGLSLShaderPair.bind(assembler);
  assembler.assembleGLSLShaderPair = (props) => {
    const made = whole(props);
    return { ...made, vs: flat(made.vs) };
  };
}

/** Seen from straight above there is no sky; MapLibre draws one over the whole canvas all the same, with a program of its own. */
export function noSky(map: MapLibreMap): void {
  const { painter } = map;
  const { sky } = painter.drawFunctions;
  painter.drawFunctions = { ...painter.drawFunctions, sky: (mesh, frame) => map.getPitch() > 0 && sky(mesh, frame) };
}
