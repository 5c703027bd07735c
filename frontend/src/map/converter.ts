/** pydeck's JSON to deck.gl layers. `data` is taken out before conversion (it would be copied) and put back by reference. */
import { COORDINATE_SYSTEM, type Layer } from '@deck.gl/core';
import { H3HexagonLayer } from '@deck.gl/geo-layers';
import { JSONConverter } from '@deck.gl/json';
import { GeoJsonLayer, IconLayer, LineLayer, PathLayer, PolygonLayer, ScatterplotLayer, SolidPolygonLayer, TextLayer } from '@deck.gl/layers';
import type { LayerSpec } from './types';

const classes = { GeoJsonLayer, H3HexagonLayer, IconLayer, LineLayer, PathLayer, PolygonLayer, ScatterplotLayer, SolidPolygonLayer, TextLayer };
const converter = new JSONConverter({ configuration: { classes, enumerations: { COORDINATE_SYSTEM } } as never });
const cache = new WeakMap<LayerSpec, { data: unknown; before: string | undefined; props: Record<string, unknown> }>();

/** A spec without a role: drawn as it is written. The same spec object converts once. */
export function plainLayer(spec: LayerSpec, beforeId: string | undefined): Layer {
  const { data, ...rest } = spec;
  delete rest.ioc;
  let known = cache.get(spec);
  const Class = classes[spec['@@type'] as keyof typeof classes];
  if (!Class) throw new Error(`layer ${spec.id}: ${String(spec['@@type'])} is not in the bundle`);
  if (!known) {
    const layer = (converter.convert({ layers: [rest] }) as { layers: Layer[] }).layers[0]!;
    known = { data, before: beforeId, props: { ...layer.props } };
    cache.set(spec, known);
  }
  return new (Class as unknown as new (p: object) => Layer)({ ...known.props, id: spec.id, data: data ?? [], beforeId: spec.beforeId ?? beforeId });
}
