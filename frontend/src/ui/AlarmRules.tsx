import * as React from 'react';
import { inOrder, paramName, say } from '../core/alarm_words';
import { dateTime } from '../core/format';
import { page } from '../core/page';
import type { Lang, Text } from '../core/types';
import { refusal } from './alarm_desk';
import { AlarmStewards } from './AlarmStewards';
import { cx, type Base } from './hooks';
import { Icon } from './marks';

type Target = '' | 'kind' | 'region' | 'device';
interface Setting {
  rule: string;
  target: Target;
  ref: string;
  name: string;
  params: Record<string, unknown>;
  valid_from: string | null;
  valid_to: string | null;
  version: number;
  by: string;
  updated_at: string | null;
}
interface Rule {
  key: string;
  title: Text;
  test: string;
  category_text: Text;
  kinds: string[];
  limit_from: string[];
  example: boolean;
  source: Text;
  params: Record<string, unknown>;
  editable: string[];
  settings: Setting[];
}
interface Unset {
  device_id: number;
  device: string;
  zh: string;
  en: string;
}
interface Changed {
  at: string;
  by: string;
  target: Target;
  name: string;
  params: Record<string, unknown>;
  version: number;
}

interface Props extends Base {
  /** Choices of a parameter with words, what kinds of device there are, and whether the asker may change anything. */
  choices?: Record<string, [string, Text][]>;
  kinds?: [string, Text][];
  regions?: [string, string][];
  mayEdit?: boolean;
  duties?: [string, Text][];
}

/** Its place in the address, beside the keys of rules. */
const STEWARDS = 'stewards';

export async function get<T>(url: string): Promise<T | null> {
  try {
    const answer = await fetch(url, { credentials: 'same-origin' });
    return answer.ok ? ((await answer.json()) as T) : null;
  } catch (error) {
    if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
    return null;
  }
}

const listed = (lang: Lang): string => (lang === 'zh' ? '、' : ', ');

/** Names of columns and attributes, which are what they are in every language. */
function Names({ said, names, lang }: { said: string; names: string[]; lang: Lang }): React.ReactElement {
  const [before, after] = said.split('\u0000');
  return (
    <>
      {before}
      <span lang="zh">{names.join(listed(lang))}</span>
      {after}
    </>
  );
}

const shown = (value: unknown, lang: Lang): string => (value === true ? say('yes', lang) : value === false ? say('no', lang) : Array.isArray(value) ? value.join(listed(lang)) || '—' : value == null || value === '' ? '—' : String(value));

/** Rules on the left, the chosen one with what holds, its settings, who is not watched and what was changed on the right. */
export function AlarmRules(props: Props): React.ReactElement {
  const lang = page().lang;
  const [rules, setRules] = React.useState<Rule[] | null>(null);
  const [failed, setFailed] = React.useState(false);
  const [key, setKey] = React.useState(() => location.hash.slice(1));
  const load = React.useCallback(async () => {
    const got = await get<{ rules: Rule[] }>('/api/v1/alarm-rules');
    setFailed(got === null);
    if (got) setRules(got.rules);
  }, []);
  React.useEffect(() => void load(), [load]);
  const rule = rules?.find((r) => r.key === key) ?? rules?.[0];
  const choose = (next: string): void => {
    history.replaceState(history.state, '', `#${next}`);
    setKey(next);
  };
  return (
    <div id={props.id} className={cx('arules', props.className)}>
      <ol className="col que ar-list scroll" role="listbox" aria-label={say('rules', lang)} data-scrolls="1">
        {failed ? <p className="fault">{say('listFailed', lang)}</p> : null}
        <li>
          <button type="button" className={cx(key === STEWARDS && 'on')} onClick={() => choose(STEWARDS)} data-rule={STEWARDS}>
            <b className="ellip">{say('stewards', lang)}</b>
            <small className="ellip">{say('stewards.side', lang)}</small>
          </button>
        </li>
        {(rules ?? []).map((r) => (
          <li key={r.key}>
            <button type="button" className={cx(r === rule && key !== STEWARDS && 'on')} onClick={() => choose(r.key)} data-rule={r.key}>
              <b className="ellip">{r.title[lang]}</b>
              <small className="ellip">
                {r.category_text[lang]}
                {r.settings.length ? ` · ${say('rules.set', lang)} ${r.settings.length}` : ''}
                {r.example ? ` · ${say('rules.example', lang)}` : ''}
              </small>
            </button>
          </li>
        ))}
      </ol>
      {key === STEWARDS ? <AlarmStewards mayEdit={props.mayEdit === true} duties={props.duties ?? []} kinds={props.kinds ?? []} /> : rule ? <OneRule key={rule.key} rule={rule} {...props} reload={load} /> : <div className="col" />}
    </div>
  );
}

function OneRule({ rule, reload, ...props }: Props & { rule: Rule; reload: () => Promise<void> }): React.ReactElement {
  const lang = page().lang;
  const zone = page().clock.zone();
  const [edit, setEdit] = React.useState<Setting | null>(null);
  const [unset, setUnset] = React.useState<Unset[] | null>(null);
  const [changes, setChanges] = React.useState<Changed[] | null>(null);
  const stamp = rule.settings.map((s) => s.version).join();
  React.useEffect(() => void get<{ rows: Unset[] }>(`/api/v1/alarm-rules/${rule.key}/unset`).then((g) => setUnset(g?.rows ?? null)), [rule.key, stamp]);
  React.useEffect(() => void get<{ rows: Changed[] }>(`/api/v1/alarm-rules/${rule.key}/history`).then((g) => setChanges(g?.rows ?? null)), [rule.key, stamp]);
  const fresh = (): Setting => ({ rule: rule.key, target: '', ref: '', name: '', params: {}, valid_from: null, valid_to: null, version: 0, by: '', updated_at: null });
  return (
    <section className="col ar-one scroll" data-scrolls="1">
      <div className="ph2">
        <h2>{rule.title[lang]}</h2>
        <span>{rule.source[lang]}</span>
      </div>
      {rule.limit_from.length ? <p className="pad mut">{`${say('rules.limit', lang)}${lang === 'zh' ? '：' : ': '}`}<Names said={say('rules.attribute', lang, { names: '\u0000' })} names={rule.limit_from} lang={lang} /></p> : null}
      <div className="ar-cols">
        <section className="sec2">
          <h3>
            {say('rules.present', lang)}
            <span>{say('rules.shipped', lang)}</span>
          </h3>
          <dl className="kv2">
            {inOrder(rule.editable).filter((name) => shown(rule.params[name], lang) !== '—').map((name) => (
              <React.Fragment key={name}>
                <dt>{paramName(name, lang)}</dt>
                <dd className="num">{word(props.choices, name, rule.params[name], lang)}</dd>
              </React.Fragment>
            ))}
          </dl>
        </section>
        <section className="sec2">
          <h3>
            {say('rules.set', lang)}
            {props.mayEdit ? (
              <button type="button" className="btn" onClick={() => setEdit(fresh())}>
                <Icon name="plus" />
                {say('rules.add', lang)}
              </button>
            ) : (
              <span>{say('rules.noRight', lang)}</span>
            )}
          </h3>
          {rule.settings.length ? null : <p className="mut">{say('rules.none', lang)}</p>}
          <ul className="ar-set">
            {rule.settings.map((s) => (
              <li key={`${s.target}/${s.ref}`}>
                <b>{targetName(s.target, s.name || s.ref, props, lang)}</b>
                <span className="num">
                  {Object.entries(s.params)
                    .map(([n, v]) => `${paramName(n, lang)} ${word(props.choices, n, v, lang)}`)
                    .join('，') || '—'}
                </span>
                <small className="num">
                  {say('rules.version', lang, { n: s.version })} · {s.by} · {s.updated_at ? dateTime(Date.parse(s.updated_at), zone) : ''}
                  {s.valid_from ? ` · ${say('rules.from', lang)} ${dateTime(Date.parse(s.valid_from), zone)}` : ''}
                  {s.valid_to ? ` · ${say('rules.to', lang)} ${dateTime(Date.parse(s.valid_to), zone)}` : ''}
                </small>
                {props.mayEdit ? (
                  <button type="button" className="btn" onClick={() => setEdit(s)}>
                    {say('rules.edit', lang)}
                  </button>
                ) : null}
              </li>
            ))}
          </ul>
        </section>
        <section className="sec2">
          <h3>
            {say('rules.unset', lang)}
            <span className="num">{unset?.length ?? ''}</span>
          </h3>
          {unset && !unset.length ? <p className="mut">{say('rules.unsetNone', lang)}</p> : null}
          <ul className="src lk ar-unset">
            {(unset ?? []).slice(0, 200).map((u) => (
              <li key={u.device_id}>
                <Icon name="sensor" />
                <a className="link ellip" href={`/desk/events?sel=device:${u.device_id}`} data-keep="1">
                  {u.device || `#${u.device_id}`}
                </a>
                <em>{u[lang]}</em>
              </li>
            ))}
          </ul>
        </section>
        <section className="sec2">
          <h3>{say('rules.history', lang)}</h3>
          {changes && !changes.length ? <p className="mut">{say('rules.historyNone', lang)}</p> : null}
          <ul className="ar-set">
            {(changes ?? []).map((c) => (
              <li key={`${c.at}${c.target}${c.name}`}>
                <b>{targetName(c.target, c.name, props, lang)}</b>
                <span className="num">
                  {Object.entries(c.params)
                    .map(([n, v]) => `${paramName(n, lang)} ${word(props.choices, n, v, lang)}`)
                    .join('，') || '—'}
                </span>
                <small className="num">
                  {dateTime(Date.parse(c.at), zone)} · {c.by} · {say('rules.version', lang, { n: c.version })}
                </small>
              </li>
            ))}
          </ul>
        </section>
      </div>
      {edit ? <Editor rule={rule} setting={edit} {...props} close={() => setEdit(null)} reload={reload} /> : null}
    </section>
  );
}

const word = (choices: Props['choices'], name: string, value: unknown, lang: Lang): string => choices?.[name]?.find(([k]) => k === value)?.[1][lang] ?? shown(value, lang);

function targetName(target: Target, name: string, props: Props, lang: Lang): string {
  if (target === '') return say('rules.everywhere', lang);
  const kind = target === 'kind' ? props.kinds?.find(([k]) => k === name)?.[1][lang] : undefined;
  return `${say(`rules.${target}`, lang)} ${kind ?? name}`;
}

/** Empty fields hold what lies below; a list is separated by commas. What cannot be read is said before anything is sent. */
export function paramsOf(given: Record<string, string>, like: Record<string, unknown>, choices: Props['choices']): { params: Record<string, unknown>; bad: string[] } {
  const params: Record<string, unknown> = {};
  const bad: string[] = [];
  for (const [name, raw] of Object.entries(given)) {
    const text = raw.trim();
    if (!text) continue;
    if (text === 'true' || text === 'false') params[name] = text === 'true';
    else if (name === 'hours' || name === 'weekdays') {
      const list = text.split(/[,，、\s]+/).filter(Boolean);
      params[name] = name === 'weekdays' ? list.map(Number) : list;
      if (name === 'weekdays' && list.some((x) => !Number.isFinite(Number(x)))) bad.push(name);
    } else if (choices?.[name] || TEXTS.has(name) || typeof like[name] === 'string') params[name] = text;
    else if (Number.isFinite(Number(text))) params[name] = Number(text);
    else bad.push(name);
  }
  return { params, bad };
}
const TEXTS = new Set(['datum', 'fence']);
const FLAGS = new Set(['enabled', 'notify', 'inclusive', 'inside']);

function Editor({ rule, setting, choices, kinds, regions, close, reload }: Props & { rule: Rule; setting: Setting; close: () => void; reload: () => Promise<void> }): React.ReactElement {
  const lang = page().lang;
  const zone = page().clock.zone();
  const box = React.useRef<HTMLDialogElement>(null);
  const [target, setTarget] = React.useState<Target>(setting.target);
  const [ref, setRef] = React.useState(setting.ref);
  const [given, setGiven] = React.useState<Record<string, string>>(() => Object.fromEntries(Object.entries(setting.params).map(([k, v]) => [k, Array.isArray(v) ? v.join(', ') : String(v)])));
  const local = (at: string | null): string => (at ? new Date(at).toLocaleString('sv-SE', { timeZone: zone }).slice(0, 16).replace(' ', 'T') : '');
  const [from, setFrom] = React.useState(local(setting.valid_from));
  const [to, setTo] = React.useState(local(setting.valid_to));
  const [version, setVersion] = React.useState(setting.version);
  const [fault, setFault] = React.useState('');
  const [faults, setFaults] = React.useState<Record<string, string>>({});
  const [busy, setBusy] = React.useState(false);
  React.useEffect(() => box.current?.showModal(), []);
  const send = async (): Promise<void> => {
    const { params, bad } = paramsOf(given, rule.params, choices);
    setFaults(Object.fromEntries(bad.map((n) => [n, say('rules.bad', lang)])));
    setFault(bad.length ? bad.map((n) => paramName(n, lang)).join(listed(lang)) : '');
    if (bad.length) return;
    setBusy(true);
    const said = await put(params);
    setBusy(false);
    if (said) return setFault(said);
    await reload();
    close();
  };
  const put = async (params: Record<string, unknown>): Promise<string> => {
    try {
      const answer = await fetch(`/api/v1/alarm-rules/${rule.key}`, {
        method: 'PUT',
        credentials: 'same-origin',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ target, ref: target ? ref.trim() : '', params, version, valid_from: from || null, valid_to: to || null }),
      });
      if (answer.ok) return '';
      const body = (await answer.json()) as Record<string, unknown> & { context?: { version?: number }; reasons?: (Text & { field: string })[] };
      const now = body.context?.version ?? (body['version'] as number | undefined);
      setFaults(Object.fromEntries((body.reasons ?? []).map((r) => [r.field.replace('params.', ''), r[lang]])));
      if (answer.status !== 409 || now === undefined) return refusal(body, lang);
      setVersion(now);
      void reload();
      return say('rules.conflict', lang, { what: refusal(body, lang), n: now });
    } catch (error) {
      if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
      return say('offline', lang);
    }
  };
  const control = (name: string): React.ReactElement => {
    const set = (value: string): void => setGiven((g) => ({ ...g, [name]: value }));
    const hint = say('rules.inherit', lang, { v: word(choices, name, rule.params[name], lang) });
    const options: [string, string][] | null = FLAGS.has(name) ? [['true', say('yes', lang)], ['false', say('no', lang)]] : (choices?.[name]?.map(([k, w]) => [k, w[lang]]) ?? null);
    if (options)
      return (
        <select value={given[name] ?? ''} name={name} onChange={(e) => set(e.target.value)}>
          <option value="">{hint}</option>
          {options.map(([k, w]) => (
            <option key={k} value={k}>
              {w}
            </option>
          ))}
        </select>
      );
    return <input name={name} value={given[name] ?? ''} placeholder={hint} onChange={(e) => set(e.target.value)} inputMode={TEXTS.has(name) || name === 'hours' ? 'text' : 'decimal'} />;
  };
  return (
    <dialog ref={box} className="stepbox arbox" onClose={close}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void send();
        }}
      >
        <h2>
          <span>{rule.title[lang]}</span>
          <small className="num">{version ? say('rules.version', lang, { n: version }) : say('rules.add', lang)}</small>
        </h2>
        <div className="ar-form">
          <label className="fd">
            <span>{say('rules.target', lang)}</span>
            <select value={target} disabled={setting.version > 0} onChange={(e) => (setTarget(e.target.value as Target), setRef(''))}>
              {(['', 'kind', 'region', 'device'] as const).map((x) => (
                <option key={x} value={x}>
                  {say(x ? `rules.${x}` : 'rules.everywhere', lang)}
                </option>
              ))}
            </select>
          </label>
          {target ? (
            <label className={cx('fd', faults['ref'] && 'bad')}>
              <span>{say(target === 'kind' ? 'rules.kind' : 'rules.ref', lang)}</span>
              {target === 'kind' ? (
                <select value={ref} required disabled={setting.version > 0} onChange={(e) => setRef(e.target.value)}>
                  <option value="" />
                  {(kinds ?? []).filter(([k]) => !rule.kinds.length || rule.kinds.includes(k)).map(([k, w]) => (
                    <option key={k} value={k}>
                      {w[lang]}
                    </option>
                  ))}
                </select>
              ) : (
                <input value={ref} required disabled={setting.version > 0} list={target === 'region' ? 'ar-regions' : undefined} onChange={(e) => setRef(e.target.value)} />
              )}
            </label>
          ) : null}
          <datalist id="ar-regions">
            {(regions ?? []).map(([code, name]) => (
              <option key={code} value={code}>
                {name}
              </option>
            ))}
          </datalist>
          {inOrder(rule.editable).map((name) => (
            <label key={name} className={cx('fd', faults[name] && 'bad')}>
              <span>{paramName(name, lang)}</span>
              {control(name)}
              {faults[name] ? <small className="bad">{faults[name]}</small> : null}
            </label>
          ))}
          <label className={cx('fd', faults['valid_from'] && 'bad')}>
            <span>{say('rules.from', lang)}</span>
            <input type="datetime-local" value={from} onChange={(e) => setFrom(e.target.value)} />
          </label>
          <label className={cx('fd', faults['valid_to'] && 'bad')}>
            <span>{say('rules.to', lang)}</span>
            <input type="datetime-local" value={to} onChange={(e) => setTo(e.target.value)} />
          </label>
        </div>
        {fault ? (
          <p className="sfault" role="alert">
            {fault}
          </p>
        ) : null}
        <div className="acts">
          <button type="submit" className="btn p l" disabled={busy}>
            {say('rules.save', lang)}
          </button>
          <button type="button" className="btn l" onClick={close}>
            {say('cancel', lang)}
          </button>
        </div>
      </form>
    </dialog>
  );
}
