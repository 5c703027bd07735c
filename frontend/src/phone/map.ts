/** The phone's map, a module of its own: the base map, marks as elements, and a tap. Loaded when a map is opened. */
import * as maplibregl from 'maplibre-gl';
import { addProtocols } from '../map/protocols';
import { withFonts } from '../map/style';

export interface PhoneMap {
  mark(el: HTMLElement, lon: number, lat: number): { move(lon: number, lat: number): void; remove(): void };
  fly(lon: number, lat: number, zoom: number): void;
  onTap(fn: (lon: number, lat: number) => void): void;
  /** A place is only as good as it is exact: the circle it lies in. */
  circle(lon: number, lat: number, radius_m: number): void;
  destroy(): void;
}

export interface BaseMap {
  style: maplibregl.StyleSpecification;
  bounds?: [number, number, number, number];
}

export function create(el: HTMLElement, base: BaseMap, workerUrl: string): PhoneMap {
  maplibregl.setWorkerUrl(workerUrl);
  addProtocols(maplibregl);
  const font = getComputedStyle(document.body).fontFamily;
  const map = new maplibregl.Map({
    container: el,
    style: withFonts(base.style, font),
    ...(base.bounds ? { bounds: base.bounds, fitBoundsOptions: { padding: 24 } } : {}),
    attributionControl: false,
    dragRotate: false,
    touchPitch: false,
    pitchWithRotate: false,
    localIdeographFontFamily: font,
  });
  map.touchZoomRotate.disableRotation();
  const seen = new ResizeObserver(() => map.resize());
  seen.observe(el);
  let circle: GeoJSON.Feature | null = null;
  const colour = getComputedStyle(el).getPropertyValue('--accent').trim() || '#53C7BC';
  const draw = (): void => {
    if (!circle) return;
    if (!map.isStyleLoaded() && !map.getSource('accuracy')) return void map.once('idle', draw);
    const source = map.getSource('accuracy');
    if (source) return void (source as maplibregl.GeoJSONSource).setData(circle);
    map.addSource('accuracy', { type: 'geojson', data: circle });
    map.addLayer({ id: 'accuracy', type: 'fill', source: 'accuracy', paint: { 'fill-color': colour, 'fill-opacity': 0.14 } });
    map.addLayer({ id: 'accuracy-edge', type: 'line', source: 'accuracy', paint: { 'line-color': colour, 'line-width': 1.5, 'line-opacity': 0.8 } });
  };
  return {
    mark(element, lon, lat) {
      const marker = new maplibregl.Marker({ element, anchor: 'center' }).setLngLat([lon, lat]).addTo(map);
      return { move: (x, y) => void marker.setLngLat([x, y]), remove: () => void marker.remove() };
    },
    fly: (lon, lat, zoom) => void map.jumpTo({ center: [lon, lat], zoom }),
    onTap: (fn) => void map.on('click', (e) => fn(e.lngLat.lng, e.lngLat.lat)),
    circle(lon, lat, radius_m) {
      circle = ring(lon, lat, radius_m);
      draw();
    },
    destroy() {
      seen.disconnect();
      map.remove();
    },
  };
}

/** A circle of so many metres around a place, as a polygon of 48 corners. */
function ring(lon: number, lat: number, radius_m: number): GeoJSON.Feature {
  const dy = radius_m / 111_320;
  const dx = dy / Math.max(0.1, Math.cos((lat * Math.PI) / 180));
  const corner = (i: number): [number, number] => [lon + dx * Math.cos((i * Math.PI) / 24), lat + dy * Math.sin((i * Math.PI) / 24)];
  return { type: 'Feature', properties: {}, geometry: { type: 'Polygon', coordinates: [Array.from({ length: 49 }, (_, i) => corner(i % 48))] } };
}
