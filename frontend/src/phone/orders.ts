/** Orders (任务) of an incident in the officer's hand: sign, start, done or cannot, with pictures. Also without a network:
 *  what was answered waits on the phone, in its order, and is sent once. */
import { dateTime } from '../core/format';
import { pick } from '../core/types';
import type { App } from './app';
import { button, h, icon, sheet } from './dom';
import { stateTag } from './parts';
import { take } from './photo';
import type { Entry, Order, Photo } from './types';
import { word } from './words';

type Step = 'sign' | 'start' | 'done' | 'unable';
const TO: Record<Step, string> = { sign: 'signed', start: 'working', done: 'done', unable: 'unable' };
const AT: Record<Step, readonly string[]> = { sign: ['issued'], start: ['signed'], done: ['working'], unable: ['issued', 'signed', 'working'] };
const OPEN = ['issued', 'signed', 'working'];

export interface OrderAhead {
  state: string;
  steps: Step[];
  unsent: Entry[];
}

/** The order as it stands with what this phone has answered and not sent yet. */
export function orderAhead(order: Order, queue: readonly Entry[]): OrderAhead {
  const unsent = queue.filter((e) => e.task?.taskId === order.task_id && e.state !== 'sent');
  const state = unsent.filter((e) => e.state !== 'refused').reduce((at, e) => TO[e.task?.step as Step] ?? at, order.state);
  return { state, steps: (Object.keys(TO) as Step[]).filter((s) => AT[s].includes(state)), unsent };
}

/** Those still to be done first, by their time; what ended lately is not shown on top of the work. */
export function openOrders(app: App): Order[] {
  return app.orders.filter((o) => OPEN.includes(orderAhead(o, app.queue).state) || orderAhead(o, app.queue).unsent.length > 0);
}

export function orderGroup(app: App): HTMLElement[] {
  const list = openOrders(app);
  if (!list.length) return [];
  const head = h('div', { class: 'gh' }, h('h2', {}, word('orders', app.lang), h('b', { class: 'num' }, list.length)), h('em', {}, word('byDue', app.lang)));
  return [head, ...list.map((o) => card(app, o))];
}

function card(app: App, o: Order): HTMLElement {
  const { lang } = app;
  const a = orderAhead(o, app.queue);
  const late = o.due_at !== null && Date.parse(o.due_at) < app.now() && OPEN.includes(a.state);
  const due = o.due_at ? h('span', { class: late ? 'due over num' : 'due dt num' }, `${word(late ? 'orderLate' : 'orderBy', lang)} ${dateTime(Date.parse(o.due_at), app.zone)}`) : null;
  const drill = o.incident.exercise ? h('span', { class: 'dr' }, word('exercise', lang)) : null;
  const where = [o.where.address, o.incident.title].filter(Boolean).join(' · ');
  const last = a.unsent.at(-1);
  return h(
    'article',
    { class: 'now', 'data-task': o.task_id, 'data-state': a.state },
    h('div', { class: 'op' }, h('h2', {}, icon('flag', 'k'), h('span', { class: 'ellip2' }, o.what), due), h('p', {}, where, ' ', drill), o.detail ? h('p', { class: 'txt' }, o.detail) : null, last ? h('p', { class: 'num' }, stateTag(app, last)) : null, last?.why && last.state === 'refused' ? h('p', { class: 'why', role: 'alert' }, pick(last.why, lang)) : null),
    a.steps.length ? h('div', { class: 'bt' }, ...a.steps.map((s) => button(s === 'unable' ? '' : 'p', word(`order.${s}`, lang), s === 'unable' ? '' : 'check', () => void answer(app, o, s), { 'data-step': s }))) : null,
    o.at ? h('a', { class: 'meet', href: `#/map/order:${o.task_id}` }, icon('map'), word('orderPlace', lang)) : null,
    o.incident.meeting ? h('a', { class: 'meet', href: o.incident.meeting, target: '_blank', rel: 'noopener' }, icon('phone'), word('meet', lang)) : null,
  );
}

/** Signing and starting need no words; doing may have words and pictures; who cannot says why. */
async function answer(app: App, o: Order, step: Step): Promise<void> {
  const said = step === 'done' || step === 'unable' ? await ask(app, o, step) : { text: '', photos: [] };
  if (!said) return;
  const given = said.text ? { [step === 'unable' ? 'reason' : 'text']: said.text } : {};
  await app.act({ kind: 'task', title: `${word(`order.${step}`, app.lang)} · ${o.what}`, photos: said.photos, task: { taskId: o.task_id, step, given } });
}

function ask(app: App, o: Order, step: Step): Promise<{ text: string; photos: Photo[] } | null> {
  const { lang } = app;
  return sheet<{ text: string; photos: Photo[] }>(word(`order.${step}`, lang), lang, (done) => {
    let photos: Photo[] = [];
    const need = step === 'unable';
    const text = h('textarea', { class: 'fi', rows: 4, maxlength: 4000, required: need, 'aria-label': word(need ? 'f.reason' : 'f.result', lang) });
    const count = h('em', { class: 'num' }, '');
    const shoot = button('', word('photo.after', lang), 'photo', () => void take('other', app.now, true).then((taken) => { photos = [...photos, ...taken]; count.textContent = photos.length ? word('photosN', lang, { n: photos.length }) : ''; }));
    const form = h(
      'form',
      { class: 'sf', onsubmit: (e: Event) => { e.preventDefault(); done({ text: text.value.trim(), photos }); } },
      h('p', { class: 'mut' }, o.what),
      h('label', { class: 'fl' }, h('span', {}, word(need ? 'f.reason' : 'f.result', lang)), text),
      h('div', { class: 'bt' }, shoot, count),
      h('button', { type: 'submit', class: 'big p' }, word(`order.${step}`, lang)),
    );
    return [form];
  });
}
