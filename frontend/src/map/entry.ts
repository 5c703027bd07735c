/** Map bundle, loaded by the first MapView. */
import type { MapConfig, MapModule, MapOptions } from './types';
import { IocMap } from './view';

const module: MapModule = {
  create: (el: HTMLElement, config: MapConfig, options: MapOptions) => new IocMap(el, config, options),
};
Object.assign(window, { ioc_map: module });
