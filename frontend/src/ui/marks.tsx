import * as React from 'react';
import { DISC_DASH, dotOf, type DotState } from '../core/dots';
import { due, type Due } from '../core/format';
import { isIncident } from '../core/order';
import { iconPath, numeral, SHAPES } from '../core/sprite';
import type { Item, Lang, Urgency } from '../core/types';
import { pick } from '../core/types';
import { ROMAN, word } from '../core/words';

export function Icon({ name, className }: { name: string; className?: string }): React.ReactElement {
  return (
    <svg className={className ? `ic ${className}` : 'ic'} viewBox="0 0 24 24" aria-hidden="true">
      <path d={iconPath(name)} />
    </svg>
  );
}

export function LevelMark({ level, provisional, lang }: { level: number; provisional: boolean; lang: Lang }): React.ReactElement {
  const n = level >= 1 && level <= 4 ? level : 0;
  const dashed = provisional && n > 0;
  const name = word(`level${n as 0 | 1 | 2 | 3 | 4}`, lang);
  return (
    <svg
      className={`lv lv${n}${dashed ? ' prov' : ''}`}
      viewBox={dashed ? '-1 -1 26 26' : '0 0 24 24'}
      role="img"
      aria-label={dashed ? `${word('provisional', lang)} ${name}` : name}
    >
      <path className="sh" d={SHAPES[n]} />
      <g className="rn">
        <path d={numeral(n)} />
      </g>
    </svg>
  );
}

export function UrgencyMark({ urgency, lang, suspected }: { urgency: Urgency; lang: Lang; suspected?: boolean | undefined }): React.ReactElement {
  const susp = suspected ? ' susp' : '';
  if (urgency === 'critical')
    return (
      <span className={`ug ug2${susp}`} role="img" aria-label={word('critical', lang)}>
        {word('critical', lang)}
      </span>
    );
  const urgent = urgency === 'urgent';
  return (
    <svg className={`ug ug${urgent ? 1 : 0}${susp}`} viewBox="0 0 24 24" role="img" aria-label={word(urgency, lang)}>
      {urgent ? (
        <>
          <circle cx="12" cy="12" r="9.6" className="r" />
          <circle cx="12" cy="12" r="4.8" className="d" />
        </>
      ) : (
        <circle cx="12" cy="12" r="4.2" className="d" />
      )}
    </svg>
  );
}

/** A device as the map shows it at z 14-15, same geometry as map/draw.ts. */
export function DeviceDot({ state }: { state: DotState }): React.ReactElement {
  const o = dotOf(state, 3.75, 1);
  return (
    <svg className="dd" viewBox="-7 -7 14 14" aria-hidden="true">
      <circle r={o.halo} fill="var(--map-halo)" />
      {o.ring ? <circle r={o.ring.r} fill="none" stroke="var(--ink-3)" strokeWidth={o.ring.width} strokeDasharray={o.ring.dash?.join(' ')} /> : null}
      {o.fill ? <circle r={o.r} fill={`var(--${o.fill})`} /> : null}
      {o.core ? <circle r={o.core} fill="var(--on-dev)" /> : null}
    </svg>
  );
}

/** From z 16 a device is a disc with its icon: dashed when offline, dotted when faulty, inverted over its limit. */
export function DeviceDisc({ icon, state }: { icon: string; state: DotState }): React.ReactElement {
  const off = state === 'off' || state === 'fault';
  const edge = off ? 'ink-4' : state === 'ex' ? 'dev-bg' : 'ink-3';
  const ink = off ? 'ink-4' : state === 'ex' ? 'on-dev' : 'ink-1';
  return (
    <svg className="dd disc" viewBox="-14 -14 28 28" aria-hidden="true">
      <circle r="12" fill={`var(--${state === 'ex' ? 'dev-bg' : 'bg-1'})`} stroke={`var(--${edge})`} strokeWidth="1.5" strokeDasharray={off ? DISC_DASH[state].join(' ') : undefined} />
      <path transform="translate(-7 -7) scale(.58)" fill="none" stroke={`var(--${ink})`} strokeWidth="1.9" strokeLinecap="round" strokeLinejoin="round" d={iconPath(off && icon === 'camera' ? 'off' : icon)} />
    </svg>
  );
}

export function Mark({ item, lang }: { item: Item; lang: Lang }): React.ReactElement {
  return (
    <span className="mkc">
      {isIncident(item) ? <LevelMark level={item.level ?? 0} provisional={item.provisional} lang={lang} /> : <UrgencyMark urgency={item.urgency} lang={lang} suspected={item.suspected} />}
    </span>
  );
}

export function DueMark({ d }: { d: Due }): React.ReactElement | null {
  if (d.kind === 'none') return d.label ? <span className="due dt">{d.label}</span> : null;
  if (d.kind === 'date') return <span className="due dt num">{d.label ? `${d.label} ${d.value}` : d.value}</span>;
  if (d.kind === 'over') return <span className="due over">{[d.label, d.value, d.unit].filter(Boolean).join(' ')}</span>;
  return (
    <span className={d.kind === 'soon' ? 'due soon' : 'due'}>
      {d.label ? <em>{d.label}</em> : null}
      <b className="num">{d.value}</b>
      {d.unit ? ` ${d.unit}` : ''}
    </span>
  );
}

export function Steps({ item, lang }: { item: Item; lang: Lang }): React.ReactElement {
  const label = `${pick(item.flow_text, lang)} ${word('stage', lang, { s: pick(item.stage_text, lang) })}`;
  return (
    <div className="steps" role="img" aria-label={label}>
      {Array.from({ length: item.stage_count }, (_, i) => (
        <i key={i} className={i < item.stage_index ? 'dn' : i === item.stage_index ? 'cur' : undefined} />
      ))}
    </div>
  );
}

/** `初判 Ⅳ 级` / `Ⅲ 级` of an incident, else the short word of its flow. */
export function kindText(item: Item, lang: Lang): string {
  if (!isIncident(item)) return pick(item.flow_text, lang);
  const level = item.level ? word('levelOf', lang, { n: ROMAN[item.level] ?? '' }) : word('level0', lang);
  return item.provisional ? `${word('provisional', lang)} ${level}` : level;
}

/** Second line of a wall row: `网格 · 区·街道 · 受理`. */
export function wallLine(item: Item, lang: Lang): string {
  return [kindText(item, lang), item.place_short, pick(item.stage_text, lang)].filter(Boolean).join(' · ');
}

/** Second line of a desk row: `网格 · 区 街道 … · 传感器`; the source is left out where it is the flow itself. */
export function deskLine(item: Item, lang: Lang): string {
  const source = pick(item.source_text, lang);
  const kind = kindText(item, lang);
  return [kind, item.place, source === kind ? '' : source].filter(Boolean).join(' · ');
}

export function itemDue(item: Item, nowMs: number, lang: Lang, timezone: string): Due {
  return due(item, nowMs, lang, timezone);
}
