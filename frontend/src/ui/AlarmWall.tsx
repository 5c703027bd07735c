import * as React from 'react';
import { say } from '../core/alarm_words';
import { isFlood } from '../core/alarms';
import { clockTime } from '../core/format';
import { page } from '../core/page';
import { alarmDesk, useAlarms } from './alarm_desk';
import { AlarmMark, since, ValueText } from './AlarmParts';
import { cx, useNow, useSignal, type Base } from './hooks';

/** On a wall: urgent alarms nobody has acknowledged, without sound, and nothing at all on a quiet day. */
export function AlarmWall(props: Base): React.ReactElement | null {
  const p = page();
  React.useState(() => void alarmDesk({ priority: 'urgent', silent: true }));
  const desk = useAlarms();
  const failing = useSignal(desk.feed.failing);
  const conn = useSignal(p.live.conn);
  const denied = useSignal(desk.feed.denied);
  const now = useNow(1);
  const rows = desk.feed.sorted();
  const frozen = conn === 'lost' || failing > 0;
  if (denied || !rows.length) return <div id={props.id} hidden />;
  const row = rows[0]!;
  return (
    <div id={props.id} className={cx('awall', frozen && 'frozen', props.className)} role="status" aria-label={say('wall', p.lang)}>
      <AlarmMark row={row} lang={p.lang} />
      <b className="ellip">{row.title[p.lang]}</b>
      {isFlood(row) ? null : <ValueText row={row} now={now} lang={p.lang} />}
      <span className="ellip">{row.place}</span>
      <span className="num">{since(row, now, p.lang)}</span>
      {rows.length > 1 ? <span className="num end">{say('more', p.lang, { n: rows.length - 1 })}</span> : null}
      {frozen ? <i className="hat">{say('frozen', p.lang, { t: clockTime(p.clock.now() - (Date.now() - desk.feed.asOf), p.clock.zone()) })}</i> : null}
    </div>
  );
}
