/** A pane of the desk: a tile, and what can be done with it. */
import { pick } from '../core/types';
import { call, Refused } from './api';
import type { VideoDesk } from './desk';
import { ask, h } from './dom';
import { CameraTile } from './tile';
import { say } from './words';

const MOVES = { ArrowUp: 'up', ArrowDown: 'down', ArrowLeft: 'left', ArrowRight: 'right', '+': 'zoomin', '=': 'zoomin', '-': 'zoomout' } as const;
type Move = (typeof MOVES)[keyof typeof MOVES];

export class Pane {
  readonly el: HTMLElement;
  deviceId = 0;
  tile: CameraTile | null = null;
  private readonly menu: HTMLElement;
  private padEl: HTMLElement | null = null;
  private moving = '';

  constructor(
    private readonly desk: VideoDesk,
    readonly index: number,
  ) {
    this.menu = h('div', { class: 'vmenu', role: 'toolbar', 'aria-label': say('menu', desk.page.lang) });
    this.el = h('div', { class: 'vpane', tabindex: '-1', role: 'group' }, this.menu);
    this.el.addEventListener('focusin', () => desk.focus(index, false));
    this.el.addEventListener('pointerdown', () => desk.focus(index, false));
    this.el.addEventListener('dblclick', () => desk.zoom(desk.zoomed ? null : this));
    this.show(0);
  }

  show(id: number): void {
    if (id === this.deviceId && (id === 0) === (this.tile === null)) {
      if (!id) this.drawEmpty();
      return;
    }
    this.pad(false);
    this.tile?.close();
    this.tile = null;
    this.deviceId = id;
    if (!id) return this.drawEmpty();
    this.el.querySelector('.vempty')?.remove();
    this.tile = new CameraTile(this.el, id, { page: this.desk.page, surface: 'desk', onCamera: () => this.drawMenu() });
    this.drawMenu();
  }

  close(): void {
    this.pad(false);
    this.tile?.close();
    this.tile = null;
    this.el.remove();
  }

  /** True when the key was the pane's own: the pad is open. */
  key(event: KeyboardEvent): boolean {
    if (!this.padEl) return false;
    const move = MOVES[event.key as keyof typeof MOVES];
    if (move) {
      if (!event.repeat) this.move(move);
      return true;
    }
    if (event.key !== 'Escape') return false;
    this.pad(false);
    return true;
  }

  // ------------------------------------------------------------ drawing

  private drawEmpty(): void {
    const { lang } = this.desk.page;
    this.menu.replaceChildren();
    this.el.setAttribute('aria-label', say('pane', lang, { n: this.index + 1, name: say('empty', lang) }));
    if (!this.el.querySelector('.vempty')) this.el.append(h('p', { class: 'vempty mut' }, say('empty', lang)));
  }

  private drawMenu(): void {
    const { lang } = this.desk.page;
    const { rights } = this.desk;
    const camera = this.tile?.camera;
    this.el.setAttribute('aria-label', say('pane', lang, { n: this.index + 1, name: camera?.name ?? '' }));
    const item = (word: Parameters<typeof say>[0], act: () => void): HTMLElement => h('button', { type: 'button', class: 'btn s', 'data-act': word, onclick: act }, say(word, lang));
    this.menu.replaceChildren(
      item('snapshot', () => void this.snapshot()),
      ...(rights.ptz && camera?.turns ? [item('ptz', () => this.pad(!this.padEl))] : []),
      ...(rights.reference ? [item('reference', () => void this.reference())] : []),
      ...(camera?.links?.includes('ar') ? [item('ar', () => void this.ar())] : []),
      ...(rights.trace && camera?.links?.includes('trace') ? [item('trace', () => void this.trace())] : []),
      item('full', () => this.desk.zoom(this.desk.zoomed ? null : this)),
      item('close', () => {
        this.show(0);
        this.desk.keep();
      }),
    );
  }

  // ------------------------------------------------------------ acts

  async snapshot(): Promise<void> {
    const { lang, live } = this.desk.page;
    const view = this.tile?.viewId;
    const picture = await this.tile?.picture();
    if (!view || !picture) return this.desk.tell(say('failed', lang));
    const select = h('select', { 'aria-label': say('snapshot_case', lang) }, h('option', { value: '' }, say('snapshot_own', lang)));
    for (const row of live.store.all().slice(0, 200)) if (row.key.startsWith('case:') && !row.closed) select.append(h('option', { value: row.key.slice(5) }, row.title));
    const preview = h('img', { class: 'vshot', alt: '', src: URL.createObjectURL(picture) });
    const chosen = await ask(say('snapshot', lang), [preview, h('label', {}, say('snapshot_case', lang), select)], () => select.value || '0', say('save', lang), say('cancel', lang));
    URL.revokeObjectURL(preview.src);
    if (chosen === null) return;
    await this.done(call('POST', `views/${view}/snapshot${chosen === '0' ? '' : `?case_id=${chosen}`}`, picture), () => say('snapshot_done', lang));
  }

  private async reference(): Promise<void> {
    const { lang } = this.desk.page;
    const view = this.tile?.viewId;
    const picture = await this.tile?.picture();
    if (!view || !picture) return this.desk.tell(say('failed', lang));
    const light = h('select', {}, h('option', { value: 'day' }, say('reference_day', lang)), h('option', { value: 'night' }, say('reference_night', lang)));
    const preview = h('img', { class: 'vshot', alt: '', src: URL.createObjectURL(picture) });
    const chosen = await ask(say('reference', lang), [preview, light], () => light.value, say('ok', lang), say('cancel', lang));
    URL.revokeObjectURL(preview.src);
    if (chosen === null) return;
    await this.done(call<{ version: number }>('POST', `views/${view}/reference?light=${chosen}`, picture), (made) => say('reference_done', lang, { n: made.version }));
  }

  private async ar(): Promise<void> {
    const found = await this.done(call<{ url: string }>('POST', `cameras/${this.deviceId}/ar`, {}), () => '');
    if (found) window.open(found.url, '_blank', 'noopener,noreferrer');
  }

  private async trace(): Promise<void> {
    const { lang } = this.desk.page;
    const number = h('input', { type: 'number', min: '1', required: true, 'aria-label': say('trace_case', lang), placeholder: say('trace_case', lang) });
    const purpose = h('input', { maxlength: '200', required: true, 'aria-label': say('purpose', lang), placeholder: say('purpose', lang) });
    const wish = await ask(say('trace', lang), [number, purpose], () => ({ case_id: Number(number.value), purpose: purpose.value }), say('ok', lang), say('cancel', lang));
    if (!wish) return;
    const found = await this.done(call<{ url: string }>('POST', 'trace', { device_id: this.deviceId, ...wish }), () => '');
    if (found) window.open(found.url, '_blank', 'noopener,noreferrer');
  }

  private async done<T>(work: Promise<T>, words: (result: T) => string): Promise<T | null> {
    const { lang } = this.desk.page;
    try {
      const result = await work;
      this.desk.tell(words(result));
      return result;
    } catch (error) {
      this.desk.tell(error instanceof Refused ? pick(error.words, lang) : say('failed', lang));
      return null;
    }
  }

  // ------------------------------------------------------------ moving

  pad(open: boolean): void {
    const { lang } = this.desk.page;
    if (open === (this.padEl !== null) || (open && !(this.desk.rights.ptz && this.tile?.camera?.turns))) return;
    if (!open) {
      if (this.moving) this.halt();
      void call('POST', `cameras/${this.deviceId}/ptz/release`, {}).catch(() => undefined);
      this.padEl?.remove();
      this.padEl = null;
      return;
    }
    const hold = (move: Move): HTMLElement => {
      const button = h('button', { type: 'button', class: `btn s m-${move}`, 'data-move': move, 'aria-label': say(move, lang) }, { up: '▲', down: '▼', left: '◀', right: '▶', zoomin: '＋', zoomout: '－' }[move]);
      button.addEventListener('pointerdown', () => this.move(move));
      for (const end of ['pointerup', 'pointerleave', 'blur'] as const) button.addEventListener(end, () => this.halt());
      return button;
    };
    this.padEl = h('div', { class: 'vpad', role: 'group', 'aria-label': say('ptz', lang) }, ...(['up', 'left', 'right', 'down', 'zoomin', 'zoomout'] as const).map(hold), h('button', { type: 'button', class: 'btn s m-release', onclick: () => this.pad(false) }, say('ptz_release', lang)));
    this.el.append(this.padEl);
    const up = (): void => this.halt();
    this.el.addEventListener('keyup', up);
  }

  private move(move: Move): void {
    if (this.moving === move) return;
    this.moving = move;
    void this.done(call('POST', `cameras/${this.deviceId}/ptz`, { command: move }), () => say('ptz_mine', this.desk.page.lang));
  }

  private halt(): void {
    if (!this.moving) return;
    this.moving = '';
    void call('POST', `cameras/${this.deviceId}/ptz`, { command: 'stop' }).catch(() => undefined);
  }
}
