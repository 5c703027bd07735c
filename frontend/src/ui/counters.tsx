import * as React from 'react';
import { count } from '../core/format';
import { page } from '../core/page';
import type { Counts, Lang } from '../core/types';
import { word } from '../core/words';
import { cx, useSignal, type Base } from './hooks';
import { LevelMark, UrgencyMark } from './marks';

interface Props extends Base {
  counts?: Counts;
  variant?: 'wall' | 'desk-incidents' | 'desk-cases' | 'overdue' | 'desk';
}

const LEVELS = [1, 2, 3, 4] as const;

function useCounts(first?: Counts): Counts | null {
  const p = page();
  const live = useSignal(p.live.counts);
  return live ?? first ?? null;
}

function Levels({ counts, lang }: { counts: Counts; lang: Lang }): React.ReactElement {
  return (
    <>
      {(counts.incidents[0] ? [...LEVELS, 0] : LEVELS).map((n) => {
        const total = counts.incidents[n] ?? 0;
        return (
          <span key={n} className={total ? undefined : 'z'}>
            <LevelMark level={n} provisional={total > 0 && (counts.provisional[n] ?? 0) === total} lang={lang} />
            {total}
          </span>
        );
      })}
    </>
  );
}

function Urgencies({ counts, lang }: { counts: Counts; lang: Lang }): React.ReactElement {
  return (
    <>
      <span className={counts.critical ? undefined : 'z'}>
        <i className="mkc">
          <UrgencyMark urgency="critical" lang={lang} />
        </i>
        {count(counts.critical)}
      </span>
      <span className={counts.urgent ? undefined : 'z'}>
        <i className="mkc">
          <UrgencyMark urgency="urgent" lang={lang} />
        </i>
        <small>{word('urgent', lang)}</small>
        {count(counts.urgent)}
      </span>
      <span className="w2">
        <i className="mkc">
          <UrgencyMark urgency="routine" lang={lang} />
        </i>
        <small>{word('routine', lang)}</small>
        {count(counts.routine)}
      </span>
    </>
  );
}

export function CountRow(props: Props): React.ReactElement {
  const p = page();
  const lang = p.lang;
  const counts = useCounts(props.counts);
  const variant = props.variant ?? (p.surface === 'wall' ? 'wall' : 'desk-cases');
  const className = cx(variant === 'wall' ? 'counts num' : `cnt ${variant} num`, props.className);
  const shell = { id: props.id, className, style: props.style };
  if (!counts) return <div {...shell} aria-busy="true" />;
  if (variant === 'wall')
    return (
      <div {...shell}>
        <div>
          <h3>{word('incidents', lang)}</h3>
          <Levels counts={counts} lang={lang} />
        </div>
        <div>
          <h3>{word('cases', lang)}</h3>
          <Urgencies counts={counts} lang={lang} />
        </div>
      </div>
    );
  if (variant === 'desk-incidents')
    return (
      <div {...shell}>
        <Levels counts={counts} lang={lang} />
      </div>
    );
  const over = counts.overdue > 0 ? <span className="dev num">{variant === 'overdue' ? count(counts.overdue) : `${word('overdue', lang)} ${count(counts.overdue)}`}</span> : null;
  if (variant === 'overdue') return <span {...shell}>{over ?? <span className="z">0</span>}</span>;
  return (
    <div {...shell}>
      <span className="tot">
        {word('openCases', lang)} <b>{count(counts.open)}</b>
      </span>
      <Urgencies counts={counts} lang={lang} />
      {over}
    </div>
  );
}

export function Timeline(props: Base & { counts?: Counts; variant?: 'wall' | 'desk' }): React.ReactElement {
  const p = page();
  const counts = useCounts(props.counts);
  const variant = props.variant ?? (p.surface === 'wall' ? 'wall' : 'desk');
  const ref = React.useRef<HTMLDivElement>(null);
  const [width, setWidth] = React.useState(variant === 'wall' ? 560 : 720);
  React.useLayoutEffect(() => {
    const el = ref.current;
    if (!el || typeof ResizeObserver !== 'function') return undefined;
    const measure = (): void => {
      const u = variant === 'wall' ? Number.parseFloat(getComputedStyle(el).getPropertyValue('--px-u')) || unit(el) : 1;
      if (el.clientWidth) setWidth(Math.round(el.clientWidth / u));
    };
    measure();
    const ro = new ResizeObserver(measure);
    ro.observe(el);
    return () => ro.disconnect();
  }, [variant]);
  const hours = counts?.hours ?? [];
  return (
    <div id={props.id} ref={ref} className={cx('timeline', props.className)} style={props.style}>
      {variant === 'wall' ? <WallBars hours={hours} width={width} /> : <DeskBars hours={hours} width={width} />}
    </div>
  );
}

/** One `u` in px, read from an element sized in u (design section 4). */
export function unit(el: Element): number {
  const probe = document.createElement('i');
  probe.style.cssText = 'position:absolute;visibility:hidden;width:calc(100*var(--u,1px))';
  el.appendChild(probe);
  const width = probe.getBoundingClientRect().width / 100;
  probe.remove();
  return width || 1;
}

const two = (n: number): string => String(n).padStart(2, '0');

function lastHour(hours: (number | null)[]): number {
  for (let i = hours.length - 1; i >= 0; i--) if (hours[i] != null) return i;
  return -1;
}

function WallBars({ hours, width }: { hours: (number | null)[]; width: number }): React.ReactElement {
  const bar = width / 24;
  const top = Math.max(10, ...hours.map((h) => h ?? 0));
  const current = lastHour(hours);
  return (
    <svg className="hist" viewBox={`0 0 ${width} 78`} preserveAspectRatio="none" role="img">
      {Array.from({ length: 24 }, (_, i) => {
        const v = hours[i];
        const h = v == null ? 3 : Math.max(1, (v / top) * 46);
        return <rect key={i} className={v == null ? 'f' : i === current ? 'bc' : 'b'} x={i * bar + 2} y={50 - h} width={bar - 4} height={h} />;
      })}
      {[0, 6, 12, 18].map((i) => (
        <text key={i} x={i * bar + 2} y={74}>{`${two(i)}:00`}</text>
      ))}
      <text x={width} y={74} textAnchor="end">
        24:00
      </text>
    </svg>
  );
}

function DeskBars({ hours, width }: { hours: (number | null)[]; width: number }): React.ReactElement {
  const bar = width / 24;
  const top = Math.max(10, ...hours.map((h) => h ?? 0));
  const current = lastHour(hours);
  return (
    <svg className="hg" viewBox={`0 0 ${width} 52`} role="img">
      {Array.from({ length: 24 }, (_, i) => {
        const v = hours[i];
        const h = v == null ? 2 : Math.max(1, (v / top) * 28);
        const fill = v == null ? 'var(--bg-3)' : i === current ? 'var(--ink-1)' : 'var(--series-2)';
        return <rect key={i} x={i * bar + 1} y={34 - h} width={bar - 2} height={h} fill={fill} />;
      })}
      {[0, 3, 6, 9, 12, 15, 18, 21].map((i) => (
        <text key={i} x={i * bar + 1} y={49} fontSize={12} fill="var(--ink-3)">
          {two(i)}
        </text>
      ))}
    </svg>
  );
}
