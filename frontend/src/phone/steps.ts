/** Taking a step: what it needs is asked for, then it is done on this phone and sent when it can be. */
import { pick } from '../core/types';
import type { Lang } from '../core/types';
import { photosOf } from './ahead';
import type { App } from './app';
import { button, h, sheet } from './dom';
import { placeOr } from './placer';
import type { MyCase, Photo, StepSpec } from './types';
import { word, type Word } from './words';

export const CRS = 'EPSG:4326';

export function go(hash: string): void {
  location.hash = hash;
}

/** Fields asked for in a sheet; text and pictures of the case's own page come as `text` and `photos`. */
export async function perform(app: App, c: MyCase, step: StepSpec, own: { text: string; photos: Photo[] } = { text: '', photos: [] }): Promise<boolean> {
  const given: Record<string, unknown> = {};
  if (step.key === 'arrive') {
    const place = await arrival(app, c);
    if (!place) return false;
    given['place'] = place;
  }
  const needs = step.needs.filter((n) => !['place', 'photo_before', 'photo_after'].includes(n) && !(n === 'result' && own.text));
  if (step.needs.includes('result') && own.text) given['result'] = own.text;
  if (needs.length) {
    const asked = await askFields(app.lang, pick(step.title, app.lang), c.record.title, needs, own.text);
    if (!asked) return false;
    Object.assign(given, asked);
  }
  const title = `${pick(step.title, app.lang)} · ${c.record.title}`;
  await app.act({ kind: 'step', title, photos: photosOf(step, own.photos), step: { caseId: c.case_id, version: c.version, key: step.key, to: step.to, given } });
  return true;
}

/** The phone's own place; what the officer chooses where it has none, or none worth the name. */
async function arrival(app: App, c: MyCase): Promise<Record<string, unknown> | null> {
  const start = c.record.lon != null && c.record.lat != null ? { lon: c.record.lon, lat: c.record.lat } : null;
  const found = await placeOr(app, word('arrivePick', app.lang), start);
  return found ? { lon: found.place.lon, lat: found.place.lat, crs: CRS, ...(found.place.accuracy_m !== undefined ? { accuracy_m: found.place.accuracy_m } : {}) } : null;
}

const LONG = new Set(['reason', 'text', 'result']);
const UNITS = ['work_hours', 'work_days', 'emergency_hours'] as const;

function control(name: string, lang: Lang, value: string): HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement {
  if (LONG.has(name)) return h('textarea', { name, required: true, rows: 4, maxlength: 4000, class: 'fi', value });
  if (name === 'unit') return h('select', { name, required: true, class: 'fi' }, ...UNITS.map((u) => h('option', { value: u }, word(`unit.${u}` as Word, lang))));
  if (name === 'amount') return h('input', { name, type: 'number', inputmode: 'numeric', min: 1, max: 1000, required: true, class: 'fi' });
  return h('input', { name, type: name === 'review_on' ? 'date' : 'text', required: true, class: 'fi' });
}

function askFields(lang: Lang, title: string, about: string, needs: string[], text: string): Promise<Record<string, unknown> | null> {
  return sheet<Record<string, unknown>>(title, lang, (done) => {
    const fields = needs.map((n, i) => [n, control(n, lang, i === 0 && LONG.has(n) ? text : '')] as const);
    const form = h(
      'form',
      {
        class: 'sf',
        onsubmit: (e: Event) => {
          e.preventDefault();
          const value = (n: string, el: { value: string }): unknown => (n === 'amount' ? Number(el.value) : el.value.trim());
          done(Object.fromEntries(fields.map(([n, el]) => [n, value(n, el)])));
        },
      },
      h('p', { class: 'mut' }, about),
      ...fields.map(([n, el]) => h('label', { class: 'fl' }, h('span', {}, word(`f.${n}` as Word, lang)), el)),
      h('button', { type: 'submit', class: 'big p' }, title),
    );
    return [form];
  });
}

/** Everything else that may be done with the case. */
export async function chooseStep(app: App, steps: readonly StepSpec[]): Promise<StepSpec | null> {
  return sheet<StepSpec>(word('more', app.lang), app.lang, (done) => [h('div', { class: 'menu' }, ...steps.map((s) => button('mi', pick(s.title, app.lang), '', () => done(s))))]);
}
