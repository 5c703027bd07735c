/** Border between the two bundles: what the map is given and what it gives back. */
import type { StyleSpecification } from 'maplibre-gl';
import type { PageContext } from '../core/page';
import type { LayerEntry } from '../core/types';
import type { Word } from '../core/words';

export type Role = 'density' | 'heat' | 'pins' | 'marks' | 'icons' | 'areas' | 'lines' | 'records';

export interface IocKey {
  layer: string;
  band?: [number, number];
  role?: Role;
  icon?: string;
  value?: 'n' | 'ex' | 'off';
  second?: '' | 'off' | 'ex';
  cap?: number;
  breaks?: [number, number];
  shape?: 'round' | 'square';
  cone?: boolean;
  fill?: boolean;
  dash?: boolean;
  /** Drawn instead of the layer's other specs while the page colours it by a measure. */
  coloured?: boolean;
  labelZoom?: number;
  width?: number;
  only?: 'event' | 'case';
  [key: string]: unknown;
}

/** One pydeck layer as JSON, with our key. */
export interface LayerSpec {
  '@@type'?: string;
  id: string;
  data?: unknown;
  ioc?: IocKey;
  beforeId?: string;
  [prop: string]: unknown;
}

/** Words for what tiles say of alarms in numbers and keys; null: no right to see them. */
export interface AlarmTexts {
  priorities: string[];
  states: string[];
  rules: Record<string, string>;
}

/** Imagery over the base map: whose and of when. */
export interface ImageryConfig {
  note: string;
}

export interface MapConfig {
  style: StyleSpecification;
  bounds?: [number, number, number, number];
  center?: [number, number];
  zoom?: number;
  layers: LayerEntry[];
  spec: { layers: LayerSpec[] };
  alarms?: AlarmTexts | null;
  demo?: boolean;
  note?: string;
  imagery?: ImageryConfig | null;
  deterministic?: boolean;
  colors?: Record<string, string>;
}

export interface MapState {
  sel?: string;
  region?: string;
  fly?: [number, number, number];
  visible?: Record<string, boolean>;
}

export interface MapOptions {
  name: string;
  variant: 'wall' | 'desk' | 'embed';
  labels: boolean;
  page: PageContext;
  fault: (what: Word | null) => void;
}

export interface MapHandle {
  setConfig(config: MapConfig): void;
  setState(state: MapState): void;
  destroy(): void;
}

export interface MapModule {
  warm(workerUrl: string): void;
  create(el: HTMLElement, config: MapConfig, options: MapOptions): MapHandle;
}
