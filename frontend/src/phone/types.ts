/** What `GET /api/v1/my/cases` and `/notices` say, and what the phone keeps of its own. */
import type { Item, Text } from '../core/types';

export interface StepSpec {
  key: string;
  title: Text;
  needs: string[];
  to: string;
}

export interface Done {
  step: string;
  title: Text;
  stage: string;
  by: string;
  at: string;
  done_at: string | null;
  text: string;
  distance_m: number | null;
  photos: string[];
}

export interface MyCase {
  record: Item;
  case_id: number;
  version: number;
  by: 'officer' | 'department' | 'grid';
  description: string;
  address: string;
  stage: string;
  hold: string;
  asked: string;
  department: string | null;
  officer: string;
  steps: Record<string, StepSpec[]>;
  progress: Done[];
}

export interface Mine {
  now: string;
  timezone: string;
  who: { login: string; name: string; roles: string[]; departments: string[]; may_report: boolean; places: string[] };
  total: number;
  cases: MyCase[];
}

export interface Notice {
  notice_id: number;
  kind: string;
  title: Text;
  body: Text;
  about: string;
  priority: 'urgent' | 'high' | 'medium' | 'low';
  created_at: string;
  read_at: string | null;
}

/** An order of an incident, as `GET /api/v1/my/tasks` says. */
export interface Order {
  task_id: number;
  what: string;
  detail: string;
  state: string;
  due_at: string | null;
  where: { geometry: unknown; address: string };
  /** A point on the place of the order, else of its incident (WGS 84, degrees); null where neither has one. */
  at?: { lon: number; lat: number } | null;
  version: number;
  incident: { number: string; title: string; exercise: boolean; over: boolean; meeting?: string | null };
}

export interface Category {
  scheme: string;
  code: string;
  title: Text;
  parent: string;
  major: boolean;
}

export interface Place {
  lon: number;
  lat: number;
  accuracy_m?: number;
}

export type Slot = 'before' | 'after' | 'other';

/** A picture on the phone; `key` is the idempotency key of its upload, `sent` the id it got. */
export interface Photo {
  key: string;
  slot: Slot;
  blob: Blob | null;
  at: string;
  sent?: string;
}

export type State = 'waiting' | 'sending' | 'sent' | 'refused';

/** One thing done on the phone that the server is to hear exactly once. `id` is its idempotency key. */
export interface Entry {
  id: string;
  seq: number;
  login: string;
  kind: 'step' | 'event' | 'receipt' | 'walk' | 'task';
  title: string;
  at: string;
  state: State;
  tries: number;
  /** Epoch ms before which it is not tried again. */
  notBefore: number;
  why?: Text;
  sentAt?: string;
  photos: Photo[];
  step?: { caseId: number; version: number; key: string; to: string; given: Record<string, unknown> };
  event?: Record<string, unknown>;
  /** The report as the server knows it; its pictures go there. */
  eventId?: number;
  noticeId?: number;
  /** A receipt of an order. */
  task?: { taskId: number; step: string; given: Record<string, unknown> };
  /** A part of a patrol; `body` is what its address takes. */
  walk?: { key: string; part: WalkPart; body: Record<string, unknown> };
}

export type WalkPart = 'start' | 'track' | 'visit' | 'finding' | 'end';
export type WalkKind = 'inspect' | 'visit';

export interface Cell {
  grid_cell_id: number;
  code: string;
  name: string;
  kind: Text;
  mine: boolean;
  away_m: number | null;
}

/** A patrol begun on this phone. `patrolId` once the server has it. Times are epoch ms of the server's clock. */
export interface Walk {
  id: string;
  key: string;
  login: string;
  kind: WalkKind;
  cell: Cell;
  begunAt: number;
  endedAt: number;
  patrolId?: number;
}

/** Points of a walk as they were recorded; `queued` once they are on their way. */
export interface TrackRow {
  id: string;
  walk: string;
  n: number;
  queued: boolean;
  points: { at: number; lon: number; lat: number; accuracy_m: number }[];
}

/** A patrol as the server tells it. */
export interface Patrol {
  patrol_id: number;
  kind: WalkKind;
  grid_code: string | null;
  grid_name: string | null;
  begun_at: string;
  ended_at: string | null;
  distance_m: number;
  points: number;
  inside: number;
  findings: number;
  visits: number;
  note: string;
}

export interface Warning {
  key: string;
  kind: Text;
  colour: 'red' | 'orange' | 'yellow' | 'blue' | 'white';
  area: string;
  note: string;
  sender: string;
  onset_at: string;
  expires_at: string | null;
}

export interface VisitDraft {
  kind: 'household' | 'facility';
  name: string;
  person: string;
  outcome: 'met' | 'absent' | 'follow';
}

/** What is being written: of a case (`case:12`) or a new report (`report`). */
export interface Draft {
  id: string;
  login: string;
  savedAt: string;
  text: string;
  photos: Photo[];
  report?: ReportDraft;
  visit?: VisitDraft;
}

export interface ReportDraft {
  title: string;
  category: string;
  urgency: string;
  address: string;
  place: Place | null;
  how: '' | 'gps' | 'last' | 'map' | 'search';
  /** When a fix was taken, epoch ms. */
  at?: number;
}

/** An answer of the server, kept for the time without a network. */
export interface Kept<T> {
  id: string;
  at: number;
  body: T;
}
