/** The choice what grid cells are coloured by, and its legend: measure, unit, period, classes, age. */
import * as React from 'react';
import { count } from '../core/format';
import { page } from '../core/page';
import { word } from '../core/words';
import { useSignal } from './hooks';

export function ColourChoice({ measures }: { measures: { key: string; title: string }[] }): React.ReactElement {
  const p = page();
  const url = useSignal(p.url.state);
  const known = measures.some((m) => m.key === url.colour);
  return (
    <div className="gcol">
      <label className="gcol-by">
        <span>{word('colourBy', p.lang)}</span>
        <select value={known ? url.colour : ''} onChange={(e) => p.url.replace({ colour: e.target.value })}>
          <option value="">{word('colourNone', p.lang)}</option>
          {measures.map((m) => (
            <option key={m.key} value={m.key}>
              {m.title}
            </option>
          ))}
        </select>
      </label>
      {known ? <ColourLegend /> : null}
    </div>
  );
}

export function ColourLegend(): React.ReactElement | null {
  const p = page();
  const legend = useSignal(p.colour.legend);
  if (!legend) return null;
  return (
    <div className="gleg" role="group" aria-label={legend.title}>
      <p>
        <b>{legend.title}</b> <span>{`${legend.unit} · ${legend.kind} · ${legend.period}`}</span>
      </p>
      <ul>
        {legend.classes.map((c) => (
          <li key={c.c}>
            <i className={c.c < 0 ? 'none' : c.c === 0 ? 'zero' : ''} style={c.c > 0 ? { background: `var(--h${c.c})` } : undefined} />
            <span className="num">{c.text}</span>
            <span className="num n">{count(c.cells)}</span>
          </li>
        ))}
      </ul>
      {legend.computed_at ? (
        <span className="fresh live" data-as-of={legend.computed_at} data-interval-s={String(2 * legend.interval_s)}>
          <span className="fresh-t" />
        </span>
      ) : (
        <span>{word('never', p.lang)}</span>
      )}
    </div>
  );
}
