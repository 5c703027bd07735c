/** Camera tiles for any page: a row of them in an element, or the whole desk page. The one module that carries the players. */
import type { PageContext } from '../core/page';
import { pastOf } from '../core/past';
import { VideoDesk } from './desk';
import { call, type Camera } from './api';
import { h } from './dom';
import { snapper } from './snap';
import { CameraTile, type Surface } from './tile';
import { say } from './words';

/** How often a row without a platform asks whether there is one now. */
const AGAIN_MS = 60_000;

export interface RowOptions {
  ids: readonly number[];
  surface: Surface;
  caseId?: number | null;
  /** By device id: what stands behind the name (distance). */
  notes?: Readonly<Record<string, string>>;
  prefer?: 'flv' | 'ts' | 'hls' | undefined;
}

/** A row that can be given other cameras; those that stay are not touched. */
export class CameraRow {
  readonly tiles = new Map<number, CameraTile>();
  private turn = 0;
  private again: ReturnType<typeof setTimeout> | undefined;
  private note: HTMLElement | null = null;

  constructor(
    private el: HTMLElement,
    private readonly page: PageContext,
  ) {}

  /** The row goes on in another element, its pictures with it: done before the browser takes them for gone, they do not even halt. */
  moveTo(el: HTMLElement): void {
    el.append(...this.el.childNodes);
    el.dataset['n'] = this.el.dataset['n'] ?? '';
    this.el = el;
  }

  /** Where no video platform is connected the row says so, and asks for no picture. */
  show(options: RowOptions): void {
    const turn = ++this.turn;
    clearTimeout(this.again);
    if (this.tiles.size || !options.ids.length || pastOf(location.search)) return this.draw(options);
    const asked = call<{ cameras: Camera[]; connected: boolean }>('GET', `cameras?ids=${options.ids.join(',')}`).catch(() => null);
    void asked.then((told) => {
      if (turn !== this.turn) return;
      if (!told || told.connected) return this.draw(options); // no answer: the panes say so, and try again
      this.note ??= h('p', { class: 'mut vnone', role: 'status' }, say('unconnected', this.page.lang));
      this.el.append(this.note);
      this.again = setTimeout(() => this.show(options), AGAIN_MS);
    });
  }

  private draw(options: RowOptions): void {
    this.note?.remove();
    this.note = null;
    const ids = [...new Set(options.ids)].slice(0, 16);
    for (const [id, tile] of this.tiles)
      if (!ids.includes(id)) {
        tile.close();
        this.tiles.delete(id);
      }
    ids.forEach((id, i) => {
      const tile = this.tiles.get(id) ?? this.made(id, options);
      tile.note(options.notes?.[id] ?? '');
      const there = this.el.children[i] ?? null;
      if (there !== tile.el) this.el.insertBefore(tile.el, there); // in the order asked for; one that stands right is not touched
    });
    this.el.dataset['n'] = String(ids.length);
  }

  private made(id: number, { surface, caseId, prefer }: RowOptions): CameraTile {
    const tile = new CameraTile(this.el, id, { page: this.page, surface, caseId: caseId ?? null, prefer });
    if (surface === 'command' && caseId) tile.el.append(snapper(tile, caseId, this.page));
    this.tiles.set(id, tile);
    return tile;
  }

  close(): void {
    this.turn++;
    clearTimeout(this.again);
    this.note?.remove();
    this.note = null;
    for (const tile of this.tiles.values()) tile.close();
    this.tiles.clear();
  }
}

export function row(el: HTMLElement, page: PageContext, options: RowOptions): CameraRow {
  const made = new CameraRow(el, page);
  made.show(options);
  return made;
}

export function desk(el: HTMLElement, page: PageContext): VideoDesk {
  return new VideoDesk(el, page);
}

export interface VideoModule {
  row: typeof row;
  desk: typeof desk;
}
