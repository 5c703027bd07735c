/** Map bundle, loaded by the first MapView. */
import * as maplibregl from 'maplibre-gl';
import type { MapConfig, MapHandle, MapOptions } from './types';
import { IocMap } from './view';

/** The worker loads while Dash is still drawing; all maps of the page share it. */
export function warm(workerUrl: string): void {
  maplibregl.setWorkerUrl(workerUrl);
  maplibregl.prewarm();
}

export function create(el: HTMLElement, config: MapConfig, options: MapOptions): MapHandle {
  return new IocMap(el, config, options);
}
