/** The journal of all alarms and of the seats' sound, newest first; older lines are asked for by their end. */
import * as React from 'react';
import { say } from '../core/alarm_words';
import { dateTime } from '../core/format';
import { page } from '../core/page';
import type { Lang, Text } from '../core/types';
import { alarmDesk } from './alarm_desk';
import { cx, useSignal } from './hooks';
import { Windowed } from './Windowed';

interface Line {
  id: number;
  entry: string;
  text: Text;
  at: string;
  by: string;
  by_text: Text | null;
  key: string;
  title: Text;
  said: Text;
}

const ROW = 44;
const PAGE = 200;
const AGAIN_MS = 3_000;

interface Answer {
  rows: Line[];
  next: number | null;
}

async function ask(query: string, signal: AbortSignal): Promise<Answer | null> {
  const answer = await fetch(`/api/v1/alarms/journal?${query}`, { signal, credentials: 'same-origin' });
  return answer.ok ? ((await answer.json()) as Answer) : null;
}

/** Lines the newest page brings go before those already read; ids only grow. */
export function joined(old: readonly Line[], head: readonly Line[]): Line[] {
  const oldest = head[head.length - 1]?.id ?? Infinity;
  return [...head, ...old.filter((l) => l.id < oldest)];
}

export function AlarmJournal({ entries, onOpen }: { entries: [string, Text][]; onOpen: (key: string) => void }): React.ReactElement {
  const p = page();
  const lang = p.lang;
  const url = useSignal(p.url.state);
  const box = React.useRef<HTMLDivElement>(null);
  const [entry, setEntry] = React.useState('');
  const [lines, setLines] = React.useState<Line[] | null>(null);
  const [next, setNext] = React.useState<number | null>(null);
  const [failed, setFailed] = React.useState(false);
  const query = `region=${encodeURIComponent(url.region)}&limit=${PAGE}${entry ? `&entry=${encodeURIComponent(entry)}` : ''}`;
  const load = React.useCallback(
    (before: number | null, signal: AbortSignal): void => {
      ask(before === null ? query : `${query}&before=${before}`, signal)
        .then((got) => {
          setFailed(!got);
          if (!got) return;
          setLines((old) => (before === null ? joined(old ?? [], got.rows) : [...(old ?? []), ...got.rows]));
          setNext((was) => (before === null && was !== null ? was : got.next));
        })
        .catch((error: unknown) => {
          if (signal.aborted) return;
          setFailed(true);
          if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
        });
    },
    [query],
  );
  React.useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | null = null;
    setLines(null);
    setNext(null);
    load(null, stop.signal);
    const desk = alarmDesk();
    const off = desk.feed.onChange(() => {
      timer ??= setTimeout(() => {
        timer = null;
        load(null, stop.signal);
      }, AGAIN_MS);
    });
    const offOwn = desk.journal?.sent.on(() => load(null, stop.signal));
    return () => {
      off();
      offOwn?.();
      stop.abort();
      if (timer) clearTimeout(timer);
    };
  }, [load]);
  return (
    <>
      <div className="flt" data-scrolls="1">
        <select value={entry} aria-label={say('view.journal', lang)} className="chip" data-journal-entry="" onChange={(e) => setEntry(e.target.value)}>
          <option value="">{say('journal.all', lang)}</option>
          {entries.map(([key, text]) => (
            <option key={key} value={key}>
              {text[lang]}
            </option>
          ))}
        </select>
      </div>
      {failed ? (
        <p className="fault" role="status">
          {say('listFailed', lang)}
        </p>
      ) : null}
      <div ref={box} className="ql al-list" tabIndex={0} aria-label={say('view.journal', lang)}>
        {lines && !lines.length ? <p className="none">{say('journal.empty', lang)}</p> : null}
        <Windowed box={box} rows={lines ?? []} height={ROW} render={(l) => <JournalRow key={l.id} line={l} lang={lang} zone={p.clock.zone()} on={l.key !== '' && l.key === url.sel} onOpen={onOpen} />} />
        {next !== null ? (
          <button type="button" className="btn aj-more" onClick={() => load(next, new AbortController().signal)}>
            {say('journal.more', lang)}
          </button>
        ) : null}
      </div>
    </>
  );
}

function JournalRow({ line, lang, zone, on, onOpen }: { line: Line; lang: Lang; zone: string; on: boolean; onOpen: (key: string) => void }): React.ReactElement {
  const open = line.key ? (): void => onOpen(line.key) : undefined;
  return (
    <div className={cx('aj', on && 'on', !open && 'still')} data-entry={line.entry} onClick={open}>
      <span className="num aj-t">{dateTime(Date.parse(line.at), zone)}</span>
      <b>{line.text[lang]}</b>
      {open ? (
        <button type="button" className="ellip" title={line.title[lang]} onClick={(e) => (e.stopPropagation(), open())}>
          {line.title[lang]}
        </button>
      ) : (
        <span className="ellip">{line.title[lang]}</span>
      )}
      <span className="ellip mut" title={line.said[lang]}>
        {line.said[lang]}
      </span>
      <span className="ellip aj-by">{line.by_text?.[lang] ?? line.by}</span>
    </div>
  );
}
