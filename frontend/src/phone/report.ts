/** 上报: something new, with category, place, pictures and urgency; or a finding of the patrol that is open. A draft until
 *  it is sent; sent once. */
import { clockTime } from '../core/format';
import { pick } from '../core/types';
import type { Urgency } from '../core/types';
import type { App } from './app';
import { button, h, icon, sheet, urgency } from './dom';
import { newKey } from './db';
import { addPicture, header, picture } from './parts';
import { take } from './photo';
import { Placer, placedBy, type Placed } from './placer';
import { CRS, go } from './steps';
import type { Category, Draft, ReportDraft } from './types';
import { word, type Word } from './words';

const EMPTY: ReportDraft = { title: '', category: '', urgency: 'routine', address: '', place: null, how: '' };

export class ReportView {
  readonly nodes: HTMLElement[];
  private readonly head = h('div', { class: 'ct' });
  private readonly kind = h('div');
  private readonly where: Placer;
  private readonly photos = h('div', { class: 'pg' });
  private readonly levels = h('div', { class: 'seg3', role: 'radiogroup' });
  private readonly said = h('em', { class: 'num' });
  private readonly fault = h('p', { class: 'why', role: 'alert', hidden: true });
  private readonly title: HTMLInputElement;
  private readonly text: HTMLTextAreaElement;
  private readonly address: HTMLInputElement;
  private draft: Draft;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `finding`: key of the patrol it was made on; kept apart from a report that was begun. */
  constructor(
    private readonly app: App,
    private readonly finding = '',
  ) {
    const { lang } = app;
    this.draft = app.draft(this.name);
    this.where = new Placer(app, () => this.report, (p) => this.save({ ...p, at: p.at }), () => this.search());
    const r = this.report;
    const typed = (): void => this.typed();
    this.title = h('input', { class: 'fi', maxlength: 200, value: r.title, placeholder: word('titleHint', lang), oninput: typed });
    this.text = h('textarea', { class: 'fi tx', rows: 4, maxlength: 4000, value: this.draft.text, placeholder: word('textHint', lang), oninput: typed });
    this.address = h('input', { class: 'fi', maxlength: 500, value: r.address, placeholder: word('addressHint', lang), oninput: typed });
    this.levels.setAttribute('aria-label', word('urgency', lang));
    const field = (name: Word, ...el: Node[]): HTMLElement => h('label', { class: 'fl' }, h('span', {}, word(name, lang)), ...el);
    const block = (name: Word, ...el: Node[]): HTMLElement => h('div', { class: 'fl' }, h('span', {}, word(name, lang)), ...el);
    const body = h('section', { class: 'bd', 'data-scroll': 'report' }, h('form', { class: 'rf', onsubmit: (e: Event) => e.preventDefault() }, field('title', this.title), block('category', this.kind), block('urgency', this.levels), block('place', this.where.node), field('address', this.address), block('photos', this.photos), h('div', { class: 'fl' }, h('div', { class: 'lb' }, h('span', {}, word('text', lang)), this.said), this.text), this.fault));
    this.nodes = [this.head, body, h('div', { class: 'fb' }, button('', word('clear', lang), '', () => void this.clear()), button('p', word('sendReport', lang), 'check', () => void this.send(), { 'data-main': 'report' }))];
    this.update();
    // on a walk the place is where one stands
    if (finding && !this.report.place) void this.here();
  }

  private get name(): string {
    return this.finding ? `finding:${this.finding}` : 'report';
  }

  private async here(): Promise<void> {
    const { fix } = this.app.walks;
    const fresh = fix && this.app.now() - fix.at < 60_000 && fix.accuracy_m <= 50;
    if (fresh) await this.where.take({ place: { lon: fix.lon, lat: fix.lat, accuracy_m: fix.accuracy_m }, how: 'gps', at: fix.at });
    else await this.where.gps();
  }

  private get report(): ReportDraft {
    return this.draft.report ?? EMPTY;
  }

  update(): void {
    const { lang } = this.app;
    this.head.replaceChildren(header(this.app, word(this.finding ? 'walk.finding' : 'newReport', lang), { back: this.finding ? '#/walk' : '#/' }));
    const chosen = this.app.categories.find((c) => `${c.scheme}/${c.code}` === this.report.category);
    this.kind.replaceChildren(h('button', { type: 'button', class: 'fi pk', onclick: () => void this.chooseKind() }, h('span', { class: chosen ? '' : 'mut' }, chosen ? pick(chosen.title, lang) : word('choose', lang)), icon('chev')));
    this.levels.replaceChildren(...(['routine', 'urgent', 'critical'] as Urgency[]).map((u) => h('button', { type: 'button', role: 'radio', 'aria-checked': String(u === this.report.urgency), class: u === this.report.urgency ? 'on' : '', onclick: () => void this.save({ urgency: u }) }, urgency(u, lang), u === 'critical' ? null : word(u, lang))));
    this.where.draw();
    this.photos.replaceChildren(...this.draft.photos.map((p) => picture(this.app, p, word('slot.other', lang), () => void this.keep({ photos: this.draft.photos.filter((q) => q !== p) }))), addPicture(word('photo.shoot', lang), 'photo', () => void this.shoot(true)), addPicture(word('photo.album', lang), 'plus', () => void this.shoot(false)));
    this.said.textContent = this.draft.savedAt && this.filled() ? word('draftSaved', lang, { at: clockTime(Date.parse(this.draft.savedAt), this.app.zone) }) : '';
  }

  private async search(): Promise<void> {
    const found = await searchPlace(this.app);
    if (!found) return;
    if (!this.address.value.trim()) this.address.value = found.title;
    await this.save({ place: { lon: found.lon, lat: found.lat }, how: 'search', at: undefined, address: this.address.value });
  }

  private async chooseKind(): Promise<void> {
    const found = await chooseCategory(this.app);
    if (found) await this.save({ category: `${found.scheme}/${found.code}`, ...(this.title.value.trim() ? {} : { title: pick(found.title, this.app.lang) }) });
    if (found && !this.title.value.trim()) this.title.value = pick(found.title, this.app.lang);
  }

  private async shoot(camera: boolean): Promise<void> {
    const taken = await take('other', this.app.now, camera);
    if (taken.length) await this.keep({ photos: [...this.draft.photos, ...taken] });
  }

  private typed(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.save({}), 300);
  }

  private save(change: Partial<ReportDraft>): Promise<void> {
    return this.keep({ report: { ...this.report, title: this.title.value, address: this.address.value, ...change } });
  }

  private async keep(change: Partial<Draft>): Promise<void> {
    this.draft = { ...this.draft, text: this.text.value, ...change };
    // what is written meanwhile stays: only the time of keeping is taken over
    const { savedAt } = await this.app.saveDraft(this.draft);
    this.draft = { ...this.draft, savedAt };
    this.update();
  }

  private filled(): boolean {
    return Boolean(this.title.value || this.text.value || this.draft.photos.length || this.report.place || this.report.category);
  }

  private tell(text: string): void {
    this.fault.textContent = text;
    this.fault.hidden = !text;
    if (text) this.fault.scrollIntoView({ block: 'center' });
  }

  private async send(): Promise<void> {
    const { lang } = this.app;
    const r = { ...this.report, title: this.title.value.trim(), address: this.address.value.trim() };
    const missing = [r.title ? '' : word('title', lang), r.place ? '' : word('place', lang)].filter(Boolean);
    if (missing.length) return this.tell(word('missing', lang, { what: missing.join(lang === 'zh' ? '、' : ', ') }));
    clearTimeout(this.timer);
    const id = newKey();
    const at = new Date(this.app.now()).toISOString();
    const [scheme, code] = r.category.split('/');
    const event = {
      source: 'officer',
      // a number people can say; with the day it is nobody else's
      source_id: `WG${at.slice(0, 10).replaceAll('-', '')}-${id.slice(0, 10).toUpperCase()}`,
      title: r.title,
      description: this.text.value.trim(),
      urgency: r.urgency,
      ...(scheme && code ? { category: { scheme, code } } : {}),
      address: r.address,
      lon: r.place?.lon,
      lat: r.place?.lat,
      crs: CRS,
      occurred_at: at,
      attributes: { reported_by: this.app.mine?.who.name ?? '', ...placedBy(r as Placed, Date.now()) },
    };
    if (this.finding) await this.found(id, at, event);
    else await this.app.act({ id, at, kind: 'event', title: r.title, photos: this.draft.photos, event });
    await this.reset();
    go(this.finding ? '#/walk' : '#/');
  }

  /** The same words, as the patrol's own address takes them. */
  private found(id: string, at: string, event: Record<string, unknown>): Promise<void> {
    const theirs = ['source', 'source_id', 'attributes'];
    const body = Object.fromEntries(Object.entries(event).filter(([name]) => !theirs.includes(name)));
    return this.app.walks.part(this.finding, 'finding', body, String(event['title']), { id, at, photos: this.draft.photos });
  }

  private async clear(): Promise<void> {
    if (!this.filled() || confirm(word('clearSure', this.app.lang))) await this.reset();
  }

  private async reset(): Promise<void> {
    this.title.value = this.text.value = this.address.value = '';
    this.draft = { ...this.draft, text: '', photos: [], report: EMPTY };
    this.tell('');
    await this.app.dropDraft(this.name);
    this.update();
  }

  leave(): void {
    if (this.timer === undefined || (this.text.value === this.draft.text && this.title.value === this.report.title)) return;
    clearTimeout(this.timer);
    if (this.filled()) void this.app.saveDraft({ ...this.draft, text: this.text.value, report: { ...this.report, title: this.title.value, address: this.address.value } });
  }
}

function chooseCategory(app: App): Promise<Category | null> {
  const { lang } = app;
  return sheet<Category>(word('category', lang), lang, (done) => {
    const list = h('div', { class: 'menu' });
    const draw = (q: string): void => {
      const found = app.categories.filter((c) => !c.major && (!q || `${c.title.zh} ${c.title.en} ${c.code}`.toLowerCase().includes(q)));
      const top = (c: Category): string => pick(app.categories.find((p) => p.scheme === c.scheme && p.code === c.parent)?.title, lang);
      list.replaceChildren(...(found.length ? found.map((c) => h('button', { type: 'button', class: 'mi', onclick: () => done(c) }, h('span', {}, pick(c.title, lang)), h('small', { class: 'mut' }, top(c)))) : [h('p', { class: 'none' }, word(app.categories.length ? 'nothingFound' : 'nothingKept', lang))]));
    };
    const find = h('input', { type: 'search', class: 'fi', placeholder: word('search', lang), 'aria-label': word('search', lang) });
    const redraw = (): void => draw(find.value.trim().toLowerCase());
    find.addEventListener('input', redraw);
    draw('');
    // opened before they have come: the list fills by itself
    if (!app.categories.length) void app.fetchCategories().then(redraw);
    return [find, list];
  });
}

interface Found {
  title: string;
  lon: number;
  lat: number;
}

interface Hit {
  title: string | { zh: string; en: string };
  sub?: string | { zh: string; en: string };
  lon: number | null;
  lat: number | null;
}

/** Names of places and points, by the server's search; it needs a network and says so. */
function searchPlace(app: App): Promise<Found | null> {
  const { lang } = app;
  return sheet<Found>(word('byAddress', lang), lang, (done) => {
    const list = h('div', { class: 'menu' }, h('p', { class: 'none' }, word('searchHint', lang)));
    let turn = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (q: string): Promise<void> => {
      const mine = ++turn;
      const answer = await fetch(`/api/v1/search?q=${encodeURIComponent(q)}&limit=12&lang=${lang}`, { credentials: 'same-origin' }).catch(() => null);
      const body = answer?.ok ? ((await answer.json()) as { groups: { items: Hit[] }[] }) : null;
      if (mine !== turn) return;
      const hits = (body?.groups ?? []).flatMap((g) => g.items).filter((i) => i.lon !== null && i.lat !== null);
      list.replaceChildren(...(hits.length ? hits.map((i) => h('button', { type: 'button', class: 'mi', onclick: () => done({ title: pick(i.title, lang), lon: i.lon ?? 0, lat: i.lat ?? 0 }) }, h('span', {}, pick(i.title, lang)), h('small', { class: 'mut ellip' }, pick(i.sub, lang)))) : [h('p', { class: 'none' }, word(body ? 'nothingFound' : 'needsNet', lang))]));
    };
    const input = h('input', { type: 'search', class: 'fi', placeholder: word('addressHint', lang), 'aria-label': word('byAddress', lang), oninput: () => { clearTimeout(timer); const q = input.value.trim(); if (q) timer = setTimeout(() => void ask(q), 250); } });
    return [input, list];
  });
}
