import * as React from 'react';
import past from '../../../ioc/words/replay.json';
import { page } from '../core/page';
import type { Text } from '../core/types';
import { pick } from '../core/types';
import { say, type AlarmWord } from '../core/alarm_words';
import { word, type Word } from '../core/words';
import { cx, useEvent, type Base } from './hooks';
import { Icon } from './marks';

interface Hit {
  key: string;
  title: string | Text;
  sub?: string | Text;
  lon?: number | null;
  lat?: number | null;
  bbox?: [number, number, number, number] | null;
  icon?: string;
}
interface Group {
  type: 'place' | 'device' | 'event' | 'case' | 'indicator';
  items: Hit[];
}

const DEBOUNCE_MS = 160;

export function SearchBox(props: Base & { placeholder?: string }): React.ReactElement {
  const p = page();
  const dialog = React.useRef<HTMLDialogElement>(null);
  const text = props.placeholder ?? word('search', p.lang);
  const open = (): void => {
    if (!dialog.current?.open) dialog.current?.showModal();
  };
  useEvent('ioc:search', open);
  return (
    <>
      <button type="button" id={props.id} className={cx('srch', props.className)} style={props.style} onClick={open} aria-haspopup="dialog">
        <Icon name="search" />
        <span className="ellip">{text}</span>
        <span className="kbd">Ctrl K</span>
      </button>
      <dialog ref={dialog} className="search-dialog" aria-label={text} onClick={(e) => e.target === dialog.current && dialog.current?.close()}>
        <SearchForm placeholder={text} close={() => dialog.current?.close()} />
      </dialog>
    </>
  );
}

function SearchForm({ placeholder, close }: { placeholder: string; close: () => void }): React.ReactElement {
  const p = page();
  const [q, setQ] = React.useState('');
  const [groups, setGroups] = React.useState<Group[] | null>(null);
  const [failed, setFailed] = React.useState(false);
  const [at, setAt] = React.useState(0);
  const listId = React.useId();
  React.useEffect(() => {
    const query = q.trim();
    setFailed(false);
    if (!query) {
      setGroups(null);
      return undefined;
    }
    const stop = new AbortController();
    const timer = setTimeout(() => {
      find(query, stop.signal).then(
        (g) => {
          setGroups(g);
          setAt(0);
        },
        (error: unknown) => {
          if (!stop.signal.aborted) setFailed(true);
          if (!(error instanceof TypeError) && !(error instanceof DOMException) && !(error instanceof SearchError)) throw error;
        },
      );
    }, DEBOUNCE_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [q]);
  const flat = (groups ?? []).flatMap((g) => g.items.map((item) => ({ type: g.type, item })));
  const go = (hit: { type: Group['type']; item: Hit } | undefined): void => {
    if (!hit) return;
    close();
    visit(hit.type, hit.item);
  };
  const onKey = (e: React.KeyboardEvent): void => {
    const step = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0;
    if (step && flat.length) {
      e.preventDefault();
      setAt((i) => (i + step + flat.length) % flat.length);
    } else if (e.key === 'Enter' && !e.nativeEvent.isComposing) {
      e.preventDefault();
      go(flat[at]);
    }
  };
  let n = 0;
  return (
    <div className="sd" onKeyDown={onKey}>
      <label className="sd-in">
        <Icon name="search" />
        <input
          type="text"
          enterKeyHint="search"
          autoFocus
          value={q}
          placeholder={placeholder}
          onChange={(e) => setQ(e.target.value)}
          role="combobox"
          aria-expanded={flat.length > 0}
          aria-controls={listId}
          aria-activedescendant={flat[at] ? `${listId}-${at}` : undefined}
        />
        <span className="kbd">Esc</span>
      </label>
      <div id={listId} role="listbox" className="sd-list">
        {failed ? <p className="none">{word('searchFailed', p.lang)}</p> : null}
        {!failed && groups === null ? <p className="none">{word('searchHint', p.lang)}</p> : null}
        {!failed && groups !== null && flat.length === 0 ? <p className="none">{word('searchEmpty', p.lang, { q: q.trim() })}</p> : null}
        {(groups ?? []).map((g) =>
          g.items.length ? (
            <div key={g.type} role="group" aria-label={word(g.type as Word, p.lang)}>
              <h4>{word(g.type as Word, p.lang)}</h4>
              {g.items.map((item) => {
                const i = n++;
                return (
                  <button key={item.key} type="button" id={`${listId}-${i}`} role="option" aria-selected={i === at} className={i === at ? 'on' : undefined} onClick={() => go({ type: g.type, item })} onMouseMove={() => setAt(i)}>
                    <Icon name={item.icon ?? (g.type === 'place' ? 'map' : 'pin')} />
                    <b className="ellip">{pick(item.title, p.lang)}</b>
                    <small className="ellip">{pick(item.sub, p.lang)}</small>
                  </button>
                );
              })}
            </div>
          ) : null,
        )}
      </div>
    </div>
  );
}

class SearchError extends Error {}

async function find(q: string, signal: AbortSignal): Promise<Group[]> {
  const response = await fetch(`/api/v1/search?q=${encodeURIComponent(q)}&limit=20`, { signal, credentials: 'same-origin' });
  if (!response.ok) throw new SearchError(String(response.status));
  return ((await response.json()) as { groups: Group[] }).groups;
}

/** A place drills down, an indicator opens its page, everything else is selected and flown to. */
function visit(type: Group['type'], item: Hit): void {
  const p = page();
  const code = item.key.startsWith('region:') ? item.key.slice(7) : null;
  if (code !== null) {
    p.url.push({ region: code, sel: '' });
    return;
  }
  if (type === 'indicator') {
    location.assign(`/desk/indicators/${encodeURIComponent(item.key.replace(/^indicator:/, ''))}`);
    return;
  }
  if (item.lon != null && item.lat != null) window.dispatchEvent(new CustomEvent('ioc:fly', { detail: [item.lon, item.lat, 16] }));
  p.url.push({ sel: item.key });
}

/** Keys of alarms, on every page of the desk (ui/AlarmBar.tsx). */
const ALARM_KEYS: [string[], AlarmWord][] = [
  [['A'], 'key.ack'],
  [['S'], 'key.shelve'],
  [['F'], 'key.false'],
  [['O'], 'key.out'],
  [['L'], 'key.case'],
  [['E'], 'key.unfold'],
  [['Q'], 'key.mute'],
];

/** Of a page that looks back (ui/replay.ts). */
const PAST_KEYS: [string[], keyof typeof past][] = [
  [['Space'], 'replay.key.play'],
  [['[', ']'], 'replay.key.step'],
  [['B'], 'replay.key.mark'],
  [[',', '.'], 'replay.key.marks'],
  [['-', '+'], 'replay.key.pace'],
  [['←', '→', 'PgUp', 'PgDn'], 'replay.key.line'],
];

const KEYS: [string[], Word][] = [
  [['J', 'K'], 'keyMove'],
  [['Enter'], 'keyOpen'],
  [['Esc'], 'keyUp'],
  [['Space'], 'keyPick'],
  [['Shift', '↑', '↓'], 'keyStretch'],
  [['1', '…', '9'], 'keyViews'],
  [['Shift', '1', '…', '6'], 'keyLayers'],
  [['N'], 'keyReport'],
  [['C'], 'keyIncident'],
  [['Ctrl', 'K'], 'keySearch'],
  [['?'], 'keyHelp'],
];

export function Keys(props: Base & { page?: string }): React.ReactElement {
  const p = page();
  const dialog = React.useRef<HTMLDialogElement>(null);
  useEvent('ioc:keys', () => dialog.current?.showModal());
  return (
    <dialog id={props.id} ref={dialog} className={cx('keys-dialog', props.className)} style={props.style} aria-label={word('keys', p.lang)} onClick={(e) => e.target === dialog.current && dialog.current?.close()}>
      <h2>{word('keys', p.lang)}</h2>
      <dl>
        {[...(document.body.dataset['past'] ? PAST_KEYS.map(([keys, text]) => [keys, past[text][p.lang]] as const) : []), ...KEYS.map(([keys, text]) => [keys, word(text, p.lang)] as const), ...ALARM_KEYS.map(([keys, text]) => [keys, say(text, p.lang)] as const)].map(([keys, text]) => (
          <React.Fragment key={text}>
            <dt>
              {keys.map((k) => (
                <span key={k} className="kbd">
                  {k}
                </span>
              ))}
            </dt>
            <dd>{text}</dd>
          </React.Fragment>
        ))}
      </dl>
      <form method="dialog">
        <button type="submit" className="btn">
          {word('close', p.lang)} <span className="kbd">Esc</span>
        </button>
      </form>
    </dialog>
  );
}

/** A drawing made by a pure Python function; `inner` is never anybody's text. */
export function Svg(props: Base & { viewBox?: string; inner?: string; label?: string; fit?: string }): React.ReactElement {
  return (
    <svg
      id={props.id}
      className={props.className}
      style={props.style}
      viewBox={props.viewBox}
      preserveAspectRatio={props.fit}
      role={props.label ? 'img' : undefined}
      aria-label={props.label}
      aria-hidden={props.label ? undefined : true}
      dangerouslySetInnerHTML={{ __html: props.inner ?? '' }}
    />
  );
}
