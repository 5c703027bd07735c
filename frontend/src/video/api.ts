/** Calls of `/api/v1/video`. A refusal carries the server's own words. */
import type { Lang } from '../core/types';
import type { Kind } from './player';

export type State = 'verified' | 'unverified' | 'lost';

export interface Camera {
  device_id: number;
  name: string;
  kind: string;
  status: string;
  status_at: string | null;
  region: string | null;
  lon: number;
  lat: number;
  high_point: boolean;
  playable: boolean;
  masked: boolean;
  turns: boolean;
  origin: string;
  /** Of a view: other systems that can be gone to from here. */
  links?: readonly ('ar' | 'trace')[];
}

export interface Told {
  view_id: number;
  base: string;
  until: number;
  state: State;
  code: string;
  zh: string;
  en: string;
  cover: boolean;
  restart: boolean;
  liftable: boolean;
  frame_at: string | null;
  similarity?: number | null;
  ptz: { mine: boolean; name: string; until: string } | null;
}

export interface Begun extends Told {
  camera: Camera;
  kinds: Kind[];
  mux_kind: '' | 'flv' | 'ts';
  look_every_s: number;
}

export interface Group {
  group_id: number;
  name: string;
  shared: boolean;
  on_wall: boolean;
  mine: boolean;
  device_ids: number[];
  panes: 1 | 4 | 9 | 16;
  dwell_s: number;
  version: number;
}

export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly words: Record<Lang, string>,
    readonly code: string,
  ) {
    super(words.zh);
  }
}

export async function call<T>(method: string, path: string, body?: object | Blob, keepalive = false): Promise<T> {
  const init: RequestInit = { method, credentials: 'same-origin', keepalive };
  if (body instanceof Blob) init.body = body;
  else if (body) {
    init.body = JSON.stringify(body);
    init.headers = { 'Content-Type': 'application/json' };
  }
  const answer = await fetch(`/api/v1/video/${path}`, init);
  if (answer.ok) return (await answer.json()) as T;
  const said = (await answer.json().catch(() => ({}))) as { zh?: string; en?: string; error?: string; reasons?: { zh: string; en: string; code: string }[] };
  const reason = said.reasons?.[0];
  throw new Refused(answer.status, { zh: reason?.zh ?? said.zh ?? `服务器应答 ${answer.status}`, en: reason?.en ?? said.en ?? `the server answered ${answer.status}` }, reason?.code ?? said.error ?? '');
}
