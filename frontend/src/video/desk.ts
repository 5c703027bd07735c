/** /desk/video: cameras to choose from, 1, 4, 9 or 16 panes, saved groups and their patrol. */
import { throttle } from '../core/emit';
import type { PageContext } from '../core/page';
import { call, Refused, type Camera, type Group } from './api';
import { ask, h } from './dom';
import { Pane } from './pane';
import { say } from './words';

export const LAYOUTS = [1, 4, 9, 16] as const;
export type Layout = (typeof LAYOUTS)[number];
const LIST_MAX = 100;
const KEPT = 'ioc.video';
const REFRESH_MS = 30_000;
const NEAREST = 17;

/** What is asked of the page's map. */
interface Ground {
  getCanvas(): HTMLCanvasElement;
  getZoom(): number;
  unproject(at: [number, number]): unknown;
  easeTo(to: { center: unknown; zoom: number }): void;
}

export class VideoDesk {
  readonly panes: Pane[] = [];
  layout: Layout = 4;
  private readonly list = h('ol', { class: 'vl scroll', role: 'listbox', tabindex: '0', 'data-scrolls': '1' });
  private readonly side = h('p', { class: 'mut vnote', role: 'status' });
  private readonly grid = h('div', { class: 'vgrid', role: 'group' });
  private readonly tools = h('div', { class: 'vtools', role: 'toolbar' });
  private readonly groupsEl = h('div', { class: 'vgroups' });
  private readonly said = h('p', { class: 'vsaid', role: 'status', hidden: true });
  private readonly search: HTMLInputElement;
  private cameras: Camera[] = [];
  private groups: Group[] = [];
  private full: Pane | null = null;
  private active = 0;
  private patrol: { group: Group; at: number; timer: ReturnType<typeof setTimeout> } | null = null;
  private asked = 0;
  private readonly off: (() => void)[] = [];
  private readonly refresh: ReturnType<typeof setInterval>;

  constructor(
    private readonly el: HTMLElement,
    readonly page: PageContext,
  ) {
    const { lang } = page;
    this.search = h('input', { type: 'search', placeholder: say('search', lang), 'aria-label': say('search', lang), class: 'vsearch', autocomplete: 'off' });
    const ask_ = throttle(() => void this.load(), 300);
    this.search.addEventListener('input', ask_);
    this.list.setAttribute('aria-label', say('cameras', lang));
    el.querySelector('.vpick')?.prepend(this.search, this.side, this.list);
    el.querySelector('.vset')?.append(this.groupsEl);
    el.querySelector('.vmain')?.append(this.tools, this.grid, this.said, h('p', { class: 'mut vkeys' }, say('keys', lang)));
    this.off.push(page.url.state.on((s) => this.moved(s.region, s.sel)));
    this.region = page.url.value.region;
    el.querySelector('.vmap')?.addEventListener('pointerdown', (event) => (this.pressed = { x: (event as PointerEvent).clientX, y: (event as PointerEvent).clientY }), true);
    const key = (event: KeyboardEvent): void => this.key(event);
    document.addEventListener('keydown', key, true);
    this.off.push(() => document.removeEventListener('keydown', key, true));
    this.refresh = setInterval(() => document.visibilityState === 'visible' && void this.load(), REFRESH_MS);
    this.restore();
    this.drawTools();
    void this.load();
    void this.loadGroups();
    // a mark that was pressed while the players were on their way
    this.moved(this.region, page.url.value.sel);
  }

  private region = '';
  private pressed: { x: number; y: number } | null = null;

  close(): void {
    clearInterval(this.refresh);
    this.stopPatrol();
    for (const off of this.off) off();
    for (const pane of this.panes) pane.close();
    this.panes.length = 0;
  }

  // ------------------------------------------------------------ panes

  setLayout(n: Layout): void {
    this.layout = n;
    while (this.panes.length > n) this.panes.pop()?.close();
    while (this.panes.length < n) this.panes.push(new Pane(this, this.panes.length));
    this.grid.dataset['panes'] = String(n);
    this.grid.replaceChildren(...this.panes.map((p) => p.el));
    if (this.full && !this.panes.includes(this.full)) this.zoom(null);
    this.focus(Math.min(this.active, n - 1), false);
    this.drawTools();
    this.keep();
  }

  /** Into the pane that is chosen, the next free one, or the chosen one anyway. */
  openCamera(id: number): void {
    const same = this.panes.find((p) => p.deviceId === id);
    if (same) return this.focus(same.index);
    const free = this.panes.find((p) => !p.deviceId);
    const pane = this.panes[this.active]?.deviceId && free ? free : (this.panes[this.active] ?? free);
    if (!pane) return;
    pane.show(id);
    this.focus(pane.index, false);
    this.keep();
  }

  showAll(ids: readonly number[]): void {
    this.panes.forEach((pane, i) => pane.show(ids[i] ?? 0));
    this.keep();
  }

  zoom(pane: Pane | null): void {
    this.full = pane;
    this.grid.classList.toggle('full', pane !== null);
    for (const p of this.panes) p.el.classList.toggle('big', p === pane);
  }

  get zoomed(): Pane | null {
    return this.full;
  }

  focus(index: number, take = true): void {
    this.active = index;
    this.panes.forEach((p, i) => {
      p.el.classList.toggle('on', i === index);
      p.el.tabIndex = i === index ? 0 : -1;
    });
    if (take) this.panes[index]?.el.focus();
    this.marked();
  }

  tell(text: string): void {
    this.said.hidden = !text;
    this.said.textContent = text;
  }

  keep(): void {
    if (this.patrol) return;
    try {
      sessionStorage.setItem(KEPT, JSON.stringify({ layout: this.layout, ids: this.panes.map((p) => p.deviceId) }));
    } catch (error) {
      console.warn(error); // a browser that keeps nothing still shows pictures
    }
    this.marked();
  }

  private restore(): void {
    const asked = new URLSearchParams(location.search);
    let kept: { layout?: number; ids?: number[] } = {};
    try {
      kept = JSON.parse(sessionStorage.getItem(KEPT) ?? '{}') as typeof kept;
    } catch (error) {
      console.warn(error);
    }
    const ids = (asked.get('cams') ?? '').split(',').map(Number).filter((n) => Number.isSafeInteger(n) && n > 0);
    const wanted = ids.length ? LAYOUTS.find((n) => n >= ids.length) : kept.layout;
    const panes = Number(asked.get('panes') ?? wanted ?? 4);
    this.setLayout(LAYOUTS.find((n) => n === panes) ?? 4);
    this.showAll(ids.length ? ids : (kept.ids ?? []));
  }

  // ------------------------------------------------------------ choosing

  private moved(region: string, sel: string): void {
    if (region !== this.region) {
      this.region = region;
      void this.load();
    }
    const id = /^device:(\d+)$/.exec(sel)?.[1];
    if (id) void this.fromMap(Number(id));
    else if (sel.startsWith('cell:')) this.nearer();
  }

  /** A count of several was pressed: the map goes nearer, until single cameras can be told apart. */
  private nearer(): void {
    const map = (window.iocMaps?.['map'] as { map?: Ground } | undefined)?.map;
    if (!map || !this.pressed) return;
    const box = map.getCanvas().getBoundingClientRect();
    map.easeTo({ center: map.unproject([this.pressed.x - box.left, this.pressed.y - box.top]), zoom: Math.min(NEAREST, map.getZoom() + 2) });
    this.pressed = null;
    this.page.url.replace({ sel: '' });
  }

  /** A mark on the map: cameras open, other things do not. */
  private async fromMap(id: number): Promise<void> {
    const found = await call<{ cameras: Camera[] }>('GET', `cameras?ids=${id}`).catch(() => null);
    if (!found?.cameras[0]) return;
    this.openCamera(id);
    // pressed again after its pane was given to another, the same mark is news again
    if (this.page.url.value.sel === `device:${id}`) this.page.url.replace({ sel: '' });
  }

  private async load(): Promise<void> {
    const { lang } = this.page;
    const n = ++this.asked;
    const query = new URLSearchParams({ q: this.search.value.trim(), limit: String(LIST_MAX), ...(this.region ? { region: this.region } : {}) });
    try {
      const got = await call<{ cameras: Camera[]; connected: boolean }>('GET', `cameras?${query}`);
      if (n !== this.asked) return;
      this.cameras = got.cameras;
      this.side.textContent = !got.connected ? say('unconnected', lang) : !got.cameras.length ? say('none', lang) : got.cameras.length >= LIST_MAX ? say('more', lang, { n: LIST_MAX }) : '';
      this.drawList();
    } catch {
      if (n === this.asked) this.side.textContent = say('list_failed', lang);
    }
  }

  private drawList(): void {
    const { lang } = this.page;
    this.list.replaceChildren(
      ...this.cameras.map((c) => {
        const sub = [c.region ?? '', c.high_point ? say('eagle', lang) : '', c.status === 'online' ? '' : say('offline', lang), c.playable ? '' : say('no_channel', lang)].filter(Boolean).join(' · ');
        const li = h('li', { role: 'option', id: `vc-${c.device_id}`, 'data-id': c.device_id, class: c.status === 'online' ? '' : 'off' }, h('b', { class: 'ellip' }, c.name), h('small', { class: 'ellip' }, sub));
        li.addEventListener('click', () => this.openCamera(c.device_id));
        return li;
      }),
    );
    this.marked();
  }

  private marked(): void {
    const shown = new Set(this.panes.map((p) => p.deviceId));
    for (const li of this.list.querySelectorAll<HTMLElement>('[data-id]')) li.setAttribute('aria-selected', String(shown.has(Number(li.dataset['id']))));
  }

  // ------------------------------------------------------------ groups

  private async loadGroups(): Promise<void> {
    const got = await call<{ groups: Group[] }>('GET', 'groups').catch(() => null);
    if (!got) return;
    this.groups = got.groups;
    this.drawGroups();
  }

  private drawGroups(): void {
    const { lang } = this.page;
    const rows = this.groups.map((g) => {
      const on = this.patrol?.group.group_id === g.group_id;
      return h(
        'li',
        { class: on ? 'on' : '' },
        h('button', { type: 'button', class: 'vg ellip', onclick: () => this.openGroup(g) }, g.name),
        h('span', { class: 'mut num' }, `${g.device_ids.length} · ${g.dwell_s} s`),
        h('button', { type: 'button', class: 'btn s', onclick: () => (on ? this.stopPatrol() : this.startPatrol(g)) }, say(on ? 'patrol_stop' : 'patrol', lang)),
        g.mine ? h('button', { type: 'button', class: 'btn s', 'aria-label': `${say('group_remove', lang)} ${g.name}`, onclick: () => void this.removeGroup(g) }, '×') : null,
      );
    });
    const head = h('div', { class: 'ph2' }, h('h2', {}, say('groups', lang)), h('button', { type: 'button', class: 'btn s', onclick: () => void this.saveGroup() }, say('group_save', lang)));
    this.groupsEl.replaceChildren(head, rows.length ? h('ul', { class: 'scroll', 'data-scrolls': '1' }, ...rows) : h('p', { class: 'mut pad' }, say('group_none', lang)));
  }

  private openGroup(g: Group): void {
    this.stopPatrol();
    this.setLayout(g.panes);
    this.showAll(g.device_ids);
  }

  private async removeGroup(g: Group): Promise<void> {
    await call('DELETE', `groups/${g.group_id}?version=${g.version}`).catch(() => this.tell(say('failed', this.page.lang)));
    await this.loadGroups();
  }

  private async saveGroup(): Promise<void> {
    const { lang } = this.page;
    const ids = this.panes.map((p) => p.deviceId).filter(Boolean);
    if (!ids.length) return this.tell(say('empty', lang));
    const name = h('input', { maxlength: '40', required: true, 'aria-label': say('group_name', lang), placeholder: say('group_name', lang) });
    const dwell = h('input', { type: 'number', min: '5', max: '3600', value: '20', 'aria-label': say('group_dwell', lang) });
    const may = this.el.dataset['share'] === '1';
    const shared = h('input', { type: 'checkbox' });
    const wall = h('input', { type: 'checkbox' });
    const label = (word: string, input: HTMLElement): HTMLElement => h('label', {}, input, ` ${word}`);
    const fields: Node[] = [name, label(say('group_dwell', lang), dwell), ...(may ? [label(say('group_share', lang), shared), label(say('group_wall', lang), wall)] : [])];
    const wish = await ask(say('group_save', lang), fields, () => (name.value.trim() ? { name: name.value.trim(), dwell_s: Number(dwell.value), shared: shared.checked, on_wall: wall.checked } : null), say('save', lang), say('cancel', lang));
    if (!wish) return;
    try {
      await call('POST', 'groups', { ...wish, device_ids: ids, panes: this.layout });
    } catch (error) {
      this.tell(error instanceof Refused ? error.words[lang] : say('failed', lang));
    }
    await this.loadGroups();
  }

  // ------------------------------------------------------------ patrol

  startPatrol(g: Group): void {
    this.stopPatrol();
    this.setLayout(g.panes);
    const step = (at: number): void => {
      const pages = Math.max(1, Math.ceil(g.device_ids.length / g.panes));
      const n = at % pages;
      const ids = g.device_ids.slice(n * g.panes, (n + 1) * g.panes);
      this.patrol = { group: g, at: n, timer: setTimeout(() => step(n + 1), g.dwell_s * 1000) };
      this.panes.forEach((pane, i) => pane.show(ids[i] ?? 0));
      this.drawTools();
    };
    step(0);
    this.drawGroups();
  }

  stopPatrol(): void {
    if (!this.patrol) return;
    clearTimeout(this.patrol.timer);
    this.patrol = null;
    this.drawTools();
    this.drawGroups();
  }

  private toggle(): void {
    if (this.patrol) this.stopPatrol();
    else if (this.groups[0]) this.startPatrol(this.groups[0]);
  }

  // ------------------------------------------------------------ tools and keys

  private drawTools(): void {
    const { lang } = this.page;
    const layouts = LAYOUTS.map((n) => h('button', { type: 'button', class: n === this.layout ? 'btn on' : 'btn', 'aria-pressed': String(n === this.layout), 'data-panes': n, onclick: () => this.setLayout(n) }, say('layout', lang, { n })));
    const p = this.patrol;
    const pages = p ? Math.max(1, Math.ceil(p.group.device_ids.length / p.group.panes)) : 0;
    this.tools.replaceChildren(
      ...layouts,
      h('span', { class: 'end mut num' }, p ? `${p.group.name} · ${say('patrol_page', lang, { n: p.at + 1, of: pages })}` : ''),
      h('button', { type: 'button', class: 'btn', onclick: () => (this.stopPatrol(), this.showAll([])) }, say('clear', lang)),
    );
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    const at = event.target instanceof Element ? event.target : null;
    const inGrid = at?.closest('.vgrid') !== null && at?.closest('.vgrid') === this.grid;
    if (!inGrid || at?.matches('input,textarea,select')) return;
    const pane = this.panes[this.active];
    if (!pane) return;
    if (pane.key(event)) return this.eat(event);
    const wide = Math.sqrt(this.layout);
    const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -wide, ArrowDown: wide };
    const step = steps[event.key];
    if (step !== undefined) this.focus(Math.min(this.layout - 1, Math.max(0, this.active + step)));
    else if (event.key === 'Enter' && at === pane.el) this.zoom(this.full ? null : pane);
    else if (event.key === 'Escape' && this.full) this.zoom(null);
    else if (event.key === 's' || event.key === 'S') void pane.snapshot();
    else if (event.key === 'p' || event.key === 'P') pane.pad(true);
    else if (event.key === 'Delete') {
      pane.show(0);
      this.keep();
    } else if (event.key === ' ' && at === pane.el) this.toggle();
    else return;
    this.eat(event);
  }

  private eat(event: Event): void {
    event.preventDefault();
    event.stopPropagation();
  }

  get rights(): { ptz: boolean; reference: boolean; trace: boolean } {
    const { dataset } = this.el;
    return { ptz: dataset['ptz'] === '1', reference: dataset['reference'] === '1', trace: dataset['trace'] === '1' };
  }
}
