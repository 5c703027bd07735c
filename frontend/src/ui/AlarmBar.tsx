import * as React from 'react';
import { say } from '../core/alarm_words';
import { isFlood, PRIORITIES, type Action, type Alarm, type Row } from '../core/alarms';
import { clockTime, count } from '../core/format';
import { page } from '../core/page';
import { alarmDesk, useAlarms, type AlarmSetup } from './alarm_desk';
import { AlarmDialog } from './AlarmDialog';
import { Act, AlarmMark, openRow, since, ValueText, when } from './AlarmParts';
import { cx, useNow, useSignal, type Base } from './hooks';
import { Icon } from './marks';

const ROWS = 4;
/** An alarm that has just taken the first place is not acknowledged by a key meant for the one before it. */
const SETTLED_MS = 1000;
const OPEN = 'ioc.alarm.open';
const LETTERS: Record<string, Action[]> = { a: ['ack'], s: ['shelve', 'unshelve'], f: ['false_alarm'], o: ['out_of_service', 'in_service'], l: ['case'] };

export function AlarmBar(props: Base & { setup?: AlarmSetup }): React.ReactElement {
  const p = page();
  const lang = p.lang;
  React.useState(() => {
    if (props.setup) alarmDesk().setup = props.setup;
    return null;
  });
  const desk = useAlarms();
  const counts = useSignal(desk.feed.counts);
  const conn = useSignal(p.live.conn);
  const failing = useSignal(desk.feed.failing);
  const said = useSignal(desk.said);
  const now = useNow(1);
  const [open, setOpen] = React.useState(() => localStorage.getItem(OPEN) === '1');
  const rows = desk.feed.sorted();
  const top = rows[0];
  const firstAt = React.useRef({ key: '', at: 0 });
  if (firstAt.current.key !== (top?.key ?? '')) firstAt.current = { key: top?.key ?? '', at: Date.now() };
  useKeys(() => (Date.now() - firstAt.current.at >= SETTLED_MS ? desk.feed.sorted()[0] : undefined));
  usePanelButtons();
  React.useEffect(() => {
    if (!said) return undefined;
    const timer = setTimeout(() => desk.said.set(''), 12_000);
    return () => clearTimeout(timer);
  }, [said, desk]);
  const frozen = conn === 'lost' || conn === 'signed-out' || failing > 0;
  // Folded it is one row high; what is urgent and unanswered is never folded away.
  const asking = rows.findIndex((r) => r.rank > 0 || r.state !== 'unack');
  const shown = rows.slice(0, open ? ROWS : Math.min(ROWS, Math.max(1, asking < 0 ? rows.length : asking)));
  // What stands at the right is laid over the first row: the row ends where it begins, however long its words are.
  const bar = React.useRef<HTMLElement>(null);
  const side = React.useRef<HTMLDivElement>(null);
  React.useEffect(() => {
    const at = side.current;
    if (!at || typeof ResizeObserver !== 'function') return undefined;
    const seen = new ResizeObserver(() => bar.current?.style.setProperty('--al-side', `${Math.ceil(at.getBoundingClientRect().width) + 28}px`));
    seen.observe(at);
    return () => seen.disconnect();
  }, []);
  const flip = (): void => {
    localStorage.setItem(OPEN, open ? '0' : '1');
    setOpen(!open);
  };
  return (
    <section ref={bar} id={props.id} className={cx('abar', frozen && 'frozen', props.className)} aria-label={say('bar', lang)} data-rows={shown.length}>
      <div className="al-rows">
        {shown.map((row, i) => (
          <BarRow key={row.key} row={row} now={now} first={i === 0} />
        ))}
        {!shown.length ? (
          <div className="ab none">
            <Icon name="bell" />
            {desk.feed.loaded ? say('none', lang) : failing ? '' : say('loading', lang)}
          </div>
        ) : null}
      </div>
      <div className="al-side num" ref={side}>
        {frozen ? (
          <b className="hat" role="status">
            {desk.feed.asOf ? say('frozen', lang, { t: clockTime(p.clock.now() - (Date.now() - desk.feed.asOf), p.clock.zone()) }) : say('failed', lang, { t: clockTime(p.clock.now() - (Date.now() - (failing || Date.now())), p.clock.zone()) })}
          </b>
        ) : null}
        <a className="al-n" href="/desk/alarms" data-keep="1" title={say('all', lang)}>
          {counts
            ? PRIORITIES.map((q) => (
                <span key={q} className={cx(`p-${q}`, !counts.by_priority[q].total && 'z')}>
                  {PRIORITY_WORD[q][lang]} <b>{count(counts.by_priority[q].total)}</b>
                </span>
              ))
            : null}
        </a>
        {counts ? (
          <span className="mut">
            {say('unacked', lang, { n: count(counts.unacked) })} · {say('shelvedN', lang, { n: count(counts.held['shelved'] ?? 0) })}
            {counts.held['out_of_service'] ? ` · ${say('outN', lang, { n: count(counts.held['out_of_service']) })}` : ''}
          </span>
        ) : null}
        {rows.length > (open ? 1 : shown.length) ? (
          <button type="button" className="btn sq" aria-expanded={open} onClick={flip} title={open ? say('less', lang) : say('more', lang, { n: rows.length - shown.length })}>
            <Icon name="down" className={open ? 'up' : undefined} />
            {open ? null : <span className="num">{count(rows.length - shown.length)}</span>}
          </button>
        ) : null}
        <SoundButton />
      </div>
      {said ? (
        <p className="al-said" role="alert">
          {said}
        </p>
      ) : null}
      <AlarmDialog />
    </section>
  );
}

const PRIORITY_WORD = { urgent: { zh: '紧急', en: 'Urgent' }, high: { zh: '高', en: 'High' }, medium: { zh: '中', en: 'Medium' }, low: { zh: '低', en: 'Low' } };

function BarRow({ row, now, first }: { row: Row; now: number; first: boolean }): React.ReactElement {
  const p = page();
  const lang = p.lang;
  const desk = alarmDesk();
  const zone = p.clock.zone();
  const at = Date.parse(isFlood(row) ? row.first_at : row.raised_at);
  // Screen readers are told of what is loud and unanswered, once, not of every second of its age.
  const loud = row.rank <= 1 && row.state === 'unack';
  return (
    <div className={cx('ab', `r${row.rank}`, row.state)} data-alarm={row.key} onClick={() => openRow(row)}>
      <AlarmMark row={row} lang={lang} />
      <button type="button" className="ab-t ellip" title={row.title[lang]} role={loud ? 'alert' : undefined} onClick={(e) => (e.stopPropagation(), openRow(row))}>
        {row.title[lang]}
      </button>
      {isFlood(row) ? null : <ValueText row={row} now={now} lang={lang} />}
      <span className="ab-p ellip">{[row.place, say('raisedAt', lang, { t: when(at, now, zone) })].filter(Boolean).join(' · ')}</span>
      <span className="ab-a num">{since(row, now, lang)}</span>
      <span className="ab-b">
        {row.state === 'acked' ? <em className="mut">{isFlood(row) ? '' : say('ackedBy', lang, { by: row.acked_by })}</em> : null}
        {!isFlood(row) && row.state === 'rtn_unack' ? <em className="mut">{row.state_text[lang]}</em> : null}
        <Act desk={desk} row={row} action="ack" lang={lang} primary={first && row.rank === 0} keyed={first} />
        {row.rank === 0 && !isFlood(row) ? row.state === 'unack' ? <em className="mut">{say('noShelve', lang)}</em> : null : <Act desk={desk} row={row} action="shelve" lang={lang} />}
      </span>
    </div>
  );
}

function SoundButton(): React.ReactElement | null {
  const p = page();
  const lang = p.lang;
  const desk = alarmDesk();
  if (!desk.sound) return null;
  return <Sound sound={desk.sound} lang={lang} who={desk.setup.who} />;
}

function Sound({ sound, lang, who }: { sound: NonNullable<ReturnType<typeof alarmDesk>['sound']>; lang: 'zh' | 'en'; who: string }): React.ReactElement {
  const state = useSignal(sound.state);
  const mute = useSignal(sound.mute);
  const now = useNow(1);
  const seat = alarmDesk().journal?.seat ?? '';
  const left = mute ? Math.max(0, Math.ceil((mute.until - now) / 1000)) : 0;
  if (state === 'wait' || state === 'off')
    return (
      <button type="button" className={cx('btn snd', state)} data-sound={state} onClick={() => void sound.enable()}>
        <Icon name="off" />
        {say(state === 'wait' ? 'soundWait' : 'soundOff', lang)}
        <b>{say('enable', lang)}</b>
      </button>
    );
  if (state === 'none') return <span className="snd wait">{say('soundNone', lang)}</span>;
  return (
    <details className="pick snd" data-sound={mute ? 'muted' : state}>
      <summary title={say(state === 'else' ? 'soundElse' : 'soundOn', lang)}>
        <Icon name={mute ? 'off' : 'sound'} />
        {mute ? say('muted', lang, { by: mute.by, t: `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}` }) : state === 'else' ? say('soundElse', lang) : null}
      </summary>
      <ul>
        <li>{mute ? <button type="button" onClick={() => sound.clearMute()}>{say('unmute', lang)}</button> : <button type="button" onClick={() => sound.setMute(who)}>{say('mute', lang)} <span className="kbd">Q</span></button>}</li>
        <li>
          <button type="button" onClick={() => sound.test()}>
            {say('test', lang)}
          </button>
        </li>
        <li>
          <button type="button" onClick={() => sound.disable()}>
            {say('turnOff', lang)}
          </button>
        </li>
        <li className="seat">
          <label>
            {say('seat', lang)}
            <input key={seat} defaultValue={seat} maxLength={40} onBlur={(e) => alarmDesk().journal?.rename(e.target.value)} onKeyDown={(e) => e.key === 'Enter' && e.currentTarget.blur()} />
          </label>
        </li>
      </ul>
    </details>
  );
}

/** The row the panel shows; known to the feed, to an open list, or asked for. */
export const lookups = new Set<(key: string) => Row | undefined>();

function known(key: string): Row | undefined {
  const own = alarmDesk().feed.get(key);
  if (own) return own;
  for (const find of lookups) {
    const row = find(key);
    if (row) return row;
  }
  return undefined;
}

async function chosen(key: string): Promise<Row | undefined> {
  const row = known(key);
  if (row || !/^alarm:\d+$/.test(key)) return row;
  const answer = await fetch(`/api/v1/alarms/${key.slice(6)}`, { credentials: 'same-origin' });
  return answer.ok ? ((await answer.json()) as Alarm) : undefined;
}

const editable = (t: EventTarget | null): boolean => t instanceof HTMLElement && (t.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(t.tagName));

/** A, S, F, O, L on the alarm selected; A alone also on the most urgent one where none is; E unfolds, Q mutes. */
function useKeys(top: () => Row | undefined): void {
  const ref = React.useRef(top);
  ref.current = top;
  React.useEffect(() => {
    const on = (e: KeyboardEvent): void => {
      if (e.ctrlKey || e.metaKey || e.altKey || e.repeat || editable(e.target) || document.querySelector('dialog[open]')) return;
      const letter = e.key.toLowerCase();
      const desk = alarmDesk();
      const sel = page().url.value.sel;
      if (letter === 'q') return desk.sound?.setMute(desk.setup.who);
      if (letter === 'e') return void window.dispatchEvent(new CustomEvent('ioc:alarm-unfold', { detail: sel }));
      const actions = LETTERS[letter];
      if (!actions) return;
      const does = (row: Row | undefined): void => {
        const action = row && actions.find((a) => desk.may(row, a));
        if (row && action) desk.act(row, action);
      };
      if (/^alarm(_group)?:/.test(sel)) void chosen(sel).then(does);
      else if (letter === 'a' && !sel) does(ref.current());
    };
    document.addEventListener('keydown', on);
    return () => document.removeEventListener('keydown', on);
  }, []);
}

/** Buttons of the detail panel, drawn by Python. */
function usePanelButtons(): void {
  React.useEffect(() => {
    const on = (e: MouseEvent): void => {
      const el = e.target instanceof Element ? e.target.closest<HTMLElement>('[data-alarm-act]') : null;
      const action = el?.dataset['alarmAct'] as Action | undefined;
      if (!el || !action) return;
      void chosen(el.dataset['alarmKey'] ?? '').then((row) => row && alarmDesk().act(row, action));
    };
    document.addEventListener('click', on);
    return () => document.removeEventListener('click', on);
  }, []);
}
