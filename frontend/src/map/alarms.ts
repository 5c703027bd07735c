/** The alarm a mark carries (ioc/store/tiles/alarms.py): a bell on a plate by its priority, in a ring until somebody acknowledges it. */
import type { Layer } from '@deck.gl/core';
import * as draw from './draw';
import type { ParsedTile, PointRow } from './mvt';
import { derive, iconLayer, rowKey, themeKey, type MarkRow, type Scene } from './roles';
import type { AlarmTexts, IocKey, LayerSpec } from './types';

export interface AlarmOnMap {
  /** 1 urgent .. 4 low. */
  rank: draw.AlarmRank;
  /** 1 unacknowledged, 2 returned and unacknowledged, 3 acknowledged. */
  state: draw.AlarmState;
  rule: string;
}

export function alarmOf(row: PointRow): AlarmOnMap | null {
  const rank = Number(row['al'] ?? 0);
  const state = Number(row['as'] ?? 0);
  if (!(rank >= 1 && rank <= 4) || !(state >= 1 && state <= 3)) return null;
  return { rank: rank as draw.AlarmRank, state: state as draw.AlarmState, rule: String(row['ar'] ?? '') };
}

/** `紧急告警 · 燃气浓度超限 · 未确认`. */
export function alarmLine(row: PointRow, texts: AlarmTexts | null | undefined): string {
  const found = alarmOf(row);
  if (!found || !texts) return '';
  return [texts.priorities[found.rank - 1], texts.rules[found.rule] ?? '', texts.states[found.state - 1]].filter(Boolean).join(' · ');
}

/** The most urgent on top; above the names of places, which must not cut through a bell. */
export function alarmLayers(scene: Scene, spec: LayerSpec, ioc: IocKey, data: ParsedTile): Layer[] {
  const near = ioc.role === 'icons';
  const make = (row: PointRow): MarkRow => {
    const { rank, state } = alarmOf(row)!;
    const key = `alarm|${rank}|${state}|${near}`;
    scene.atlas.put(key, () => draw.alarm(scene.tokens, scene.sizes, rank, state, near));
    return { lon: row.lon, lat: row.lat, icon: key, src: row, key: rowKey(ioc.layer, row['id']) };
  };
  const weight = (row: PointRow): number => 10 * Number(row['al']) + Number(row['as']);
  const rows = derive(data, `alarms:${spec.id}:${themeKey(scene)}`, () => data.points.filter((r) => alarmOf(r)).sort((a, b) => weight(b) - weight(a)).map(make));
  if (!rows.length) return [];
  if (rows.some((r) => !scene.atlas.mapping[r.icon])) rows.forEach((r) => make(r.src!));
  // From z 16 a device shows its kind and value: the bell sits at its shoulder.
  const shoulder = near ? 0.46 * scene.sizes.disc : 0;
  return [iconLayer({ ...scene, beforeId: undefined }, `${spec.id}-alarm`, rows, { getPixelOffset: [shoulder, -shoulder] })];
}
