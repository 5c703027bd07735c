/** What was done on the phone goes out once, in order, when there is a network. No DOM: the world is handed in. */
import type { Text } from '../core/types';
import type { Rows } from './db';
import type { Entry, Photo, Walk } from './types';

export interface World {
  rows: Rows;
  login: string;
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  now: () => number;
  changed: () => void;
  /** Lets one page of this browser send at a time; the keys make it once in any case. */
  alone?: <T>(work: () => Promise<T>) => Promise<T | undefined>;
}

/** Why sending stopped: nothing left to try now, no network, signed out, or the server is in trouble. */
export type Outcome = 'done' | 'offline' | 'signed-out' | 'trouble';

const MINUTE = 60_000;
const KEEP_SENT = 30;
const PARTS = { track: 'track', visit: 'visits', finding: 'findings', end: 'end' } as const;
const FIELDS = { before: 'photo_before', after: 'photo_after', other: 'photos' } as const;
const NO_ATTACHMENTS: Text = { zh: '服务器尚未启用附件，照片留在本机等待', en: 'the server takes no pictures yet; they wait on this phone' };

export async function entries(rows: Rows, login: string): Promise<Entry[]> {
  return (await rows.all<Entry>('queue')).filter((e) => e.login === login).sort((a, b) => a.seq - b.seq);
}

/** Adds what was done. It waits behind everything done before it. */
export async function add(world: World, entry: Omit<Entry, 'seq' | 'login' | 'state' | 'tries' | 'notBefore'>): Promise<void> {
  const before = await entries(world.rows, world.login);
  const seq = Math.max(world.now(), (before.at(-1)?.seq ?? 0) + 1);
  await world.rows.put('queue', { ...entry, seq, login: world.login, state: 'waiting', tries: 0, notBefore: 0 } as Entry);
  world.changed();
}

/** Steps of one case, and receipts of one order, go one after the other: a later one was done in the state the earlier one makes. Parts of a patrol
 *  wait for its beginning alone: the server takes the others in any order. */
export function blocked(entry: Entry, all: readonly Entry[]): Entry | undefined {
  const { walk } = entry;
  if (walk && walk.part !== 'start') return all.find((e) => e.walk?.part === 'start' && e.walk.key === walk.key && e.state !== 'sent');
  if (entry.task) return all.find((e) => e.seq < entry.seq && e.state !== 'sent' && e.task?.taskId === entry.task?.taskId);
  if (!entry.step) return undefined;
  return all.find((e) => e.seq < entry.seq && e.state !== 'sent' && e.step?.caseId === entry.step?.caseId);
}

export async function drain(world: World, force = false): Promise<Outcome> {
  const work = (): Promise<Outcome> => pass(world, force);
  return (await (world.alone ? world.alone(work) : work())) ?? 'done';
}

async function pass(world: World, force: boolean): Promise<Outcome> {
  for (const { id } of await entries(world.rows, world.login)) {
    // read again: the one before may have moved its version on
    const all = await entries(world.rows, world.login);
    const entry = all.find((e) => e.id === id);
    if (!entry || entry.state === 'sent' || entry.state === 'refused' || blocked(entry, all)) continue;
    if (!force && entry.notBefore > world.now()) continue;
    const outcome = await send(world, entry);
    if (outcome !== 'done') return outcome;
  }
  await forget(world);
  return 'done';
}

async function send(world: World, entry: Entry): Promise<Outcome> {
  // an earlier try may have reached the server: the same key again gets its answer
  await save(world, { ...entry, state: 'sending' });
  try {
    // a report is heard before its pictures, which then belong to it; a step is proved by pictures that are there
    const told = entry.event && entry.eventId === undefined ? await tell(world, entry) : entry;
    if (told instanceof Response) return await failed(world, entry, told, false);
    const photos = await upload(world, told);
    if (photos instanceof Response) return await failed(world, told, photos, true);
    const done = entry.event ? told : await tell(world, { ...told, photos });
    if (done instanceof Response) return await failed(world, told, done, false);
    if (entry.walk?.part === 'track') await world.rows.del('queue', entry.id).then(world.changed);
    else await save(world, { ...done, state: 'sent', sentAt: new Date(world.now()).toISOString(), why: undefined, photos: photos.map((p) => ({ ...p, blob: null })) });
    return 'done';
  } catch (error) {
    // fetch rejects with a TypeError where there is no network, and with an AbortError after a time-out
    if (!(error instanceof TypeError || error instanceof DOMException)) throw error;
    const now = await world.rows.get<Entry>('queue', entry.id);
    await later(world, now ?? entry, undefined);
    return 'offline';
  }
}

/** The entry as it is after its request; a Response is the answer that refused it. */
async function tell(world: World, entry: Entry): Promise<Entry | Response> {
  const walk = entry.walk ? await world.rows.get<Walk>('walk', `${world.login}/${entry.walk.key}`) : undefined;
  const answer = await world.fetch(...request(entry, walk?.patrolId));
  if (!answer.ok) return answer;
  const body = (await answer.json().catch(() => ({}))) as { version?: number; event_id?: number; patrol_id?: number };
  if (walk && entry.walk?.part === 'start' && body.patrol_id !== undefined) {
    const now = await world.rows.get<Walk>('walk', walk.id); // it may have ended meanwhile
    await world.rows.put('walk', { ...(now ?? walk), patrolId: body.patrol_id } as Walk);
  }
  if (entry.step && body.version !== undefined) await follow(world, entry, body.version);
  if (!entry.event) return entry;
  const told: Entry = { ...entry, eventId: body.event_id, state: 'sending' };
  await save(world, told);
  return told;
}

/** Each picture kept as soon as it is there. A Response is the answer that refused one. */
async function upload(world: World, entry: Entry): Promise<Photo[] | Response> {
  let photos = entry.photos;
  for (const photo of entry.photos) {
    if (photo.sent !== undefined || !photo.blob) continue;
    const body = new FormData();
    body.append('file', photo.blob, `${photo.key}.jpg`);
    if (entry.eventId !== undefined) body.append('event_id', String(entry.eventId));
    const answer = await world.fetch('/api/v1/attachments', { method: 'POST', headers: { 'Idempotency-Key': photo.key }, body });
    if (!answer.ok) return answer;
    const { attachment_id } = (await answer.json()) as { attachment_id: string | number };
    photos = photos.map((p) => (p.key === photo.key ? { ...p, sent: String(attachment_id) } : p));
    await save(world, { ...entry, state: 'sending', photos });
  }
  return photos;
}

/** Method, address and body of what an entry asks for. */
export function request(entry: Entry, patrolId?: number): [string, RequestInit] {
  const post = (body: unknown): RequestInit => ({
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': entry.id },
    body: JSON.stringify(body),
  });
  if (entry.step) {
    const { caseId, version, key, given } = entry.step;
    return [`/api/v1/cases/${caseId}/steps`, post({ step: key, version, given: { ...given, ...pictures(entry), done_at: entry.at } })];
  }
  if (entry.task) {
    const { taskId, step, given } = entry.task;
    return [`/api/v1/tasks/${taskId}/steps`, post({ step, given: { ...given, ...pictures(entry), done_at: entry.at } })];
  }
  if (entry.event) return ['/api/v1/events', post(entry.event)];
  if (entry.walk) {
    const { part, body } = entry.walk;
    if (part === 'start') return ['/api/v1/patrols', post(body)];
    const photos = entry.photos.flatMap((p) => (p.sent === undefined ? [] : [Number(p.sent)]));
    return [`/api/v1/patrols/${patrolId}/${PARTS[part]}`, post(part === 'finding' && photos.length ? { ...body, photos } : body)];
  }
  return [`/api/v1/notices/${entry.noticeId}/read`, post({})];
}

/** Ids of the pictures by the field they belong to; a step that has no such field gets them as `photos`. */
function pictures(entry: Entry): Record<string, string[]> {
  const out: Record<string, string[]> = {};
  const own = entry.step?.key === 'self_handle';
  for (const p of entry.photos) if (p.sent !== undefined) (out[own ? FIELDS[p.slot] : FIELDS.other] ??= []).push(p.sent);
  return out;
}

const PASSING = new Set([408, 425, 429, 500, 502, 503, 504, 507]);

async function failed(world: World, entry: Entry, answer: Response, photo: boolean): Promise<Outcome> {
  const why = await words(answer);
  const now = (await world.rows.get<Entry>('queue', entry.id)) ?? entry;
  if (answer.status === 401) {
    await save(world, { ...now, state: 'waiting', why });
    return 'signed-out';
  }
  if (photo && (answer.status === 404 || answer.status === 405)) {
    await save(world, { ...now, state: 'waiting', tries: now.tries + 1, notBefore: world.now() + 5 * MINUTE, why: NO_ATTACHMENTS });
    return 'done';
  }
  if (PASSING.has(answer.status)) {
    await later(world, now, why);
    return 'trouble';
  }
  await save(world, { ...now, state: 'refused', why });
  return 'done';
}

async function later(world: World, entry: Entry, why: Text | undefined): Promise<void> {
  const wait = Math.min(5 * MINUTE, 2000 * 2 ** Math.min(entry.tries, 8));
  await save(world, { ...entry, state: 'waiting', tries: entry.tries + 1, notBefore: world.now() + wait, why });
}

/** What the server says, with the reason of every field. */
async function words(answer: Response): Promise<Text> {
  const body = (await answer.json().catch(() => ({}))) as Partial<Text> & { reasons?: (Text & { field: string })[] };
  const join = (lang: 'zh' | 'en', mark: string): string =>
    [body[lang] ?? `HTTP ${answer.status}`, ...(body.reasons ?? []).map((r) => r[lang])].filter(Boolean).join(mark);
  return { zh: join('zh', '；'), en: join('en', '; ') };
}

/** Later steps of the same case now hold for the version this one has made. */
async function follow(world: World, entry: Entry, version: number): Promise<void> {
  for (const next of await entries(world.rows, world.login))
    if (next.seq > entry.seq && next.state === 'waiting' && next.step && next.step.caseId === entry.step?.caseId)
      await save(world, { ...next, step: { ...next.step, version } });
}

/** A refused one, sent again as things are now: `version` as the case is seen today. */
export async function again(world: World, entry: Entry, version: number | undefined): Promise<void> {
  const step = entry.step && version !== undefined ? { ...entry.step, version } : entry.step;
  await save(world, { ...entry, step, state: 'waiting', notBefore: 0, why: undefined });
}

async function forget(world: World): Promise<void> {
  const sent = (await entries(world.rows, world.login)).filter((e) => e.state === 'sent');
  for (const old of sent.slice(0, Math.max(0, sent.length - KEEP_SENT))) await world.rows.del('queue', old.id);
}

async function save(world: World, entry: Entry): Promise<void> {
  await world.rows.put('queue', entry);
  world.changed();
}
