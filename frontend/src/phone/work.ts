/** 工作: what is due first stands open with its buttons, the rest below; then notices to acknowledge and what waits here. */
import { dateTime } from '../core/format';
import { pick } from '../core/types';
import { ahead, distance, metres } from './ahead';
import type { App } from './app';
import { button, h, icon, sheet, urgency } from './dom';
import { orderGroup } from './orders';
import { dueMark, entryRow, header, stages } from './parts';
import { go, perform } from './steps';
import type { MyCase, Notice } from './types';
import { walkGroup } from './walks';
import { word, type Word } from './words';

let wanted = '';
let searching = false;

export function workView(app: App): HTMLElement[] {
  const { lang } = app;
  const bell = h('a', { class: 'ib bl', href: '#/inbox', 'aria-label': `${word('notices', lang)} ${unread(app)}` }, icon('bell'), unread(app) ? h('i', { class: 'num' }, unread(app)) : null);
  const find = h('button', { type: 'button', class: 'ib', 'aria-label': word('search', lang), 'aria-expanded': searching, onclick: () => { searching = !searching; if (!searching) wanted = ''; app.changed(); } }, icon('search'));
  const head = header(app, word('myWork', lang), { right: [find, bell] });
  head.append(sub(app));
  if (searching) head.append(searchBox(app));
  const list = (app.mine?.cases ?? []).filter((c) => matches(c, wanted));
  const [first, ...rest] = list;
  const body = h('section', { class: 'bd', 'data-scroll': 'work' });
  body.append(...orderGroup(app));
  if (first) body.append(nowCard(app, first));
  if (rest.length) body.append(group(word('todo', lang), rest.length + ((app.mine?.total ?? 0) - (app.mine?.cases.length ?? 0)), word('byDue', lang)), ...rest.map((c) => row(app, c)));
  if (!app.mine) body.append(skeleton());
  else if (!list.length) body.append(h('p', { class: 'none2' }, h('b', {}, word(wanted ? 'nothingFound' : 'nothingTodo', lang)), h('span', {}, word('nothingHint', lang))));
  body.append(...receipts(app), ...walkGroup(app), ...unsent(app));
  return [head, body];
}

const unread = (app: App): number => app.notices?.filter((n) => !n.read_at && !acknowledged(app, n)).length ?? 0;

export const acknowledged = (app: App, n: Notice): boolean => app.queue.some((e) => e.noticeId === n.notice_id && e.state !== 'refused');

function matches(c: MyCase, q: string): boolean {
  return !q || [c.record.title, c.record.number, c.record.place, c.description].some((t) => t.toLowerCase().includes(q.toLowerCase()));
}

function sub(app: App): HTMLElement {
  const who = app.mine?.who;
  const place = who ? [who.name, ...(who.departments.length ? who.departments : who.places)].filter(Boolean).join(' · ') : '';
  return h('div', { class: 'sub' }, h('span', { class: 'ellip' }, place), standing(app));
}

/** What is walked while a patrol is open, else how exactly the phone knows its place, else the way to ask for it. */
function standing(app: App): HTMLElement {
  const { lang } = app;
  if (app.walks.open) return h('a', { class: 'lk num', href: '#/walk' }, word('walk.walked', lang, { d: app.walks.distance < 1 ? '0 m' : distance(app.walks.distance) }));
  if (app.trouble) return h('button', { type: 'button', class: 'lk', onclick: () => void showTrouble(app) }, word('showDistance', lang));
  const fresh = app.here && Date.now() - app.here.at < 120_000;
  if (fresh) return h('span', { class: 'num' }, `±${app.here!.accuracy_m} m`);
  return h('button', { type: 'button', class: 'lk', onclick: () => void app.watch(true).then(() => app.trouble && showTrouble(app)) }, word('showDistance', lang));
}

/** Why there is no place, and once more. */
function showTrouble(app: App): Promise<null> {
  const { lang } = app;
  return sheet<null>(word('byGps', lang), lang, (done) => [
    h('p', { class: 'why', role: 'alert' }, word(`gps.${app.trouble ?? 'unavailable'}` as Word, lang)),
    button('big p', word('gps.again', lang), 'refresh', () => { done(null); void app.locate().then((f) => (f.fix ? app.watch(true) : showTrouble(app))); }),
  ]);
}

function searchBox(app: App): HTMLElement {
  const input = h('input', { class: 'fi', type: 'search', value: wanted, placeholder: word('searchMine', app.lang), 'aria-label': word('searchMine', app.lang), 'data-keep': 'find', oninput: (e: Event) => { wanted = (e.target as HTMLInputElement).value.trim(); app.changed(); } });
  return h('div', { class: 'fb1' }, input);
}

export function away(app: App, c: MyCase): string {
  const { lon, lat } = c.record;
  return app.here && lon != null && lat != null ? word('awayFrom', app.lang, { d: distance(metres(app.here, { lon, lat })) }) : '';
}

function nowCard(app: App, c: MyCase): HTMLElement {
  const { lang } = app;
  const a = ahead(c, app.queue);
  const place = [c.record.place || c.address, away(app, c)].filter(Boolean).join(' · ');
  const back = a.rest.find((s) => s.key === 'return');
  const open = h('a', { href: `#/case/${c.case_id}`, class: 'op' }, h('h2', {}, urgency(c.record.urgency, lang), h('span', { class: 'ellip2' }, c.record.title), dueMark(app, c.record)), h('p', {}, place));
  const more = c.record.lon != null ? button('', word('route', lang), 'map', () => go(`#/map/${c.case_id}`)) : button('', word('details', lang), 'list', () => go(`#/case/${c.case_id}`));
  const main = a.main;
  const first = main ? button('p', pick(main.title, lang), 'check', () => (main.key === 'finish' ? go(`#/case/${c.case_id}`) : void perform(app, c, main))) : button('p', word('details', lang), 'list', () => go(`#/case/${c.case_id}`));
  return h('article', { class: 'now', 'data-case': c.case_id }, open, stages(c.record, stageIndex(c, a.stage), app), h('div', { class: 'bt' }, first, more, back ? button('', pick(back.title, lang), '', () => void perform(app, c, back)) : null));
}

/** Position of the stage this phone has brought the case to; steps lie in order from the server's own stage on. */
export function stageIndex(c: MyCase, stage: string): number {
  return c.record.stage_index + Math.max(0, Object.keys(c.steps).indexOf(stage));
}

function row(app: App, c: MyCase): HTMLElement {
  const { lang } = app;
  const a = ahead(c, app.queue);
  const at = c.record.stages[stageIndex(c, a.stage)];
  const line = [pick(c.record.flow_text, lang), away(app, c) || c.record.place_short, at ? pick(at, lang) : ''].filter(Boolean).join(' · ');
  const mark = a.unsent.length ? h('span', { class: 'dr' }, word(a.unsent.some((e) => e.state === 'refused') ? 'refused' : 'waiting', lang)) : dueMark(app, c.record);
  return h('a', { class: 'r', href: `#/case/${c.case_id}`, 'data-case': c.case_id }, h('span', { class: 'mkc' }, urgency(c.record.urgency, lang)), h('div', { class: 'ellip' }, h('b', { class: 't ellip' }, c.record.title), h('small', { class: 'ellip' }, line)), mark);
}

export function group(title: string, n: number, side = ''): HTMLElement {
  return h('div', { class: 'gh' }, h('h2', {}, title, h('b', { class: 'num' }, n)), side ? h('em', {}, side) : null);
}

export function noticeRow(app: App, n: Notice): HTMLElement {
  const { lang } = app;
  const done = n.read_at !== null || acknowledged(app, n);
  const queued = app.queue.find((e) => e.noticeId === n.notice_id && e.state !== 'sent');
  const mark = queued ? h('span', { class: 'dr' }, word('waiting', lang)) : done ? h('em', { class: 'mut' }, word('acknowledged', lang)) : button('btn', word('acknowledge', lang), '', () => void app.act({ kind: 'receipt', title: pick(n.title, lang), noticeId: n.notice_id }));
  const about = /^case:(\d+)$/.exec(n.about)?.[1];
  const text = h('div', { class: 'nt' }, h('b', { class: 't' }, pick(n.title, lang)), pick(n.body, lang) ? h('p', {}, pick(n.body, lang)) : null, h('small', { class: 'num' }, dateTime(Date.parse(n.created_at), app.zone)));
  return h('div', { class: `r n${done ? ' rd' : ''}`, 'data-notice': n.notice_id }, icon('flag', 'k'), about ? h('a', { href: `#/case/${about}` }, text) : text, mark);
}

function receipts(app: App): HTMLElement[] {
  const open = (app.notices ?? []).filter((n) => !n.read_at);
  if (!open.length) return [];
  return [group(word('toAcknowledge', app.lang), open.length, word('readFirst', app.lang)), ...open.slice(0, 5).map((n) => noticeRow(app, n))];
}

function unsent(app: App): HTMLElement[] {
  const { lang } = app;
  const waiting = app.queue.filter((e) => e.state !== 'sent' && e.walk?.part !== 'track');
  const drafts = app.drafts.filter((d) => d.text || d.photos.length || d.report?.title || (d.report?.place && d.id.endsWith('/report')) || d.visit?.name);
  if (!waiting.length && !drafts.length) return [];
  const rows = drafts.map((d) => {
    const id = /case:(\d+)$/.exec(d.id)?.[1];
    const [, part, key] = /(finding|visit):(\w+)$/.exec(d.id) ?? [];
    const title = part === 'visit' ? d.visit?.name || word('walk.addVisit', lang) : id ? (app.mine?.cases.find((c) => String(c.case_id) === id)?.record.title ?? word('caseNo', lang, { n: id })) : d.report?.title || d.text.slice(0, 30) || word('newReport', lang);
    const line = [dateTime(Date.parse(d.savedAt), app.zone), d.photos.length ? word('photosN', lang, { n: d.photos.length }) : ''].filter(Boolean).join(' · ');
    return h('a', { class: 'r', href: id ? `#/case/${id}` : part ? `#/${part}/${key}` : '#/report', 'data-draft': d.id }, icon('photo', 'k'), h('div', { class: 'ellip' }, h('b', { class: 't ellip' }, title), h('small', { class: 'ellip num' }, line)), h('span', { class: 'dr' }, word('draft', lang)));
  });
  return [group(word('onPhone', lang), waiting.length + drafts.length), ...waiting.map((e) => entryRow(app, e)), ...rows];
}

function skeleton(): HTMLElement {
  return h('div', { class: 'skl', 'aria-hidden': 'true' }, ...[1, 2, 3].map(() => h('i', { class: 'sk' })));
}
