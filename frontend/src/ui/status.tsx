import * as React from 'react';
import { parts, weekday } from '../core/clock';
import { clockTime, lasted } from '../core/format';
import { freshness, freshText, ringSvg } from '../core/fresh';
import { page } from '../core/page';
import { pastOf } from '../core/past';
import { WEEKDAYS, word } from '../core/words';
import { cx, useNow, useSignal, type Base } from './hooks';
import { Icon } from './marks';

export function ConnStrip(props: Base & { variant?: 'strip' | 'status' }): React.ReactElement {
  const p = page();
  const conn = useSignal(p.live.conn);
  const beat = useSignal(p.live.beat);
  useNow(1);
  const lang = p.lang;
  const since = p.live.since;
  const storeDown = conn === 'open' && beat?.store === 'down';
  if (props.variant === 'status') {
    const text = conn === 'open' ? word('connected', lang) : conn === 'lost' ? word('broken', lang) : conn === 'signed-out' ? word('signedOut', lang) : word(conn === 'off' ? (pastOf(location.search) ? 'notLive' : 'polling') : 'connecting', lang);
    return (
      <span id={props.id} className={cx('st', conn, props.className)} style={props.style} role="status">
        <svg className="d" viewBox="0 0 10 10" aria-hidden="true">
          <circle cx="5" cy="5" r="4" fill={conn === 'open' ? 'var(--ink-2)' : 'none'} stroke="var(--ink-2)" strokeWidth={conn === 'open' ? 0 : 1.5} strokeDasharray={conn === 'open' ? undefined : '2 1.5'} />
        </svg>
        {text}
        {/* Of fixed width and there before the first beat: a figure of this machine and moment must not move its neighbours. */}
        {conn === 'open' ? (
          <span className="lag num" data-volatile="1">
            {beat?.lag_ms != null ? `· ${word('delay', lang, { n: Math.max(0, Math.round(beat.lag_ms)) })}` : ''}
          </span>
        ) : null}
      </span>
    );
  }
  const show = conn === 'lost' || conn === 'signed-out' || storeDown;
  const at = since ? clockTime(p.clock.now() - (Date.now() - since), p.clock.zone()) : '';
  const text = storeDown
    ? word('storeDown', lang)
    : conn === 'signed-out'
      ? word('signedOut', lang)
      : word('brokenText', lang, { t: lasted(since ? (Date.now() - since) / 1000 : 0, lang), at });
  return (
    <div id={props.id} className={cx('conn-strip', show && 'show', props.className)} style={props.style} role="status" hidden={!show}>
      {show ? (
        <>
          <Icon name="net" />
          <span>{text}</span>
          {conn === 'signed-out' && p.surface !== 'wall' ? (
            <a href={`/signin?next=${encodeURIComponent(location.pathname + location.search)}`}>{word('signIn', lang)}</a>
          ) : null}
        </>
      ) : null}
    </div>
  );
}

export function Clock(props: Base & { format?: 'time' | 'date' | 'datetime' }): React.ReactElement {
  const p = page();
  const now = useNow(1);
  const zone = p.clock.zone();
  const d = parts(now, zone);
  const date = `${d['year']}-${d['month']}-${d['day']} ${WEEKDAYS[p.lang][weekday(now, zone)]}`;
  const time = clockTime(now, zone);
  const format = props.format ?? 'time';
  return (
    <time id={props.id} className={cx('num', props.className)} style={props.style} dateTime={new Date(now).toISOString()}>
      {format === 'time' ? time : format === 'date' ? date : `${date} ${time}`}
    </time>
  );
}

export function FreshRing(props: Base & { asOf?: string | null; intervalS?: number; source?: string }): React.ReactElement {
  const p = page();
  const now = useNow(1);
  const interval = props.intervalS ?? 60;
  const asOf = props.asOf ? Date.parse(props.asOf) : null;
  const ageS = asOf == null ? 0 : Math.max(0, (now - asOf) / 1000);
  const state = freshness(asOf, interval, now);
  return (
    <span id={props.id} className={cx('fresh', state, props.className)} style={props.style} title={props.source}>
      <svg viewBox="0 0 16 16" aria-hidden="true" dangerouslySetInnerHTML={{ __html: ringSvg(state, Math.round(ageS), interval) }} />
      {freshText(state, ageS, p.lang)}
    </span>
  );
}

export function LangSwitch(props: Base): React.ReactElement {
  const p = page();
  const go = (lang: string): void => {
    const q = new URLSearchParams(location.search);
    q.set('lang', lang);
    document.cookie = `ioc_lang=${lang};path=/;max-age=31536000;samesite=lax`;
    location.search = q.toString().replaceAll('%2C', ',').replaceAll('%3A', ':');
  };
  return (
    <span id={props.id} className={cx('seg', props.className)} style={props.style} role="group" aria-label={word('language', p.lang)}>
      {(['zh', 'en'] as const).map((l) => (
        <button key={l} type="button" className={l === p.lang ? 'on' : undefined} aria-pressed={l === p.lang} lang={l} onClick={() => l !== p.lang && go(l)}>
          {l === 'zh' ? '中' : 'EN'}
        </button>
      ))}
    </span>
  );
}

export function ThemeSwitch(props: Base): React.ReactElement {
  const p = page();
  const theme = useSignal(p.theme);
  const set = (next: 'dark' | 'light'): void => {
    document.documentElement.dataset['theme'] = next;
    document.cookie = `ioc_theme=${next};path=/;max-age=31536000;samesite=lax`;
    const q = new URLSearchParams(location.search);
    q.set('theme', next);
    history.replaceState(history.state, '', `${location.pathname}?${q.toString().replaceAll('%2C', ',').replaceAll('%3A', ':')}${location.hash}`);
    p.theme.set(next);
  };
  return (
    <span id={props.id} className={cx('seg', props.className)} style={props.style} role="group" aria-label={word('theme', p.lang)}>
      {(['dark', 'light'] as const).map((t) => (
        <button key={t} type="button" className={t === theme ? 'on' : undefined} aria-pressed={t === theme} onClick={() => set(t)}>
          {word(t, p.lang)}
        </button>
      ))}
    </span>
  );
}
