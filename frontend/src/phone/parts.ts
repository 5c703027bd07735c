/** Pieces several screens show: header, strip of the network, deadline, stages, pictures, state of what was done. */
import { age, clockTime, dateTime, due } from '../core/format';
import type { Item } from '../core/types';
import { pick } from '../core/types';
import type { App } from './app';
import { button, h, icon } from './dom';
import { pictureUrl } from './photo';
import { blocked } from './queue';
import type { Entry, Photo } from './types';
import { word } from './words';

export function dueMark(app: App, item: Item): HTMLElement {
  const d = due(item, app.now(), app.lang, app.zone);
  if (d.kind === 'none') return h('span', { class: 'due' });
  if (d.kind === 'over') return h('span', { class: 'due over num' }, `${d.label} ${d.value} ${d.unit}`.trim());
  const label = d.label ? h('em', {}, d.label) : null;
  if (d.kind === 'date') return h('span', { class: 'due dt num' }, label, d.value);
  return h('span', { class: d.kind === 'soon' ? 'due soon' : 'due' }, label, h('b', { class: 'num' }, d.value), d.unit ? ` ${d.unit}` : null);
}

export function stages(item: Item, index: number, app: App): HTMLElement {
  const cells = item.stages.map((s, i) => h('i', { class: i < index ? 'dn' : i === index ? 'cur' : '' }, h('em', {}, pick(s, app.lang))));
  const now = item.stages[index];
  return h('div', { class: 'steps', role: 'img', 'aria-label': `${pick(item.flow_text, app.lang)} ${now ? pick(now, app.lang) : ''}` }, ...cells);
}

/** Where a case stands: the words of its place, and how far when the phone knows. */
export function header(app: App, title: string, o: { back?: string; sub?: string; right?: Node[] } = {}): HTMLElement {
  const back = o.back === undefined ? null : h('a', { class: 'ib', href: o.back, 'aria-label': word('back', app.lang) }, icon('chev', 'flip'));
  const demo = app.demo ? h('span', { class: 'demo' }, word('demo', app.lang)) : null;
  return h('header', { class: 'hd' }, h('div', { class: 'h1' }, back, h('h1', { tabindex: -1 }, title), o.sub ? h('span', { class: 'mut num ellip' }, o.sub) : null, demo, h('div', { class: 'e' }, ...(o.right ?? []))));
}

/** One line under the header while what is shown is not live, or work waits on the phone. */
export function strip(app: App): HTMLElement | null {
  const { lang } = app;
  // points go out every minute by themselves: they are told on the patrol, not as work that waits
  const waiting = app.queue.filter((e) => (e.state === 'waiting' || e.state === 'sending') && (app.net === 'offline' || e.walk?.part !== 'track')).length;
  const refused = app.queue.filter((e) => e.state === 'refused').length;
  const told = waiting ? word('waitingHere', lang, { n: waiting }) : '';
  const seen = app.mine ? word('seenAt', lang, { at: clockTime(app.mineAt, app.zone, false), age: age((Date.now() - app.mineAt) / 1000, lang) }) : word('nothingKept', lang);
  if (app.net === 'signed-out')
    return line('key', word('signedOut', lang), [told], h('a', { class: 'link', href: `/signin?next=${encodeURIComponent('/m')}` }, word('signIn', lang)));
  if (app.net === 'offline') return line('net', word('noNet', lang), [told, seen]);
  if (app.net === 'trouble') return line('warn', word('trouble', lang), [told, seen]);
  if (!app.mine) return null;
  if (refused) return line('warn', word('refusedN', lang, { n: refused }), [], h('a', { class: 'link', href: '#/me' }, word('see', lang)));
  if (waiting) return line('refresh', word('sendingN', lang, { n: waiting }), []);
  return app.live ? null : line('clock', word('notLive', lang), [seen]);
}

function line(glyph: string, title: string, rest: string[], link?: Node): HTMLElement {
  return h('div', { class: 'off' }, icon(glyph), h('span', {}, h('b', {}, title), ...rest.filter(Boolean).map((t) => h('span', {}, t))), link);
}

/** 待发送, 发送中, 已送达, 被拒 of one thing done, in the draft's dashed frame until the server has it. */
export function stateTag(app: App, e: Entry): HTMLElement {
  const { lang } = app;
  if (e.state === 'sent') return h('em', { class: 'num' }, `${clockTime(Date.parse(e.at), app.zone, false)} ${word('sent', lang)}`);
  const name = e.state === 'refused' ? 'refused' : e.state === 'sending' ? 'sending' : blocked(e, app.queue)?.state === 'refused' ? 'behind' : 'waiting';
  return h('span', { class: `dr num ${e.state}` }, word(name, lang));
}

const GLYPH = { event: 'plus', receipt: 'flag', step: 'check', walk: 'route', task: 'flag' } as const;

/** A row of the queue with its reason; a refused one can be sent again or dropped. */
export function entryRow(app: App, e: Entry): HTMLElement {
  const { lang } = app;
  const at = dateTime(Date.parse(e.at), app.zone);
  const photos = e.photos.length ? ` · ${word('photosN', lang, { n: e.photos.length })}` : '';
  const text = String(e.step?.given['result'] ?? e.step?.given['reason'] ?? e.step?.given['text'] ?? e.task?.given['reason'] ?? e.task?.given['text'] ?? e.event?.['description'] ?? e.walk?.body['description'] ?? e.walk?.body['note'] ?? '');
  const acts =
    e.state === 'refused'
      ? h('div', { class: 'acts' }, button('btn', word('again', lang), 'refresh', () => void app.retry(e)), button('btn', word('drop', lang), '', () => confirm(word('dropSure', lang)) && void app.discard(e)))
      : null;
  return h(
    'article',
    { class: `qe ${e.state}`, 'data-entry': e.id },
    h('div', { class: 'qh' }, icon(GLYPH[e.kind], 'k'), h('div', { class: 'ellip' }, h('b', { class: 't ellip' }, e.title), h('small', { class: 'ellip num' }, `${at}${photos}`)), stateTag(app, e)),
    e.why && e.state !== 'sent' ? h('p', { class: 'why', role: e.state === 'refused' ? 'alert' : undefined }, pick(e.why, lang)) : null,
    text && e.state !== 'sent' ? h('p', { class: 'txt' }, text) : null,
    acts,
  );
}

export function picture(app: App, p: Photo, label: string, drop: () => void): HTMLElement {
  const close = h('button', { type: 'button', class: 'pd', 'aria-label': word('dropPhoto', app.lang), onclick: drop }, icon('x'));
  return h('figure', { class: 'cam' }, h('img', { src: pictureUrl(p), alt: label }), h('figcaption', {}, h('span', {}, label), h('em', { class: 'num' }, clockTime(Date.parse(p.at), app.zone, false))), close);
}

export function addPicture(label: string, glyph: string, press: () => void): HTMLElement {
  return h('button', { type: 'button', class: 'ad', onclick: press }, icon(glyph), h('span', {}, label));
}
