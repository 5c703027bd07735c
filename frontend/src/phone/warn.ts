/** Official warnings of the officer's place: one line under the header, all of them in a sheet. Also without a network. */
import { age, clockTime, dateTime } from '../core/format';
import { pick } from '../core/types';
import type { App } from './app';
import { h, sheet } from './dom';
import type { Warning } from './types';
import { word, type Word } from './words';

const MARK = { red: ['r', '红'], orange: ['o', '橙'], yellow: ['y', '黄'], blue: ['b', '蓝'], white: ['w', '白'] } as const;
const ORDER = ['red', 'orange', 'yellow', 'blue', 'white'];
const SVG = 'http://www.w3.org/2000/svg';

/** What holds or is to come at `now` of what was told last: what has ended by the clock is not shown again. */
export function standing(list: readonly Warning[], now: number): { warning: Warning; ahead: boolean }[] {
  return list
    .filter((w) => !w.expires_at || Date.parse(w.expires_at) > now)
    .map((warning) => ({ warning, ahead: Date.parse(warning.onset_at) > now }))
    .sort((a, b) => Number(a.ahead) - Number(b.ahead) || ORDER.indexOf(a.warning.colour) - ORDER.indexOf(b.warning.colour) || (a.ahead ? 1 : -1) * (Date.parse(a.warning.onset_at) - Date.parse(b.warning.onset_at)));
}

/** When the next one begins or ends, epoch ms; the strip is drawn anew then. */
export function nextChange(list: readonly Warning[], now: number): number | null {
  const times = list.flatMap((w) => [Date.parse(w.onset_at), w.expires_at ? Date.parse(w.expires_at) : 0]).filter((t) => t > now);
  return times.length ? Math.min(...times) : null;
}

function flag(colour: Warning['colour']): SVGElement {
  const [cls, char] = MARK[colour];
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', `wn wn-${cls}`);
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  const path = svg.appendChild(document.createElementNS(SVG, 'path'));
  path.setAttribute('d', 'M3 1.2h18v21.6l-9-4.4-9 4.4z');
  const text = svg.appendChild(document.createElementNS(SVG, 'text'));
  for (const [k, v] of Object.entries({ x: '12', y: '10', 'text-anchor': 'middle', 'dominant-baseline': 'central' })) text.setAttribute(k, v);
  // The official mark has the Chinese character in every language.
  text.setAttribute('lang', 'zh');
  text.textContent = char;
  return svg;
}

const title = (app: App, w: Warning): string => word('warn.title', app.lang, { kind: pick(w.kind, app.lang), colour: word(`warn.${w.colour}` as Word, app.lang) });

/** `20:20` today, `11-23 08:00` on another day. */
function moment(app: App, iso: string): string {
  const at = Date.parse(iso);
  const day = (ms: number): string => dateTime(ms, app.zone).slice(0, 5);
  return day(at) === day(app.now()) ? clockTime(at, app.zone, false) : dateTime(at, app.zone);
}

const until = (app: App, w: Warning): string => (w.expires_at ? word('warn.until', app.lang, { at: moment(app, w.expires_at) }) : word('warn.noEnd', app.lang));
const begins = (app: App, w: Warning): string => word('warn.ahead', app.lang, { at: moment(app, w.onset_at) });
const seen = (app: App): string => age((Date.now() - app.warningsAt) / 1000, app.lang);

export function warnBar(app: App): HTMLElement | null {
  const list = standing(app.warnings, app.now());
  const [first] = list;
  if (!first) return null;
  const { warning: w, ahead } = first;
  const when = ahead ? h('span', { class: 'dr num' }, begins(app, w)) : h('span', { class: 'num' }, `${age((app.now() - Date.parse(w.onset_at)) / 1000, app.lang)} · ${until(app, w)}`);
  const more = list.length > 1 ? h('em', { class: 'num' }, word('warn.more', app.lang, { n: list.length })) : null;
  const old = app.live ? null : h('span', { class: 'num' }, word('seenAt', app.lang, { at: clockTime(app.warningsAt, app.zone, false), age: seen(app) }));
  return h(
    'button',
    { type: 'button', class: `wb${ahead ? ' ahead' : ''}`, 'data-warning': w.key, onclick: () => void showWarnings(app) },
    flag(w.colour),
    h('span', { class: 'wx' }, h('span', { class: 'w1' }, h('b', { class: 'ellip' }, title(app, w)), more), h('small', {}, when, h('span', { class: 'ellip' }, w.area), old)),
  );
}

function showWarnings(app: App): Promise<null> {
  const { lang } = app;
  const row = ({ warning: w, ahead }: { warning: Warning; ahead: boolean }): HTMLElement => {
    const since = ahead ? begins(app, w) : word('warn.since', lang, { at: moment(app, w.onset_at), age: age((app.now() - Date.parse(w.onset_at)) / 1000, lang) });
    return h('article', { class: `wr1${ahead ? ' ahead' : ''}` }, flag(w.colour), h('div', {}, h('b', { class: 't' }, title(app, w)), h('p', {}, w.area), h('p', { class: 'num' }, [since, until(app, w)].join(' · ')), w.note ? h('p', { class: 'txt' }, w.note) : null, h('small', {}, w.sender)));
  };
  const at = clockTime(app.warningsAt, app.zone, false);
  return sheet<null>(word('warn.list', lang), lang, () => [
    app.live ? null : h('p', { class: 'why' }, word('warn.kept', lang, { at, age: seen(app) })),
    ...standing(app.warnings, app.now()).map(row),
  ]);
}
