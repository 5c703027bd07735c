/**
 * The tilted map (MAP-06): the same place and zoom seen aslant, with the buildings that have a height standing up.
 *
 * Buildings are MapLibre's own layer, made when the map is tilted for the first time and only then: a flat map pays nothing for
 * them. Where they cannot be drawn the map is tilted all the same, flat.
 */
import type * as maplibregl from 'maplibre-gl';

export const PITCH = 55;
const TURN_MS = 600;
const SOURCE = 'ioc-building';
export const EXTRUSION = 'ioc-building-3d';
const FROM_ZOOM = 14;
/** A processor draws a street of them, not a town. */
const FROM_ZOOM_LEAN = 16;

export interface TiltOptions {
  map: () => maplibregl.Map;
  /** Colours of walls by the theme. */
  colour: () => string;
  /** The asker may see buildings, and there are any. */
  buildings: () => boolean;
  region: () => string;
  beforeId: () => string | undefined;
  lean: () => boolean;
  /** No flight: pictures for comparison, or a person who wants no motion. */
  jumps: () => boolean;
  changed: (tilted: boolean) => void;
  /** What there is to say of the buildings of a tilted map; "" on a flat one. */
  said: (text: TiltWord | '', values: Record<string, string>) => void;
}

export type TiltWord = 'tiltNear' | 'tiltSoft' | 'tiltKnown' | 'tiltFlat';

/** Why what stands there stands, or does not: nothing of a tilted map is left to be guessed. Pure. */
export function tiltSaid(zoom: number, lean: boolean, drawn: boolean, heights: readonly (number | null)[]): [TiltWord | '', Record<string, string>] {
  if (!drawn) return ['tiltFlat', {}];
  if (zoom < (lean ? FROM_ZOOM_LEAN : FROM_ZOOM)) return [lean ? 'tiltSoft' : 'tiltNear', {}];
  const known = heights.filter((h) => h !== null && h > 0).length;
  return heights.length ? ['tiltKnown', { n: String(known), m: String(heights.length - known) }] : ['', {}];
}

export class Tilt {
  private on = false;

  constructor(private readonly o: TiltOptions) {}

  get tilted(): boolean {
    return this.on;
  }

  /** Centre and zoom stay; only the angle changes. */
  toggle(): void {
    this.on = !this.on;
    const map = this.o.map();
    if (this.on) this.raise();
    map.easeTo({ pitch: this.on ? PITCH : 0, bearing: 0, center: map.getCenter(), zoom: map.getZoom(), duration: this.o.jumps() ? 0 : TURN_MS });
    if (!this.on) this.lower();
    this.o.changed(this.on);
    if (this.on) map.on('idle', this.tell);
    else {
      map.off('idle', this.tell);
      this.o.said('', {});
    }
  }

  /** After a new style, or a new map: what was put on the old one is gone. */
  again(): void {
    if (!this.on) return;
    this.raise();
    const map = this.o.map();
    map.off('idle', this.tell);
    map.on('idle', this.tell);
    if (Math.abs(map.getPitch() - PITCH) > 1e-6) map.jumpTo({ pitch: PITCH });
  }

  /** Buildings in view, once each: one lies in several tiles. */
  private readonly tell = (): void => {
    const map = this.o.map();
    if (!this.on || !this.o.buildings()) return;
    const drawn = map.getLayer(EXTRUSION) !== undefined;
    const found = new Map<unknown, number | null>();
    if (drawn) for (const f of map.querySourceFeatures(SOURCE, { sourceLayer: 'areas' })) found.set(f.properties['id'] ?? f.id ?? f, typeof f.properties['hm'] === 'number' ? f.properties['hm'] : null);
    this.o.said(...tiltSaid(map.getZoom(), this.o.lean(), drawn, [...found.values()]));
  };

  private raise(): void {
    const map = this.o.map();
    if (!this.o.buildings() || map.getLayer(EXTRUSION)) return;
    try {
      if (!map.getSource(SOURCE)) {
        const tiles = `${location.origin}/tiles/building/{z}/{x}/{y}.mvt?region=${encodeURIComponent(this.o.region())}`;
        map.addSource(SOURCE, { type: 'vector', tiles: [tiles], minzoom: FROM_ZOOM, maxzoom: 16 });
      }
      map.addLayer(extrusion(this.o.colour(), this.o.lean()), this.o.beforeId());
    } catch (error) {
      // The tilt itself needs no buildings.
      console.error('buildings', error);
    }
  }

  private lower(): void {
    const map = this.o.map();
    if (map.getLayer(EXTRUSION)) map.removeLayer(EXTRUSION);
    if (map.getSource(SOURCE)) map.removeSource(SOURCE);
  }
}

/** Only what has a height stands up: none is guessed. */
export function extrusion(colour: string, lean: boolean): maplibregl.FillExtrusionLayerSpecification {
  return {
    id: EXTRUSION,
    type: 'fill-extrusion',
    source: SOURCE,
    'source-layer': 'areas',
    minzoom: lean ? FROM_ZOOM_LEAN : FROM_ZOOM,
    filter: ['>', ['coalesce', ['get', 'hm'], 0], 0],
    paint: {
      'fill-extrusion-color': colour,
      'fill-extrusion-height': ['get', 'hm'],
      'fill-extrusion-base': 0,
      'fill-extrusion-opacity': 0.72,
    },
  };
}
