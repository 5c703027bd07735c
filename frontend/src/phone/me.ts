/** 我的: who I am, what was sent and what was not, language, theme, signing out; and the inbox of notices. */
import { age, clockTime } from '../core/format';
import type { App } from './app';
import { button, h, icon } from './dom';
import { entryRow, header } from './parts';
import { setLang, setTheme, themeChoice } from './look';
import { word } from './words';
import { group, noticeRow } from './work';

export function meView(app: App): HTMLElement[] {
  const { lang } = app;
  const who = app.mine?.who;
  const waiting = app.queue.filter((e) => e.state !== 'sent' && (e.walk?.part !== 'track' || e.state === 'refused'));
  const sent = app.queue.filter((e) => e.state === 'sent').reverse();
  const seg = (name: string, choices: [string, string][], value: string, choose: (v: string) => void): HTMLElement =>
    h('div', { class: 'mr' }, h('span', {}, name), h('div', { class: 'seg3', role: 'radiogroup', 'aria-label': name }, ...choices.map(([v, text]) => h('button', { type: 'button', role: 'radio', 'aria-checked': String(v === value), class: v === value ? 'on' : '', onclick: () => choose(v) }, text))));
  const out = (): void => {
    if (!waiting.length || confirm(word('outSure', lang, { n: waiting.length }))) void app.signOut();
  };
  const body = h(
    'section',
    { class: 'bd', 'data-scroll': 'me' },
    h('div', { class: 'cs id' }, icon('user'), h('div', {}, h('b', { class: 't' }, who?.name ?? '—'), h('small', { class: 'mut' }, [...(who?.departments ?? []), ...(who?.places ?? [])].join(' · ')))),
    h('div', { class: 'cs' }, seg(word('language', lang), [['zh', '中文'], ['en', 'EN']], lang, (v) => setLang(app, v === 'en' ? 'en' : 'zh')), seg(word('theme', lang), [['', word('themeSystem', lang)], ['dark', word('themeDark', lang)], ['light', word('themeLight', lang)]], themeChoice(), (v) => { setTheme(v); app.changed(); })),
    ...(waiting.length ? [group(word('unsent', lang), waiting.length), ...waiting.map((e) => entryRow(app, e))] : []),
    ...(waiting.length ? [h('div', { class: 'cs' }, button('big', word('sendNow', lang), 'refresh', () => void app.sync(true)))] : []),
    ...(sent.length ? [group(word('sentList', lang), sent.length), ...sent.slice(0, 10).map((e) => entryRow(app, e))] : []),
    h('div', { class: 'cs' }, h('p', { class: 'mut num' }, app.mine ? word('seenAt', lang, { at: clockTime(app.mineAt, app.zone), age: age((Date.now() - app.mineAt) / 1000, lang) }) : word('nothingKept', lang)), navigator.serviceWorker ? null : h('p', { class: 'mut' }, word('needsTls', lang)), button('big', word('signOut', lang), 'out', out)),
  );
  return [header(app, word('me', lang)), body];
}

export function inboxView(app: App): HTMLElement[] {
  const { lang } = app;
  const all = app.notices ?? [];
  const open = all.filter((n) => !n.read_at);
  const read = all.filter((n) => n.read_at);
  const none = app.noNotices ? 'noticesOff' : app.notices === null ? 'nothingKept' : 'noNotices';
  const body = h('section', { class: 'bd', 'data-scroll': 'inbox' }, ...(open.length ? [group(word('toAcknowledge', lang), open.length, word('readFirst', lang)), ...open.map((n) => noticeRow(app, n))] : []), ...(read.length ? [group(word('acknowledged', lang), read.length), ...read.map((n) => noticeRow(app, n))] : []), all.length ? null : h('p', { class: 'none2' }, h('b', {}, word(none, lang))));
  return [header(app, word('notices', lang), { back: '#/' }), body];
}
