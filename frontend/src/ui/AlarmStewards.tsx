/** 责任人: who is told of alarms where, who has left, and ending one with a reason. */
import * as React from 'react';
import { say } from '../core/alarm_words';
import { dateTime } from '../core/format';
import { page } from '../core/page';
import type { Text } from '../core/types';
import { refusal } from './alarm_desk';
import { useSignal } from './hooks';

interface Steward {
  id: number;
  duty: string;
  name: string;
  phone: string;
  login: string;
  kinds: string[];
  device: string | null;
  region: string | null;
  region_name: string | null;
  ended_at: string | null;
  ended_by: string;
  ended_reason: string;
}
interface Answer {
  rows: Steward[];
  total: number;
  next: number | null;
}

const PAGE = 200;

async function ask(url: string): Promise<Answer | null> {
  try {
    const answer = await fetch(url, { credentials: 'same-origin' });
    return answer.ok ? ((await answer.json()) as Answer) : null;
  } catch (error) {
    if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
    return null;
  }
}

interface Props {
  mayEdit: boolean;
  duties: [string, Text][];
  kinds: [string, Text][];
}

export function AlarmStewards({ mayEdit, duties, kinds }: Props): React.ReactElement {
  const p = page();
  const lang = p.lang;
  const zone = p.clock.zone();
  const url = useSignal(p.url.state);
  const [ended, setEnded] = React.useState(false);
  const [got, setGot] = React.useState<Answer | null>(null);
  const [failed, setFailed] = React.useState(false);
  const [leaving, setLeaving] = React.useState<Steward | null>(null);
  const query = `/api/v1/stewards?region=${encodeURIComponent(url.region)}&limit=${PAGE}${ended ? '&ended=1' : ''}`;
  const load = React.useCallback(
    async (offset: number) => {
      const answer = await ask(`${query}&offset=${offset}`);
      setFailed(answer === null);
      if (answer) setGot((old) => (offset && old ? { ...answer, rows: [...old.rows, ...answer.rows] } : answer));
    },
    [query],
  );
  React.useEffect(() => {
    setGot(null);
    void load(0);
  }, [load]);
  const duty = (key: string): string => duties.find(([k]) => k === key)?.[1][lang] ?? key;
  const kind = (key: string): string => kinds.find(([k]) => k === key)?.[1][lang] ?? key;
  const act = async (s: Steward, what: 'end' | 'back', reason = ''): Promise<string> => {
    try {
      const answer = await fetch(`/api/v1/stewards/${s.id}/${what}`, { method: 'POST', credentials: 'same-origin', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(what === 'end' ? { reason } : {}) });
      if (!answer.ok) return refusal((await answer.json()) as Record<string, unknown>, lang);
    } catch (error) {
      if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
      return say('offline', lang);
    }
    await load(0);
    return '';
  };
  return (
    <section className="col ar-one scroll" data-scrolls="1">
      <div className="ph2">
        <h2>{say('stewards', lang)}</h2>
        <span>{say('stewards.from', lang)}</span>
      </div>
      <div className="flt">
        <span className="g">
          {[false, true].map((v) => (
          <button key={String(v)} type="button" className={v === ended ? 'chip on' : 'chip'} aria-pressed={v === ended} data-ended={String(v)} onClick={() => setEnded(v)}>
            {say(v ? 'stewards.left' : 'stewards.now', lang)} {v === ended && got ? <i className="num">{got.total}</i> : null}
          </button>
        ))}
        </span>
      </div>
      {failed ? <p className="fault">{say('listFailed', lang)}</p> : null}
      {got && !got.rows.length ? <p className="pad mut">{say(ended ? 'stewards.noneLeft' : 'stewards.none', lang)}</p> : null}
      <ul className="ar-st">
        {(got?.rows ?? []).map((s) => (
          <li key={s.id} data-steward={s.id}>
            <b className="ellip">{s.name}</b>
            <span className="ellip">{duty(s.duty)}</span>
            <span className="ellip">{s.device ?? s.region_name ?? ''}</span>
            <span className="ellip mut">{s.kinds.length ? s.kinds.map(kind).join('、') : say('stewards.anyKind', lang)}</span>
            <span className="num mut ellip">{[s.phone, s.login].filter(Boolean).join(' · ')}</span>
            {s.ended_at ? <small className="num mut ellip">{[dateTime(Date.parse(s.ended_at), zone), s.ended_by, s.ended_reason].filter(Boolean).join(' · ')}</small> : null}
            {mayEdit ? (
              <button type="button" className="btn" onClick={() => (s.ended_at ? void act(s, 'back') : setLeaving(s))}>
                {say(s.ended_at ? 'stewards.back' : 'stewards.end', lang)}
              </button>
            ) : null}
          </li>
        ))}
      </ul>
      {got && got.next !== null ? (
        <button type="button" className="btn aj-more" onClick={() => void load(got.next!)}>
          {say('stewards.more', lang)}
        </button>
      ) : null}
      {leaving ? <Leave who={leaving} duty={duty(leaving.duty)} act={(reason) => act(leaving, 'end', reason)} close={() => setLeaving(null)} /> : null}
    </section>
  );
}

function Leave({ who, duty, act, close }: { who: Steward; duty: string; act: (reason: string) => Promise<string>; close: () => void }): React.ReactElement {
  const lang = page().lang;
  const box = React.useRef<HTMLDialogElement>(null);
  const [reason, setReason] = React.useState('');
  const [fault, setFault] = React.useState('');
  const [busy, setBusy] = React.useState(false);
  React.useEffect(() => box.current?.showModal(), []);
  const send = async (): Promise<void> => {
    setBusy(true);
    const said = await act(reason.trim());
    setBusy(false);
    if (said) setFault(said);
    else close();
  };
  return (
    <dialog ref={box} className="stepbox" onClose={close}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void send();
        }}
      >
        <h2>
          <span>{say('stewards.ends', lang, { name: who.name })}</span>
          <small>{[duty, who.device ?? who.region_name].filter(Boolean).join(' · ')}</small>
        </h2>
        <label className="fd">
          <span>{say('reason', lang)}</span>
          <input name="reason" required maxLength={200} value={reason} onChange={(e) => setReason(e.target.value)} />
        </label>
        {fault ? (
          <p className="sfault" role="alert">
            {fault}
          </p>
        ) : null}
        <div className="acts">
          <button type="submit" className="btn p l" disabled={busy || !reason.trim()}>
            {say('stewards.end', lang)}
          </button>
          <button type="button" className="btn l" onClick={close}>
            {say('cancel', lang)}
          </button>
        </div>
      </form>
    </dialog>
  );
}
