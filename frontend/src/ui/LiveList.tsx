import * as React from 'react';
import { isIncident, matches, newest, type Filter } from '../core/order';
import { page } from '../core/page';
import { pickable } from '../core/picked';
import type { Item, Lang, Urgency } from '../core/types';
import { pick as said } from '../core/types';
import type { ListState } from '../core/url';
import { word } from '../core/words';
import { cx, useEvent, useNow, useRows, useSignal, type Base } from './hooks';
import { deskLine, DueMark, Icon, itemDue, Mark, Steps, wallLine } from './marks';
import { reveal, Windowed } from './Windowed';

interface Props extends Base, Filter {
  rows?: Item[];
  variant?: 'wall' | 'desk' | 'embed';
  limit?: number;
  offset?: number;
  filter?: { urgency?: string[]; flow?: string[]; topic?: string[] };
  sort?: 'due' | 'new';
  empty?: string;
  name?: string;
  /** Filter and order stand in the page's address. */
  address?: boolean;
  /** Rows can be picked for one step with all of them. */
  pick?: boolean;
}

const SHOWS: readonly string[] = ['all', 'mine', 'incidents', 'cases', 'overdue', 'closed'];

/** What the address says, and what is usual where it says nothing or nonsense. */
function ownFilter(list: ListState): Filter & { sort: 'due' | 'new' } {
  return {
    show: (SHOWS.includes(list.show) ? list.show : 'all') as Filter['show'],
    urgency: list.urgency,
    flow: list.flow,
    topic: list.topic,
    sort: list.sort === 'new' ? 'new' : 'due',
  };
}

const U: Record<Urgency, string> = { critical: 'u2', urgent: 'u1', routine: 'u0' };

/** Keeps the order while somebody points at the list: known rows stay put, new ones wait in the pill. */
export function holdOrder(shown: readonly string[], next: readonly Item[]): { rows: Item[]; waiting: number } {
  const byKey = new Map(next.map((r) => [r.key, r]));
  const kept = shown.flatMap((k) => byKey.get(k) ?? []);
  const keptKeys = new Set(shown);
  return { rows: kept, waiting: next.filter((r) => !keptKeys.has(r.key)).length };
}

export function LiveList(props: Props): React.ReactElement {
  const p = page();
  const { variant = p.surface, limit, offset = 0, sort: sort0 = 'due' } = props;
  const lang = p.lang;
  const version = useRows();
  const now = useNow(variant === 'desk' ? 1 : 5);
  const url = useSignal(p.url.state);
  const [change, setChange] = React.useState<Partial<Filter & { sort: 'due' | 'new' }>>({});
  const [held, setHeld] = React.useState(false);
  const box = React.useRef<HTMLDivElement>(null);
  const order = React.useRef<string[]>([]);
  const name = props.name ?? props.id ?? 'list';
  React.useState(() => {
    p.ready.need(name);
    if (props.rows) p.live.store.seed(props.rows);
  });
  React.useEffect(() => {
    if (p.live.store.loaded || p.live.conn.value === 'off') p.ready.done(name);
  }, [version, name, p]);
  // Signed out or unreachable at the start: the list is as complete as it can be, the strip says why.
  React.useEffect(() => p.live.conn.on((c) => (c === 'lost' || c === 'signed-out' || c === 'off') && p.ready.done(name)), [p, name]);

  useEvent<Partial<Filter & { sort: 'due' | 'new' }> & { id?: string }>('ioc:filter', ({ id, ...rest }) => {
    if (id === props.id) setChange((old) => ({ ...old, ...rest }));
  });

  const own = props.address ? ownFilter(url.list) : null;
  const show = own?.show ?? change.show ?? props.show ?? 'all';
  const urgency = own ? own.urgency : (change.urgency ?? props.filter?.urgency);
  const flow = own ? own.flow : (change.flow ?? props.filter?.flow);
  const topic = own ? own.topic : (change.topic ?? props.filter?.topic);
  const sort = own ? own.sort : (change.sort ?? sort0);
  useSignal(p.picked.version);
  const mine = useSignal(p.mine.keys);
  const closed = useSignal(p.closed.rows);
  React.useEffect(() => p.closed.want(show === 'closed'), [p, show, url.region]);
  const minute = Math.floor(now / 60_000);
  const sorted = React.useMemo(() => {
    const at = p.clock.now();
    const open = p.live.store.sorted();
    const known = show === 'closed' ? closed : show === 'mine' ? [...open.filter((r) => !r.closed), ...p.mine.rows] : open;
    const list = known.filter((r) => matches(r, { show, urgency, flow, topic }, at, mine));
    return sort === 'new' ? list.sort(newest) : list;
    // `minute`: a deadline that passes changes 超时 filters.
  }, [version, show, urgency?.join(), flow?.join(), topic?.join(), sort, minute, show === 'mine' ? mine : show === 'closed' ? closed : null, p]);
  const filterKey = JSON.stringify([show, urgency, flow, topic, sort, url.region]);
  const lastFilter = React.useRef(filterKey);
  const hold = held && variant === 'desk' && lastFilter.current === filterKey;
  lastFilter.current = filterKey;
  const { rows: all, waiting } = hold ? holdOrder(order.current, sorted) : { rows: sorted, waiting: 0 };
  order.current = all.map((r) => r.key);
  const rows = limit ? all.slice(offset, offset + limit) : all.slice(offset);

  const select = React.useCallback((key: string) => p.url.push({ sel: key }), [p]);
  const move = (step: number): void => {
    if (variant !== 'desk' || rows.length === 0) return;
    const at = rows.findIndex((r) => r.key === (cursor.current || url.sel));
    const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step))];
    if (!next) return;
    cursor.current = next.key;
    // Moving is not a step of history: Back returns to where the work began.
    if (url.sel) p.url.replace({ sel: next.key });
    else p.url.push({ sel: next.key });
    reveal(box.current, rows.indexOf(next), ROW);
  };
  const cursor = React.useRef('');
  cursor.current = url.sel;
  useEvent<number>('ioc:move', move);
  useEvent('ioc:open', () => {
    const key = cursor.current || rows[0]?.key;
    if (variant === 'desk' && key) {
      if (url.sel !== key) select(key);
      const row = p.live.store.get(key);
      if (row?.lon != null && row.lat != null) window.dispatchEvent(new CustomEvent('ioc:fly', { detail: [row.lon, row.lat, null] }));
    }
  });

  const { pick = false } = props;
  // What was closed, taken away or has become an incident cannot be worked on any more.
  React.useEffect(() => {
    if (pick)
      p.picked.keep((key) => {
        const row = p.live.store.get(key);
        return row !== undefined && pickable(row);
      });
  }, [version, pick, p]);
  React.useEffect(() => {
    if (pick) p.picked.clear();
  }, [pick, p, filterKey]);
  useEvent('ioc:pick', () => {
    const row = pick ? p.live.store.get(cursor.current) : undefined;
    if (row && pickable(row)) p.picked.toggle(row.key);
  });
  useEvent<number>('ioc:stretch', (step) => {
    if (!pick || rows.length === 0) return;
    const from = cursor.current || rows[0]!.key;
    move(step);
    p.picked.stretch(rows, from, cursor.current);
  });
  const tick = React.useCallback(
    (key: string, to: boolean) => {
      if (to) p.picked.stretch(latest.current, p.url.value.sel || key, key);
      else p.picked.toggle(key);
    },
    [p],
  );
  const latest = React.useRef<readonly Item[]>(rows);
  latest.current = rows;

  const empty = sorted.length === 0 && p.live.store.loaded && (show !== 'mine' || p.mine.known) && (show !== 'closed' || p.closed.known);
  const desk = variant === 'desk';
  const released = (e: React.SyntheticEvent): void => {
    const to = (e as React.FocusEvent).relatedTarget;
    if (to instanceof Node && box.current?.contains(to)) return;
    setHeld(false);
  };
  return (
    <div
      id={props.id}
      ref={box}
      className={cx(desk ? 'ql' : 'rows', 'live-list', props.className)}
      style={props.style}
      role="listbox"
      aria-label={word('list', lang)}
      aria-multiselectable={pick ? true : undefined}
      data-address={props.address ? '' : undefined}
      data-pick={pick ? '' : undefined}
      tabIndex={desk ? 0 : undefined}
      onMouseEnter={desk ? () => setHeld(true) : undefined}
      onMouseLeave={desk ? released : undefined}
      onFocus={desk ? (e) => e.target !== box.current && setHeld(true) : undefined}
      onBlur={desk ? released : undefined}
    >
      {waiting > 0 ? (
        <button type="button" className="newpill" onClick={() => setHeld(false)}>
          <Icon name="refresh" />
          {word('newRows', lang, { n: waiting })}
        </button>
      ) : null}
      {empty ? <p className="none">{props.empty ?? word(urgency?.length || flow?.length ? 'emptyFiltered' : show === 'mine' ? 'emptyMine' : show === 'all' ? 'empty' : 'emptyFiltered', lang)}</p> : null}
      {desk ? (
        <Windowed box={box} rows={rows} height={ROW} render={(r) => <DeskRow key={r.key} item={r} on={r.key === url.sel} now={now} lang={lang} zone={p.clock.zone()} onSelect={select} picked={pick && pickable(r) ? p.picked.has(r.key) : null} onPick={tick} />} />
      ) : (
        rows.map((r) => <WallRow key={r.key} item={r} now={now} lang={lang} zone={p.clock.zone()} onSelect={variant === 'embed' ? select : null} />)
      )}
    </div>
  );
}

const ROW = 66;

interface RowProps {
  item: Item;
  now: number;
  lang: Lang;
  zone: string;
}

interface DeskProps extends RowProps {
  on: boolean;
  onSelect: (key: string) => void;
  /** null: cannot be picked. */
  picked: boolean | null;
  onPick: (key: string, to: boolean) => void;
}

const DeskRow = React.memo(function DeskRow({ item, on, now, lang, zone, onSelect, picked, onPick }: DeskProps) {
  return (
    <div
      className={cx('q', on && 'on', picked && 'picked', isIncident(item) ? 'inc' : U[item.urgency], item.closed && 'closed', item.suspected && 'susp')}
      role="option"
      aria-selected={on}
      data-key-row={item.key}
      onClick={(e) => (picked !== null && (e.shiftKey || e.ctrlKey || e.metaKey) ? onPick(item.key, e.shiftKey) : onSelect(item.key))}
    >
      {picked === null ? null : (
        <button
          type="button"
          className="qck"
          role="checkbox"
          tabIndex={-1}
          aria-checked={picked}
          aria-label={word('pick', lang)}
          onClick={(e) => {
            e.stopPropagation();
            onPick(item.key, e.shiftKey);
          }}
        >
          <i className={cx('ck', picked && 'on')}>{picked ? <Icon name="check" /> : null}</i>
        </button>
      )}
      <Mark item={item} lang={lang} />
      <div className="ellip">
        <b>
          <Icon name={item.icon} />
          <span className="ellip" title={item.title}>
            {item.title}
          </span>
        </b>
        <p className="ellip">{deskLine(item, lang)}</p>
      </div>
      <div className="rt">
        {item.closed ? <span className="due dt">{item.awaits ? said(item.awaits, lang) : word('closed', lang)}</span> : <DueMark d={itemDue(item, now, lang, zone)} />}
        <Steps item={item} lang={lang} />
      </div>
    </div>
  );
}, sameRow);

const WallRow = React.memo(function WallRow({ item, now, lang, zone, onSelect }: RowProps & { onSelect: ((key: string) => void) | null }) {
  return (
    <div
      className={cx('erow', isIncident(item) ? 'inc' : U[item.urgency])}
      role="option"
      aria-selected={false}
      data-key-row={item.key}
      onClick={onSelect ? () => onSelect(item.key) : undefined}
    >
      <Mark item={item} lang={lang} />
      <div className="ellip">
        <b className="ellip">{item.title}</b>
        <small className="ellip">{wallLine(item, lang)}</small>
      </div>
      <DueMark d={itemDue(item, now, lang, zone)} />
    </div>
  );
}, sameRow);

/** Rows re-render when their record or the text of their deadline changes, not every second. */
function sameRow(a: RowProps & { on?: boolean; picked?: boolean | null }, b: RowProps & { on?: boolean; picked?: boolean | null }): boolean {
  if (a.picked !== b.picked || a.item !== b.item || a.lang !== b.lang || a.on !== b.on || a.zone !== b.zone) return false;
  if (a.now === b.now) return true;
  const da = itemDue(a.item, a.now, a.lang, a.zone);
  const db = itemDue(b.item, b.now, b.lang, b.zone);
  return da.kind === db.kind && da.value === db.value && da.unit === db.unit;
}
