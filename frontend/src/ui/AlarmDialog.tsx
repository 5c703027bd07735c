import * as React from 'react';
import { say } from '../core/alarm_words';
import type { Alarm } from '../core/alarms';
import { page } from '../core/page';
import { alarmDesk, post, type Asked } from './alarm_desk';
import { cx, useSignal } from './hooks';
import { WORD_OF } from './AlarmParts';

/** The form of one action. Refused, it stays as it was written and says why; a changed alarm is told, and acted upon when sent again. */
export function AlarmDialog(): React.ReactElement {
  const desk = alarmDesk();
  const asked = useSignal(desk.asked);
  const box = React.useRef<HTMLDialogElement>(null);
  React.useEffect(() => {
    if (asked && !box.current?.open) box.current?.showModal();
    if (!asked && box.current?.open) box.current.close();
  }, [asked]);
  const close = (): void => desk.asked.set(null);
  return (
    <dialog ref={box} className="stepbox alarmbox" onClose={close} onClick={(e) => e.target === box.current && close()}>
      {asked ? <Form key={`${asked.row.key}/${asked.action}`} asked={asked} close={close} /> : null}
    </dialog>
  );
}

function Form({ asked, close }: { asked: Asked; close: () => void }): React.ReactElement {
  const { action } = asked;
  const lang = page().lang;
  const desk = alarmDesk();
  const { setup } = desk;
  const [row, setRow] = React.useState<Alarm>(asked.row);
  const [minutes, setMinutes] = React.useState(setup.shelf[1] ?? setup.shelf[0] ?? 15);
  const [other, setOther] = React.useState('');
  const [text, setText] = React.useState('');
  const [choice, setChoice] = React.useState(action === 'case' ? (setup.flows[0]?.[0] ?? '') : '');
  const [fault, setFault] = React.useState('');
  const [busy, setBusy] = React.useState(false);
  const send = async (): Promise<void> => {
    setBusy(true);
    const body: Record<string, unknown> =
      action === 'shelve'
        ? { minutes: other ? Number(other) : minutes, reason: text.trim(), version: row.version }
        : action === 'false_alarm'
          ? { cause: choice, note: text.trim(), version: row.version }
          : action === 'case'
            ? { flow: choice }
            : { reason: text.trim(), version: row.version };
    const answer = await post(`/api/v1/alarms/${row.id}/${action}`, body, lang);
    setBusy(false);
    if (!answer.said) {
      desk.settle(row, answer);
      close();
      if (answer.caseId !== null) page().url.push({ sel: `case:${answer.caseId}` });
      return;
    }
    setFault(answer.conflict ? say('seen', lang, { what: answer.said }) : answer.said);
    if (answer.conflict) {
      const found = await fetch(`/api/v1/alarms/${row.id}`, { credentials: 'same-origin' }).catch(() => null);
      if (found?.ok) setRow((await found.json()) as Alarm);
      desk.feed.refresh();
    }
  };
  const choices = action === 'false_alarm' ? setup.causes : setup.flows;
  const needsText = action === 'shelve' || action === 'out_of_service';
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        void send();
      }}
    >
      <h2>
        <span>{say(WORD_OF[action], lang)}</span>
        <small>{row.title[lang]}</small>
      </h2>
      {action === 'shelve' ? (
        <div className="fd">
          <span>{say('howLong', lang)}</span>
          <div className="shelf" role="radiogroup" aria-label={say('howLong', lang)}>
            {setup.shelf.map((n) => (
              <label key={n} className={cx('chip', !other && n === minutes && 'on')}>
                <input type="radio" name="minutes" checked={!other && n === minutes} onChange={() => (setMinutes(n), setOther(''))} />
                {say('minutes', lang, { n })}
              </label>
            ))}
            <input type="number" min={1} max={setup.shelfMax} inputMode="numeric" value={other} placeholder={say('minutesOther', lang, { n: setup.shelfMax })} aria-label={say('minutesOther', lang, { n: setup.shelfMax })} onChange={(e) => setOther(e.target.value)} />
          </div>
        </div>
      ) : null}
      {action === 'false_alarm' || action === 'case' ? (
        <label className="fd">
          <span>{say(action === 'case' ? 'flow' : 'cause', lang)}</span>
          <select value={choice} required autoFocus onChange={(e) => setChoice(e.target.value)}>
            {action === 'false_alarm' ? <option value="" /> : null}
            {choices.map(([key, word]) => (
              <option key={key} value={key}>
                {word[lang]}
              </option>
            ))}
          </select>
        </label>
      ) : null}
      {action !== 'case' ? (
        <label className="fd">
          <span>{say(needsText ? 'reason' : 'note', lang)}</span>
          <textarea rows={3} maxLength={500} required={needsText} autoFocus={needsText} value={text} onChange={(e) => setText(e.target.value)} onKeyDown={(e) => e.key === 'Enter' && e.ctrlKey && e.currentTarget.form?.requestSubmit()} />
        </label>
      ) : null}
      {fault ? (
        <p className="sfault" role="alert">
          {fault}
        </p>
      ) : null}
      <div className="acts">
        <button type="submit" className="btn p l" disabled={busy}>
          {say('send', lang)}
        </button>
        <button type="button" className="btn l" onClick={close}>
          {say('cancel', lang)}
        </button>
      </div>
    </form>
  );
}
