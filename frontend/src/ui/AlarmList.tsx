import * as React from 'react';
import { say } from '../core/alarm_words';
import { byUrgency, isFlood, PRIORITIES, type Alarm, type AlarmState, type Flood, type Page, type Priority, type Row } from '../core/alarms';
import { count } from '../core/format';
import { page } from '../core/page';
import type { Lang, Text } from '../core/types';
import { alarmDesk, useAlarms } from './alarm_desk';
import { lookups } from './AlarmBar';
import { AlarmJournal } from './AlarmJournal';
import { Act, AlarmMark, openKey, openRow, since, ValueText, when } from './AlarmParts';
import { cx, useEvent, useNow, useSignal, type Base } from './hooks';
import { Icon } from './marks';
import { reveal, Windowed } from './Windowed';

type View = 'now' | 'shelved' | 'out_of_service' | 'suppressed' | 'chattering' | 'stale' | 'ended' | 'journal';
const VIEWS: readonly View[] = ['now', 'shelved', 'out_of_service', 'suppressed', 'chattering', 'stale', 'ended', 'journal'];
const QUERY: Record<Exclude<View, 'now' | 'journal'>, string> = {
  shelved: 'hold=shelved',
  out_of_service: 'hold=out_of_service',
  suppressed: 'hold=suppressed',
  chattering: 'only=chattering',
  stale: 'only=stale',
  ended: 'ended=1',
};
const STATES: readonly AlarmState[] = ['unack', 'rtn_unack', 'acked'];
const ROW = 62;
const PAGE = 500;
/** What is over grows for years; the newest of it is enough for a list to scroll, the rest is asked for by filters. */
const MOST = 20_000;
const AGAIN_MS = 2_500;

interface Props extends Base {
  rules?: [string, Text][];
  states?: Record<string, Text>;
  priorities?: Record<string, Text>;
  entries?: [string, Text][];
}

/** Rows of a question to the server: all its pages, asked again when alarms change. */
function useAsked(query: string | null): { rows: Row[] | null; failed: boolean; total: number } {
  const [got, set] = React.useState<{ query: string; rows: Row[]; total: number } | null>(null);
  const [failed, setFailed] = React.useState(false);
  const [turn, again] = React.useReducer((n: number) => n + 1, 0);
  const desk = alarmDesk();
  React.useEffect(() => {
    if (query === null) return undefined;
    let timer: ReturnType<typeof setTimeout> | null = null;
    const soon = (): void => {
      timer ??= setTimeout(() => {
        timer = null;
        again();
      }, AGAIN_MS);
    };
    const now = (): void => again();
    const off = desk.feed.onChange(soon);
    window.addEventListener('ioc:alarms-changed', now);
    return () => {
      off();
      window.removeEventListener('ioc:alarms-changed', now);
      if (timer) clearTimeout(timer);
    };
  }, [query, desk]);
  React.useEffect(() => {
    if (query === null) return undefined;
    const stop = new AbortController();
    const run = async (): Promise<void> => {
      const rows: Row[] = [];
      for (let offset: number | null = 0; offset !== null && rows.length < MOST; ) {
        const answer = await fetch(`/api/v1/alarms?${query}&limit=${PAGE}&offset=${offset}`, { signal: stop.signal, credentials: 'same-origin' });
        if (!answer.ok) return setFailed(true);
        const got = (await answer.json()) as Page;
        rows.push(...got.rows);
        if (offset === 0) set((old) => (old?.query === query && old.rows.length > got.rows.length ? old : { query, rows: [...rows], total: got.total }));
        offset = got.next;
        if (offset === null) set({ query, rows, total: got.total });
      }
      setFailed(false);
    };
    run().catch((error: unknown) => {
      if (stop.signal.aborted) return;
      setFailed(true);
      if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
    });
    return () => stop.abort();
  }, [query, turn]);
  return { rows: got?.query === query ? got.rows : null, failed, total: got?.total ?? 0 };
}

export function AlarmList(props: Props): React.ReactElement {
  const p = page();
  const lang = p.lang;
  const desk = useAlarms();
  React.useEffect(() => desk.feed.wantWhole(), [desk]);
  const counts = useSignal(desk.feed.counts);
  const url = useSignal(p.url.state);
  const now = useNow(1);
  const [view, setView] = React.useState<View>('now');
  const [priorities, setPriorities] = React.useState<Priority[]>([]);
  const [states, setStates] = React.useState<AlarmState[]>([]);
  const [rule, setRule] = React.useState('');
  const [open, setOpen] = React.useState<number | null>(null);
  const box = React.useRef<HTMLDivElement>(null);
  const base = `region=${encodeURIComponent(url.region)}${priorities.length ? `&priority=${priorities.join(',')}` : ''}${states.length && view !== 'ended' ? `&state=${states.join(',')}` : ''}${rule ? `&rule=${encodeURIComponent(rule)}` : ''}`;
  const exported = new URLSearchParams({ ...(view === 'now' ? {} : { view }), ...(priorities.length ? { priority: priorities.join(',') } : {}), ...(states.length && view !== 'ended' ? { state: states.join(',') } : {}), ...(rule ? { rule } : {}) }).toString();
  // A rule's share of a flood is known to the server alone.
  const asked = useAsked(view === 'journal' ? null : view === 'now' ? (rule ? base : null) : `${base}&${QUERY[view]}`);
  const members = useAsked(open === null ? null : `${base}&group=${open}`);
  const version = desk.feed.version;
  const rows = React.useMemo(() => {
    const head = view === 'now' && !rule ? desk.feed.sorted().filter((r) => (!priorities.length || priorities.includes(r.priority)) && (!states.length || states.includes(r.state))) : (asked.rows ?? []);
    if (open === null) return head;
    const at = head.findIndex((r) => isFlood(r) && r.id === open);
    if (at < 0) return head;
    return [...head.slice(0, at + 1), ...(members.rows ?? []).slice().sort(byUrgency), ...head.slice(at + 1)];
  }, [version, view, rule, priorities, states, asked.rows, members.rows, open, desk]);
  React.useEffect(() => {
    const find = (key: string): Row | undefined => rows.find((r) => r.key === key);
    lookups.add(find);
    return () => void lookups.delete(find);
  }, [rows]);
  const cursor = React.useRef('');
  cursor.current = url.sel;
  useEvent<number>('ioc:move', (step) => {
    if (!rows.length) return;
    const at = rows.findIndex((r) => r.key === cursor.current);
    const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step))]!;
    cursor.current = next.key;
    if (url.sel) p.url.replace({ sel: next.key });
    else p.url.push({ sel: next.key });
    reveal(box.current, rows.indexOf(next), ROW);
  });
  useEvent('ioc:open', () => {
    const row = rows.find((r) => r.key === cursor.current) ?? rows[0];
    if (row) openRow(row);
  });
  const unfold = (row: Flood): void => setOpen((o) => (o === row.id ? null : row.id));
  useEvent<string>('ioc:alarm-unfold', (key) => {
    const row = rows.find((r) => r.key === key && isFlood(r)) ?? rows.find(isFlood);
    if (row && isFlood(row)) unfold(row);
  });
  const flip = <T,>(list: T[], one: T): T[] => (list.includes(one) ? list.filter((x) => x !== one) : [...list, one]);
  const number = (v: View): number | null => (!counts ? null : v === 'now' ? counts.total : v === 'stale' ? counts.stale : v === 'chattering' || v === 'ended' || v === 'journal' ? null : (counts.held[v] ?? 0));
  const ready = view === 'now' && !rule ? desk.feed.loaded : asked.rows !== null;
  return (
    <section id={props.id} className={cx('col que alist', props.className)} aria-label={say('title', lang)} data-export-query="alarms" data-query={exported}>
      <div className="tabs" role="toolbar" data-scrolls="1">
        {VIEWS.map((v) => (
          <button key={v} type="button" className={v === view ? 'on' : undefined} aria-pressed={v === view} data-view={v} onClick={() => (setView(v), setOpen(null))}>
            {say(`view.${v}`, lang)} {number(v) === null ? null : <i className="num">{count(number(v))}</i>}
          </button>
        ))}
      </div>
      {view === 'journal' ? <AlarmJournal entries={props.entries ?? []} onOpen={openKey} /> : null}
      <div className="al-own" hidden={view === 'journal'}>
      <div className="flt" data-scrolls="1">
        <span className="g">
          {PRIORITIES.map((q) => (
            <button key={q} type="button" className={cx('chip', priorities.includes(q) && 'on')} aria-pressed={priorities.includes(q)} data-priority={q} onClick={() => setPriorities(flip(priorities, q))}>
              {props.priorities?.[q]?.[lang] ?? q}
            </button>
          ))}
          <span className="sep" />
          {view === 'ended'
            ? null
            : STATES.map((s) => (
                <button key={s} type="button" className={cx('chip', states.includes(s) && 'on')} aria-pressed={states.includes(s)} data-state={s} onClick={() => setStates(flip(states, s))}>
                  {props.states?.[s]?.[lang] ?? s}
                </button>
              ))}
        </span>
        <span className="g end">
          <select value={rule} aria-label={say('rule', lang)} className="chip" onChange={(e) => setRule(e.target.value)}>
            <option value="">{say('anyRule', lang)}</option>
            {(props.rules ?? []).map(([key, title]) => (
              <option key={key} value={key}>
                {title[lang]}
              </option>
            ))}
          </select>
        </span>
      </div>
      {asked.failed || members.failed ? (
        <p className="fault" role="status">
          {say('listFailed', lang)}
        </p>
      ) : null}
      <div ref={box} className="ql al-list" role="listbox" tabIndex={0} aria-label={say('title', lang)}>
        {ready && !rows.length ? <p className="none">{say('empty', lang)}</p> : null}
        <Windowed box={box} rows={rows} height={ROW} render={(r) => <ListRow key={r.key} row={r} on={r.key === url.sel} member={!isFlood(r) && open !== null && r.group_id === open} open={isFlood(r) && r.id === open} now={now} lang={lang} zone={p.clock.zone()} unfold={unfold} />} />
      </div>
      </div>
    </section>
  );
}

interface ListRowProps {
  row: Row;
  on: boolean;
  member: boolean;
  open: boolean;
  now: number;
  lang: Lang;
  zone: string;
  unfold: (row: Flood) => void;
}

function ListRow({ row, on, member, open, now, lang, zone, unfold }: ListRowProps): React.ReactElement {
  const desk = alarmDesk();
  return (
    <div className={cx('q aq', `r${row.rank}`, row.state, on && 'on', member && 'member')} role="option" aria-selected={on} data-key-row={row.key} onClick={() => openRow(row)}>
      <AlarmMark row={row} lang={lang} />
      <div className="ellip">
        <b>
          <span className="ellip" title={row.title[lang]}>
            {row.title[lang]}
          </span>
        </b>
        <p className="ellip">{isFlood(row) ? [row.category_text[lang], row.place].filter(Boolean).join(' · ') : alarmLine(row, now, lang, zone)}</p>
      </div>
      {isFlood(row) ? <span className="alv" /> : <ValueText row={row} now={now} lang={lang} />}
      <div className="rt num">
        <span title={when(Date.parse(row.raised_at), now, zone)}>{row.state === 'normal' ? when(Date.parse(row.raised_at), now, zone) : since(row, now, lang)}</span>
        <em>{isFlood(row) ? say('unacked', lang, { n: count(row.unacked) }) : row.hold ? [row.hold[lang], row.hold.until ? say('until', lang, { t: when(Date.parse(row.hold.until), now, zone) }) : ''].join(' ') : row.state_text[lang]}</em>
      </div>
      <span className="aq-b">
        {isFlood(row) ? (
          <button
            type="button"
            className="btn"
            aria-expanded={open}
            onClick={(e) => {
              e.stopPropagation();
              unfold(row);
            }}
          >
            {open ? say('fold', lang) : say('unfold', lang, { n: count(row.count) })}
            <Icon name="down" className={open ? 'up' : undefined} />
          </button>
        ) : row.hold?.kind === 'shelved' ? (
          <Act desk={desk} row={row} action="unshelve" lang={lang} />
        ) : row.hold ? (
          <Act desk={desk} row={row} action="in_service" lang={lang} />
        ) : null}
        <Act desk={desk} row={row} action="ack" lang={lang} primary={row.rank === 0} />
      </span>
    </div>
  );
}

/** `古埠镇上村 · 14:15 触发 · 李嘉欣 已确认 · 频繁`; a hold says who and why. */
function alarmLine(row: Alarm, now: number, lang: Lang, zone: string): string {
  return [
    row.place,
    say('raisedAt', lang, { t: when(Date.parse(row.raised_at), now, zone) }),
    row.hold ? `${row.hold.by} ${row.hold.reason}`.trim() : row.acked_by ? say('ackedBy', lang, { by: row.acked_by }) : '',
    row.chattering ? say('chatter', lang) : '',
    row.stale ? say('stale', lang) : '',
  ]
    .filter(Boolean)
    .join(' · ');
}
