/** Tiles of one URL template. Old content stays until the new is complete; a refetch replaces tile by tile without flicker. */
import { coverTiles, tileKey, type TileId } from './bands';
import { emptyTile, parseTile, type ParsedTile } from './mvt';

interface Tile {
  id: TileId;
  data: ParsedTile | null;
  abort: AbortController | null;
  stale: boolean;
  failedAt: number;
  used: number;
}

const KEEP = 160;
const RETRY_MS = 5000;

export type Fetcher = (url: string, signal: AbortSignal) => Promise<{ status: number; buffer: ArrayBuffer }>;

export const fetchTile: Fetcher = async (url, signal) => {
  const response = await fetch(url, { signal, credentials: 'same-origin' });
  return { status: response.status, buffer: response.status === 200 ? await response.arrayBuffer() : new ArrayBuffer(0) };
};

export class TileSource {
  /** Merged content of the view; a new object only when it changed. */
  data: ParsedTile = emptyTile();
  /** Zoom of `data`. */
  z = -1;
  private tiles = new Map<string, Tile>();
  private target: TileId[] = [];
  private clock = 0;
  private retry: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly template: string,
    private readonly changed: () => void,
    private readonly fetcher: Fetcher = fetchTile,
  ) {}

  /** Names the view; fetches what is missing. */
  view(bounds: [number, number, number, number], z: number): void {
    const target = coverTiles(bounds, z);
    const same = target.length === this.target.length && target.every((t, i) => tileKey(t) === tileKey(this.target[i]!));
    if (same && this.z >= 0) return;
    this.target = target;
    const wanted = new Set(target.map(tileKey));
    for (const [key, tile] of this.tiles) if (tile.abort && !wanted.has(key)) this.drop(key, tile);
    for (const id of target) this.want(id);
    this.merge();
    this.evict(wanted);
  }

  /** All of the view arrived (or failed: a missing tile must not hold the page). */
  get complete(): boolean {
    return this.target.length > 0 && this.target.every((id) => this.settled(id)) && this.z === this.target[0]!.z;
  }

  get failing(): boolean {
    return this.target.some((id) => (this.tiles.get(tileKey(id))?.failedAt ?? 0) > 0);
  }

  /** The rows behind the view changed: ask again for what is seen, forget the rest. */
  refresh(): void {
    const wanted = new Set(this.target.map(tileKey));
    for (const [key, tile] of this.tiles)
      if (!wanted.has(key)) this.drop(key, tile);
      else tile.stale = true;
    for (const id of this.target) this.want(id);
  }

  destroy(): void {
    if (this.retry) clearTimeout(this.retry);
    for (const tile of this.tiles.values()) tile.abort?.abort();
    this.tiles.clear();
    this.target = [];
  }

  private settled(id: TileId): boolean {
    const tile = this.tiles.get(tileKey(id));
    return tile !== undefined && (tile.data !== null || tile.failedAt > 0);
  }

  private drop(key: string, tile: Tile): void {
    tile.abort?.abort();
    if (!tile.data || tile.stale) this.tiles.delete(key);
    else tile.abort = null;
  }

  private want(id: TileId): void {
    const key = tileKey(id);
    let tile = this.tiles.get(key);
    if (!tile) this.tiles.set(key, (tile = { id, data: null, abort: null, stale: false, failedAt: 0, used: 0 }));
    tile.used = ++this.clock;
    if (tile.abort || (tile.data && !tile.stale)) return;
    void this.load(tile);
  }

  private async load(tile: Tile): Promise<void> {
    const abort = new AbortController();
    tile.abort = abort;
    tile.stale = false;
    const url = this.template.replace('{z}', String(tile.id.z)).replace('{x}', String(tile.id.x)).replace('{y}', String(tile.id.y));
    try {
      const { status, buffer } = await this.fetcher(new URL(url, location.href).href, abort.signal);
      if (tile.abort !== abort) return;
      if (status === 200) tile.data = parseTile(buffer, tile.id);
      else if (status === 204 || status === 404) tile.data = emptyTile();
      tile.failedAt = status === 200 || status === 204 || status === 404 ? 0 : Date.now();
    } catch (error) {
      if (tile.abort !== abort) return;
      tile.failedAt = Date.now();
      if (!(error instanceof TypeError) && !(error instanceof DOMException)) console.error('tile', url, error);
    } finally {
      if (tile.abort === abort) tile.abort = null;
    }
    if (tile.failedAt) this.later();
    this.merge();
  }

  private later(): void {
    this.retry ??= setTimeout(() => {
      this.retry = null;
      for (const id of this.target) {
        const tile = this.tiles.get(tileKey(id));
        if (tile && tile.failedAt) {
          tile.stale = true;
          this.want(id);
        }
      }
    }, RETRY_MS);
  }

  private last = '';

  /** Same zoom: whatever is there. Another zoom: only when all of it is there, or two resolutions would stand side by side. */
  private merge(): void {
    const z = this.target[0]?.z;
    if (z === undefined) return;
    if (z !== this.z && !this.target.every((id) => this.settled(id))) return;
    const shown = this.target.flatMap((id) => this.tiles.get(tileKey(id)) ?? []).filter((t) => t.data);
    const mark = shown.map((t) => `${tileKey(t.id)}@${stamp(t.data!)}`).join();
    if (z === this.z && mark === this.last) return;
    this.z = z;
    this.last = mark;
    const data = emptyTile();
    for (const t of shown)
      for (const name of ['cells', 'pins', 'points', 'areas', 'lines'] as const) (data[name] as unknown[]).push(...(t.data![name] as unknown[]));
    this.data = data;
    this.changed();
  }

  private evict(wanted: ReadonlySet<string>): void {
    if (this.tiles.size <= KEEP) return;
    const old = [...this.tiles].filter(([k]) => !wanted.has(k)).sort((a, b) => a[1].used - b[1].used);
    for (const [key] of old.slice(0, this.tiles.size - KEEP)) this.tiles.delete(key);
  }
}

let stamps = 0;
const known = new WeakMap<ParsedTile, number>();
/** A number per parsed tile: identity as text. */
function stamp(data: ParsedTile): number {
  let n = known.get(data);
  if (n === undefined) known.set(data, (n = ++stamps));
  return n;
}
