/** 登记走访: a household or a facility visited on the walk. A draft until it is sent; sent once. */
import { clockTime } from '../core/format';
import type { App } from './app';
import { newKey } from './db';
import { button, h, icon } from './dom';
import { header } from './parts';
import { Placer, type Placed } from './placer';
import { CRS, go } from './steps';
import type { Draft, VisitDraft } from './types';
import { word, type Word } from './words';

const EMPTY: VisitDraft = { kind: 'household', name: '', person: '', outcome: 'met' };
const NOWHERE = { title: '', category: '', urgency: 'routine', address: '', place: null, how: '' } as const;

export class VisitView {
  readonly nodes: HTMLElement[];
  private readonly head = h('div', { class: 'ct' });
  private readonly kind = h('div', { class: 'seg3', role: 'radiogroup' });
  private readonly outcome = h('div', { class: 'seg3', role: 'radiogroup' });
  private readonly said = h('em', { class: 'num' });
  private readonly fault = h('p', { class: 'why', role: 'alert', hidden: true });
  private readonly name: HTMLInputElement;
  private readonly person: HTMLInputElement;
  private readonly note: HTMLTextAreaElement;
  private readonly where: Placer;
  private draft: Draft;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly app: App,
    private readonly key: string,
  ) {
    const { lang } = app;
    this.draft = app.draft(`visit:${key}`);
    const v = this.visit;
    const typed = (): void => { clearTimeout(this.timer); this.timer = setTimeout(() => void this.save({}), 300); };
    this.name = h('input', { class: 'fi', maxlength: 200, value: v.name, placeholder: word('visit.nameHint', lang), oninput: typed });
    this.person = h('input', { class: 'fi', maxlength: 60, value: v.person, autocomplete: 'off', oninput: typed });
    this.note = h('textarea', { class: 'fi tx', rows: 3, maxlength: 1000, value: this.draft.text, placeholder: word('visit.noteHint', lang), oninput: typed });
    this.where = new Placer(app, () => this.draft.report ?? NOWHERE, (p) => this.place(p));
    this.kind.setAttribute('aria-label', word('visit.kind', lang));
    this.outcome.setAttribute('aria-label', word('visit.outcome', lang));
    const label = (name: Word, el: Node): HTMLElement => h('label', { class: 'fl' }, h('span', {}, word(name, lang)), el);
    const block = (name: Word, el: Node): HTMLElement => h('div', { class: 'fl' }, h('span', {}, word(name, lang)), el);
    const form = h('form', { class: 'rf', onsubmit: (e: Event) => e.preventDefault() }, block('visit.kind', this.kind), label('visit.name', this.name), label('visit.person', this.person), block('visit.outcome', this.outcome), h('div', { class: 'fl' }, h('div', { class: 'lb' }, h('span', {}, word('visit.note', lang)), this.said), this.note), block('place', this.where.node), this.fault);
    this.nodes = [this.head, h('section', { class: 'bd', 'data-scroll': 'visit' }, form), h('div', { class: 'fb' }, button('p', word('visit.save', lang), 'check', () => void this.send(), { 'data-main': 'visit' }))];
    this.update();
    if (!this.draft.report?.place) void this.here();
  }

  private get visit(): VisitDraft {
    return this.draft.visit ?? EMPTY;
  }

  private async here(): Promise<void> {
    const { fix } = this.app.walks;
    if (fix && this.app.now() - fix.at < 60_000 && fix.accuracy_m <= 50) await this.where.take({ place: { lon: fix.lon, lat: fix.lat, accuracy_m: fix.accuracy_m }, how: 'gps', at: fix.at });
    else await this.where.gps();
  }

  update(): void {
    const { lang } = this.app;
    this.head.replaceChildren(header(this.app, word('walk.addVisit', lang), { back: '#/walk' }));
    const seg = <K extends 'kind' | 'outcome'>(box: HTMLElement, name: K, values: VisitDraft[K][]): void =>
      box.replaceChildren(...values.map((v) => h('button', { type: 'button', role: 'radio', 'aria-checked': String(v === this.visit[name]), class: v === this.visit[name] ? 'on' : '', onclick: () => void this.save({ [name]: v }) }, v === 'household' ? icon('home') : null, word(`visit.${v}` as Word, lang))));
    seg(this.kind, 'kind', ['household', 'facility']);
    seg(this.outcome, 'outcome', ['met', 'absent', 'follow']);
    this.where.draw();
    this.said.textContent = this.draft.savedAt && this.filled() ? word('draftSaved', lang, { at: clockTime(Date.parse(this.draft.savedAt), this.app.zone) }) : '';
  }

  private filled(): boolean {
    return Boolean(this.name.value || this.person.value || this.note.value);
  }

  private place(p: Placed): Promise<void> {
    return this.keep({ report: { ...NOWHERE, ...p } });
  }

  private save(change: Partial<VisitDraft>): Promise<void> {
    return this.keep({ visit: { ...this.visit, name: this.name.value, person: this.person.value, ...change } });
  }

  private async keep(change: Partial<Draft>): Promise<void> {
    this.draft = { ...this.draft, text: this.note.value, ...change };
    const { savedAt } = await this.app.saveDraft(this.draft);
    this.draft = { ...this.draft, savedAt };
    this.update();
  }

  private async send(): Promise<void> {
    const { app } = this;
    const name = this.name.value.trim();
    this.fault.hidden = Boolean(name);
    this.fault.textContent = name ? '' : word('missing', app.lang, { what: word('visit.name', app.lang) });
    if (!name) return this.name.focus();
    clearTimeout(this.timer);
    this.timer = undefined;
    const place = this.draft.report?.place;
    const id = newKey();
    const at = new Date(app.now()).toISOString();
    const body = { kind: this.visit.kind, name, person: this.person.value.trim(), outcome: this.visit.outcome, note: this.note.value.trim(), visited_at: at, ...(place ? { lon: place.lon, lat: place.lat, crs: CRS } : {}) };
    await app.walks.part(this.key, 'visit', body, `${name} · ${word(`visit.${this.visit.outcome}` as Word, app.lang)}`, { id, at });
    await app.dropDraft(`visit:${this.key}`);
    go('#/walk');
  }

  leave(): void {
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    if (this.filled()) void this.app.saveDraft({ ...this.draft, text: this.note.value, visit: { ...this.visit, name: this.name.value, person: this.person.value } });
  }
}
