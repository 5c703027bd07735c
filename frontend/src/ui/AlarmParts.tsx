import * as React from 'react';
import { say, type AlarmWord } from '../core/alarm_words';
import { isFlood, standing, valueOf, withUnit, type Action, type Alarm, type Row } from '../core/alarms';
import { clockTime, dateTime } from '../core/format';
import { page } from '../core/page';
import type { Lang } from '../core/types';
import type { useAlarms } from './alarm_desk';
import { cx } from './hooks';
import { Icon } from './marks';

type Desk = ReturnType<typeof useAlarms>;
export const KEY_OF: Partial<Record<Action, string>> = { ack: 'A', shelve: 'S', unshelve: 'S', false_alarm: 'F', out_of_service: 'O', in_service: 'O', case: 'L' };
export const WORD_OF: Record<Action, AlarmWord> = { ack: 'ack', shelve: 'shelve', unshelve: 'unshelve', false_alarm: 'false', out_of_service: 'out', in_service: 'in', case: 'case' };

/** Bell and word of the priority; a flood is layers, dashed. Unacknowledged, its ring moves slowly; the word never does. */
export function AlarmMark({ row, lang }: { row: Row; lang: Lang }): React.ReactElement {
  const flood = isFlood(row);
  const asks = row.state === 'unack' || row.state === 'rtn_unack';
  return (
    <span className={cx('al', flood ? 'al0' : `al${row.rank + 1}`, asks && (flood || row.active) && 'attn')}>
      <Icon name={flood ? 'layers' : 'bell'} />
      {flood ? say('merged', lang) : row.priority_text[lang]}
    </span>
  );
}

/** `5.40 m，警戒水位 5 m`, or that the value is old or gone. */
export function ValueText({ row, now, lang }: { row: Alarm; now: number; lang: Lang }): React.ReactElement {
  const zone = page().clock.zone();
  const v = valueOf(row, now);
  const limit = row.limit === null ? '' : say('limit', lang, { name: row.limit_name?.[lang] ?? '', v: withUnit(row.limit, row.unit) });
  return (
    <span className={cx('alv num', v.old && 'old')}>
      {v.text ? <b>{v.text}</b> : row.value !== null ? <b>{withUnit(row.value, row.unit)}</b> : <span>{say('noValue', lang)}</span>}
      {limit ? <em>{limit}</em> : null}
      {v.old && v.at !== null ? <i className="hat">{say('valueOld', lang, { t: when(v.at, now, zone) })}</i> : null}
    </span>
  );
}

/** Time of today, else the date with it. */
export function when(ms: number, now: number, zone: string): string {
  return Math.abs(now - ms) < 64_800_000 ? clockTime(ms, zone, false) : dateTime(ms, zone);
}

export function since(row: Row, now: number, lang: Lang): string {
  return say('held', lang, { t: standing(now - Date.parse(isFlood(row) ? row.first_at : row.raised_at), lang) });
}

/** The button of an action, only where the state allows it and the asker has the right. */
export function Act({ desk, row, action, lang, primary, keyed }: { desk: Desk; row: Row; action: Action; lang: Lang; primary?: boolean; keyed?: boolean }): React.ReactElement | null {
  if (!desk.may(row, action)) return null;
  const press = (e: React.MouseEvent): void => {
    e.stopPropagation();
    desk.act(row, action);
  };
  return (
    <button type="button" className={cx('btn', primary && 'p')} onClick={press} data-act={action}>
      {say(isFlood(row) ? 'ackGroup' : WORD_OF[action], lang)}
      {keyed && KEY_OF[action] ? <span className="kbd">{KEY_OF[action]}</span> : null}
    </button>
  );
}

/** Opens the thing in the panel of this page, or on the page of alarms where this one has none. */
export function openRow(row: Row): void {
  if (openKey(row.key)) {
    if (!isFlood(row) && row.device.lon !== null && row.device.lat !== null) window.dispatchEvent(new CustomEvent('ioc:fly', { detail: [row.device.lon, row.device.lat, null] }));
  }
}

/** False: this page has no panel, and the page of alarms is on its way. */
export function openKey(key: string): boolean {
  const p = page();
  if (document.getElementById('detail')) {
    p.url.push({ sel: key });
    return true;
  }
  location.assign(`/desk/alarms?${new URLSearchParams({ ...(p.url.value.region ? { region: p.url.value.region } : {}), sel: key }).toString()}`);
  return false;
}
