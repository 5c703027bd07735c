import * as React from 'react';
import type { DotState } from '../core/dots';
import { count } from '../core/format';
import { byTheme, toggled, visibleLayers } from '../core/layers';
import { page } from '../core/page';
import type { LayerEntry, LegendItem } from '../core/types';
import { pick } from '../core/types';
import { word } from '../core/words';
import { ColourChoice, ColourLegend } from './GridColours';
import { cx, useEvent, useSignal, type Base } from './hooks';
import { DeviceDisc, DeviceDot, Icon, UrgencyMark } from './marks';

interface Props extends Base {
  layers?: LayerEntry[];
  variant?: 'desk' | 'wall';
}

/** What the map reports about itself: zoom, scale, and the count at the top of a ramp. */
export interface MapReport {
  zoom: number;
  scale: string;
  tops: Record<string, number>;
}

export function LayerPanel(props: Props): React.ReactElement {
  const p = page();
  const url = useSignal(p.url.state);
  const counts = useSignal(p.live.counts);
  const [report, setReport] = React.useState<MapReport | null>(null);
  useEvent<MapReport>('ioc:map', setReport);
  const layers = props.layers ?? [];
  const on = visibleLayers(layers, url.layers);
  const sorted = byTheme(layers, (l) => pick(l.theme, p.lang));
  const flat = sorted.flatMap(([, list]) => list);
  const toggle = (key: string): void => p.url.replace({ layers: toggled(layers, url.layers, key) });
  useEvent<number>('ioc:layer-key', (n) => {
    const layer = flat.filter((l) => l.ok !== false)[n - 1];
    if (layer) toggle(layer.key);
  });
  const total = (l: LayerEntry): number | null => (counts && l.key in counts.devices ? (counts.devices[l.key] ?? null) : l.key === 'case' && counts ? counts.open : l.count);

  if (props.variant === 'wall') {
    const shown = flat.filter((l) => on.includes(l.key) && total(l) != null);
    const ramp = flat.find((l) => on.includes(l.key) && l.legend?.some((g) => g.swatch === 'ramp'));
    return (
      <div id={props.id} className={cx('ov-layers', props.className)} style={props.style}>
        {shown.map((l) => (
          <p key={l.key}>
            <Icon name={l.icon} />
            {pick(l.title, p.lang)} <b className="num">{count(total(l))}</b>
          </p>
        ))}
        {flat.some((l) => on.includes(l.key) && l.colours?.length) ? <ColourLegend /> : null}
        {ramp ? (
          <div className="ramp">
            {pick(ramp.legend?.find((g) => g.swatch === 'ramp')?.text, p.lang)} <Ramp /> {word('lowHigh', p.lang)}
          </div>
        ) : null}
      </div>
    );
  }
  return (
    <section id={props.id} className={cx('lay', props.className)} style={props.style} aria-label={word('layers', p.lang)}>
      <h3>
        {word('layers', p.lang)}
        <span className="mut num">{report ? `z ${report.zoom.toFixed(1)} · ${report.scale}` : ''}</span>
      </h3>
      {sorted.map(([theme, list]) => (
        <div key={theme} className="th">
          {sorted.length > 1 ? <h4>{theme}</h4> : null}
          <ul>
            {list.map((l) => {
              const active = on.includes(l.key);
              return (
                <li key={l.key} className={active ? undefined : 'off'}>
                  <label>
                    <input type="checkbox" checked={active} disabled={l.ok === false} onChange={() => toggle(l.key)} />
                    <span className={cx('ck', active && 'on')}>{active ? <Icon name="check" /> : null}</span>
                    <Icon name={l.icon} />
                    <span className="ellip">{pick(l.title, p.lang)}</span>
                    <span className="n num">{total(l) == null ? '' : count(total(l))}</span>
                  </label>
                  {active && l.colours?.length ? <ColourChoice measures={l.colours} /> : null}
                  {active && l.legend?.length && !(l.colours?.length && url.colour) ? <Legend items={l.legend} icon={l.icon} zoom={report?.zoom ?? 0} top={report && report.zoom < 12 ? report.tops[l.key] : undefined} unit={pick(l.unit, p.lang)} /> : null}
                </li>
              );
            })}
          </ul>
        </div>
      ))}
    </section>
  );
}

function Ramp(): React.ReactElement {
  return (
    <span>
      {[1, 2, 3, 4].map((n) => (
        <i key={n} style={{ background: `var(--h${n})` }} />
      ))}
    </span>
  );
}

interface LegendProps {
  items: LegendItem[];
  icon: string;
  zoom: number;
  top: number | undefined;
  unit: string;
}

/** The ramp while cells are drawn, else the marks of the zoom one is at, drawn as lists and map draw them. */
function Legend({ items, icon, zoom, top, unit }: LegendProps): React.ReactElement {
  const p = page();
  const ramp = items.find((i) => i.swatch === 'ramp');
  // Far out things are counted, and only urgent and high alarms are marks of their own.
  const alarms = items.filter((i) => (zoom >= MARK_ZOOM ? i.swatch.startsWith('alarm') : FAR_ALARMS.has(i.swatch)));
  const cells = ramp && top !== undefined;
  const marks = cells ? [] : items.filter((i) => i.swatch !== 'ramp' && !i.swatch.startsWith('alarm'));
  const shown = [...marks, ...alarms];
  return (
    <>
      {cells ? (
        <div className="ramp">
          <Ramp />
          <span className="num">
            1 → {count(top)} {unit}
          </span>
        </div>
      ) : null}
      {shown.length ? (
        <div className="lgs">
          {shown.map((i) => (
            <span key={i.swatch + pick(i.text, p.lang)} className="lg">
              <Swatch item={i} icon={icon} near={zoom >= ICON_ZOOM} />
              {/* The chip of the most urgent is its own word. */}
              {i.swatch === 'critical' ? null : pick(i.text, p.lang)}
            </span>
          ))}
        </div>
      ) : null}
    </>
  );
}

const ICON_ZOOM = 16;
const MARK_ZOOM = 14;
const FAR_ALARMS: ReadonlySet<string> = new Set(['alarm1', 'alarm2', 'alarm_unack']);
const DEVICE: Partial<Record<LegendItem['swatch'], DotState>> = { online: 'on', offline: 'off', fault: 'fault', exceeded: 'ex' };

function Swatch({ item, icon, near }: { item: LegendItem; icon: string; near: boolean }): React.ReactElement {
  const state = DEVICE[item.swatch];
  if (state) return near ? <DeviceDisc icon={icon} state={state} /> : <DeviceDot state={state} />;
  switch (item.swatch) {
    case 'critical':
    case 'urgent':
    case 'routine':
      return <UrgencyMark urgency={item.swatch} lang={page().lang} suspected={item.suspected} />;
    case 'alarm1':
    case 'alarm2':
    case 'alarm3':
    case 'alarm4':
    case 'alarm_unack':
      return (
        <span className={`al mapal ${item.swatch === 'alarm_unack' ? 'al2 ring' : `al${item.swatch.slice(5)}`}`} aria-hidden="true">
          <Icon name="bell" />
        </span>
      );
    case 'icon':
      return <Icon name={item.icon ?? 'pin'} />;
    default:
      return <i className={`sw-${item.swatch}`} />;
  }
}
