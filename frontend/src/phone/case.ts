/** One case: where it stands, what has been done, pictures, the text, and what to do next. */
import { clockTime, dateTime } from '../core/format';
import { pick } from '../core/types';
import { ahead, type Ahead } from './ahead';
import type { App } from './app';
import { button, h, icon, urgency } from './dom';
import { addPicture, dueMark, entryRow, header, picture, stages, stateTag } from './parts';
import { take } from './photo';
import { chooseStep, go, perform } from './steps';
import type { Draft, MyCase, Slot, StepSpec } from './types';
import { word, type Word } from './words';
import { away, stageIndex } from './work';

const SAVE_MS = 300;

/** Made once when the case is opened, so that nothing that is being written is drawn anew. */
export class CaseView {
  readonly nodes: HTMLElement[];
  private readonly head = h('div', { class: 'ct' });
  private readonly facts = h('div');
  private readonly photos = h('div', { class: 'cs' });
  private readonly said = h('em', { class: 'num' });
  private readonly foot = h('div', { class: 'fb' });
  private readonly text: HTMLTextAreaElement;
  private readonly own: HTMLElement;
  private draft: Draft;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly app: App,
    private readonly id: number,
  ) {
    this.draft = app.draft(`case:${id}`);
    const { lang } = app;
    this.text = h('textarea', { class: 'fi tx', rows: 4, maxlength: 4000, value: this.draft.text, 'aria-label': word('result', lang), placeholder: word('resultHint', lang), oninput: () => this.typed() });
    this.own = h('div', { class: 'cs' }, h('div', { class: 'lb' }, h('label', {}, word('result', lang)), this.said), this.text);
    this.nodes = [this.head, h('section', { class: 'bd', 'data-scroll': `case${id}` }, this.facts, this.photos, this.own), this.foot];
    this.update();
  }

  private get item(): MyCase | undefined {
    return this.app.mine?.cases.find((c) => c.case_id === this.id);
  }

  update(): void {
    const c = this.item;
    const { lang } = this.app;
    this.head.replaceChildren(header(this.app, word('case', lang), { back: '#/', sub: c?.record.number ?? '' }));
    const unsent = this.app.queue.filter((e) => e.step?.caseId === this.id && e.state !== 'sent');
    this.photos.hidden = this.own.hidden = this.foot.hidden = !c;
    if (!c) {
      this.facts.replaceChildren(h('p', { class: 'none2' }, h('b', {}, word(this.app.mine ? 'notMine' : 'nothingKept', lang)), h('a', { class: 'link', href: '#/' }, word('back', lang))), ...unsent.map((e) => entryRow(this.app, e)));
      if (this.draft.text) this.own.hidden = false;
      return;
    }
    const a = ahead(c, this.app.queue);
    this.facts.replaceChildren(this.about(c, a), this.track(c, a), ...unsent.filter((e) => e.state === 'refused').map((e) => entryRow(this.app, e)));
    this.drawPhotos();
    const works = a.steps.some((s) => s.needs.includes('result'));
    this.photos.hidden = this.own.hidden = !works && !this.draft.text && !this.draft.photos.length;
    this.foot.replaceChildren(...this.buttons(c, a));
    this.foot.hidden = !this.foot.childElementCount;
    this.said.textContent = this.draft.savedAt && (this.draft.text || this.draft.photos.length) ? word('draftSaved', lang, { at: clockTime(Date.parse(this.draft.savedAt), this.app.zone) }) : '';
  }

  private about(c: MyCase, a: Ahead): HTMLElement {
    const { lang } = this.app;
    const place = [c.record.place || c.address, away(this.app, c)].filter(Boolean).join(' · ');
    const link = c.record.lon != null ? h('a', { class: 'ib', href: `#/map/${c.case_id}`, 'aria-label': word('route', lang) }, icon('map')) : null;
    const held = c.hold ? h('p', { class: 'why' }, word(`hold.${c.hold}` as Word, lang)) : null;
    const asked = c.asked ? h('p', { class: 'why' }, word(`asked.${c.asked}` as Word, lang)) : null;
    const description = c.description && c.description !== c.record.title ? h('p', { class: 'txt' }, c.description) : null;
    return h('div', { class: 'cs' }, h('h2', {}, urgency(c.record.urgency, lang), h('span', {}, c.record.title), dueMark(this.app, c.record)), h('div', { class: 'pl' }, h('p', {}, place), link), description, stages(c.record, stageIndex(c, a.stage), this.app), held, asked);
  }

  /** What was done, by whom and when; then what is to be done now. What this phone has not sent has a dashed tag. */
  private track(c: MyCase, a: Ahead): HTMLElement {
    const { app } = this;
    const past = c.progress.slice(-8).map((p) => {
      const at = Date.parse(p.done_at ?? p.at);
      const far = p.distance_m != null ? `，${word('fromPlace', app.lang, { m: p.distance_m })}` : '';
      const text = p.text ? h('small', {}, p.text) : null;
      return h('li', { class: 'd' }, icon('check'), h('span', {}, `${pick(p.title, app.lang)}${far}`, text), h('em', { class: 'num' }, `${p.by ? `${p.by} ` : ''}${dateTime(at, app.zone)}`));
    });
    const here = a.unsent.filter((e) => e.state !== 'refused').map((e) => h('li', { class: 'd', 'data-entry': e.id }, icon('check'), h('span', {}, e.title.split(' · ')[0]), h('span', {}, h('span', { class: 'num mut' }, `${clockTime(Date.parse(e.at), app.zone, false)} `), stateTag(app, e))));
    const next = a.main ? [h('li', { class: 'c' }, h('i', { class: 'bx' }), h('span', {}, pick(a.main.title, app.lang)), h('em', {}, word('nextStep', app.lang)))] : [];
    if (!past.length && !here.length && !next.length) return h('div');
    return h('div', { class: 'cs tk' }, h('ul', {}, ...past, ...here, ...next));
  }

  private drawPhotos(): void {
    const { lang } = this.app;
    const add = (slot: Slot, glyph: string): HTMLElement => addPicture(word(`photo.${slot}` as Word, lang), glyph, () => void this.shoot(slot));
    const have = (slot: Slot): boolean => this.draft.photos.some((p) => p.slot === slot);
    this.photos.replaceChildren(
      h('div', { class: 'lb' }, h('span', {}, word('photos', lang)), h('em', {}, word('photoRule', lang))),
      h(
        'div',
        { class: 'pg' },
        ...this.draft.photos.map((p) => picture(this.app, p, word(`slot.${p.slot}` as Word, lang), () => void this.save({ photos: this.draft.photos.filter((q) => q !== p) }))),
        have('before') ? null : add('before', 'photo'),
        have('after') ? null : add('after', 'photo'),
        add('other', 'plus'),
      ),
    );
  }

  private async shoot(slot: Slot): Promise<void> {
    const taken = await take(slot, this.app.now, slot !== 'other');
    if (taken.length) await this.save({ photos: [...this.draft.photos, ...taken] });
  }

  private typed(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.save({}), SAVE_MS);
  }

  private async save(change: Partial<Draft>): Promise<void> {
    this.draft = { ...this.draft, text: this.text.value, ...change };
    // what is written meanwhile stays: only the time of keeping is taken over
    const { savedAt } = await this.app.saveDraft(this.draft);
    this.draft = { ...this.draft, savedAt };
    this.update();
  }

  private buttons(c: MyCase, a: Ahead): Node[] {
    const { lang } = this.app;
    // three at most: their words must not be cut
    const back = a.rest.filter((s) => s.key === 'return');
    const rest = a.rest.filter((s) => !back.includes(s));
    const small = back.map((s) => button('', pick(s.title, lang), '', () => void this.take(c, s)));
    if (rest.length) small.push(button('', word('more', lang), '', () => void chooseStep(this.app, rest).then((s) => s && this.take(c, s))));
    const offline = this.app.net === 'offline' ? word('keptHere', lang) : '';
    const main = a.main;
    if (main) small.push(button('p', `${pick(main.title, lang)}${offline}`, 'check', () => void this.take(c, main), { 'data-main': main.key }));
    return small;
  }

  private async take(c: MyCase, step: StepSpec): Promise<void> {
    clearTimeout(this.timer);
    const own = { text: this.text.value.trim(), photos: this.draft.photos };
    const missing = step.key === 'self_handle' && (['before', 'after'] as const).some((s) => !own.photos.some((p) => p.slot === s));
    const told = step.needs.includes('result');
    if (missing || (told && !own.text)) {
      this.said.textContent = word(missing ? 'needBoth' : 'needResult', this.app.lang);
      this.said.classList.add('bad');
      this.text.scrollIntoView({ block: 'center' });
      if (!own.text) this.text.focus();
      return;
    }
    this.said.classList.remove('bad');
    if (!(await perform(this.app, c, step, told ? own : { text: step.needs.includes('text') ? own.text : '', photos: own.photos }))) return;
    if (!told) return this.update();
    this.text.value = '';
    this.draft = { ...this.draft, text: '', photos: [] };
    await this.app.dropDraft(`case:${this.id}`);
    go('#/');
  }

  /** The page is left: what was written a moment ago is kept first. */
  leave(): void {
    if (this.timer === undefined || this.text.value === this.draft.text) return;
    clearTimeout(this.timer);
    void this.app.saveDraft({ ...this.draft, text: this.text.value });
  }
}
