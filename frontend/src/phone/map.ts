/** The phone's map, a module of its own: the base map, marks as elements, and a tap. Loaded when a map is opened. */
import * as maplibregl from 'maplibre-gl';
import { addProtocols } from '../map/protocols';
import { withFonts } from '../map/style';

export interface PhoneMap {
  mark(el: HTMLElement, lon: number, lat: number): { move(lon: number, lat: number): void; remove(): void };
  fly(lon: number, lat: number, zoom: number): void;
  onTap(fn: (lon: number, lat: number) => void): void;
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
  return {
    mark(element, lon, lat) {
      const marker = new maplibregl.Marker({ element, anchor: 'center' }).setLngLat([lon, lat]).addTo(map);
      return { move: (x, y) => void marker.setLngLat([x, y]), remove: () => void marker.remove() };
    },
    fly: (lon, lat, zoom) => void map.jumpTo({ center: [lon, lat], zoom }),
    onTap: (fn) => void map.on('click', (e) => fn(e.lngLat.lng, e.lngLat.lat)),
    destroy() {
      seen.disconnect();
      map.remove();
    },
  };
}
