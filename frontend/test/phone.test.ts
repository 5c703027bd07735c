import { beforeEach, describe, expect, it } from 'vitest';
import { ahead, distance, metres } from '../src/phone/ahead';
import type { Row, Rows, Store } from '../src/phone/db';
import { add, again, blocked, drain, entries, request, type World } from '../src/phone/queue';
import type { Entry, MyCase, Photo, StepSpec } from '../src/phone/types';
import { item } from './fakes';

/** As a store of the browser does: what was put is not what is held. (structuredClone knows no Blob of jsdom.) */
const copy = <T,>(v: T): T => (v instanceof Blob || typeof v !== 'object' || v === null ? v : Array.isArray(v) ? (v.map(copy) as T) : (Object.fromEntries(Object.entries(v).map(([k, x]) => [k, copy(x as unknown)])) as T));

class Memory implements Rows {
  private readonly rows = new Map<string, Row>();
  get = <T extends Row>(store: Store, id: string): Promise<T | undefined> => Promise.resolve(this.rows.get(store + id) as T | undefined);
  put = (store: Store, row: Row): Promise<void> => Promise.resolve(void this.rows.set(store + row.id, copy(row)));
  del = (store: Store, id: string): Promise<void> => Promise.resolve(void this.rows.delete(store + id));
  all = <T extends Row>(store: Store): Promise<T[]> => Promise.resolve([...this.rows].filter(([k]) => k.startsWith(store)).map(([, v]) => copy(v) as T));
}

type Answer = Response | 'no network';

class FakeWorld implements World {
  rows = new Memory();
  login = 'tan';
  ms = 1_000_000;
  sent: { url: string; key: string; body: unknown }[] = [];
  answers: Answer[] = [];
  now = (): number => this.ms;
  changed = (): void => undefined;
  fetch = async (url: string, init: RequestInit): Promise<Response> => {
    this.sent.push({ url, key: (init.headers as Record<string, string>)['Idempotency-Key'] ?? '', body: typeof init.body === 'string' ? JSON.parse(init.body) : init.body });
    const next = this.answers.shift() ?? 'no network';
    if (next === 'no network') throw new TypeError('Failed to fetch');
    return next;
  };
}

const ok = (body: unknown, status = 200): Response => new Response(JSON.stringify(body), { status });
const step = (id: string, key: string, o: Partial<NonNullable<Entry['step']>> = {}, photos: Photo[] = []): Parameters<typeof add>[1] => ({
  id, kind: 'step', title: key, at: '2026-11-22T06:00:00.000Z', photos, step: { caseId: 7, version: 4, key, to: '', given: {}, ...o },
});
const photo = (key: string, slot: Photo['slot'] = 'other'): Photo => ({ key, slot, blob: new Blob(['x']), at: '2026-11-22T06:00:00.000Z' });

describe('the queue of a phone', () => {
  let w: FakeWorld;
  const states = async (): Promise<string[]> => (await entries(w.rows, w.login)).map((e) => `${e.id}:${e.state}`);
  beforeEach(() => {
    w = new FakeWorld();
  });

  it('keeps what was done without a network and sends it once, in order, with the version each one makes', async () => {
    await add(w, step('k-sign', 'sign'));
    await add(w, step('k-arrive', 'arrive', { given: { place: { lon: 1, lat: 2, crs: 'EPSG:4326' } } }));
    expect(await drain(w)).toBe('offline');
    expect(await states()).toEqual(['k-sign:waiting', 'k-arrive:waiting']);
    w.ms += 600_000;
    w.answers = [ok({ version: 5 }), ok({ version: 6 })];
    w.sent = [];
    expect(await drain(w)).toBe('done');
    expect(w.sent.map((s) => [s.key, (s.body as { version: number }).version])).toEqual([['k-sign', 4], ['k-arrive', 5]]);
    expect((w.sent[1]?.body as { given: object }).given).toEqual({ place: { lon: 1, lat: 2, crs: 'EPSG:4326' }, done_at: '2026-11-22T06:00:00.000Z' });
    expect(await states()).toEqual(['k-sign:sent', 'k-arrive:sent']);
    w.sent = [];
    await drain(w, true);
    expect(w.sent).toEqual([]);
  });

  it('sends one whose answer was lost again under the same key, also after the browser was closed', async () => {
    await add(w, step('k-lost', 'sign'));
    w.answers = ['no network'];
    await drain(w);
    const [left] = await entries(w.rows, 'tan');
    await w.rows.put('queue', { ...left!, state: 'sending' } as Entry);
    w.answers = [ok({ version: 5 })];
    await drain(w, true);
    expect(w.sent.map((s) => s.key)).toEqual(['k-lost', 'k-lost']);
    expect(await states()).toEqual(['k-lost:sent']);
  });

  it('a refused one keeps its text and its reason, and what depends on it waits; others go on', async () => {
    await add(w, step('k1', 'finish', { given: { result: '已清理' } }));
    await add(w, step('k2', 'note', { given: { text: '补充' } }));
    await add(w, { id: 'k3', kind: 'receipt', title: 'n', at: '', photos: [], noticeId: 9 });
    w.answers = [ok({ zh: '与现有数据冲突：李嘉欣 已派遣', en: 'conflict', reasons: [{ field: 'x', zh: '请刷新', en: 'reload' }] }, 409), ok({})];
    await drain(w);
    expect(w.sent.map((s) => s.url)).toEqual(['/api/v1/cases/7/steps', '/api/v1/notices/9/read']);
    expect(await states()).toEqual(['k1:refused', 'k2:waiting', 'k3:sent']);
    const all = await entries(w.rows, 'tan');
    expect(all[0]?.why?.zh).toBe('与现有数据冲突：李嘉欣 已派遣；请刷新');
    expect(all[0]?.step?.given).toEqual({ result: '已清理' });
    expect(blocked(all[1]!, all)?.id).toBe('k1');
    await again(w, all[0]!, 9);
    w.answers = [ok({ version: 10 }), ok({ version: 11 })];
    w.sent = [];
    await drain(w);
    expect(w.sent.map((s) => [s.key, (s.body as { version: number }).version])).toEqual([['k1', 9], ['k2', 10]]);
  });

  it('uploads each picture once, and tells in words where the server takes none', async () => {
    await add(w, step('k', 'self_handle', { given: { result: 'x' } }, [photo('p1', 'before'), photo('p2', 'after')]));
    w.answers = [ok({ attachment_id: 11 }, 201), ok({}, 404)];
    expect(await drain(w)).toBe('done');
    const [waiting] = await entries(w.rows, 'tan');
    expect(waiting?.state).toBe('waiting');
    expect(waiting?.why?.zh).toContain('尚未启用附件');
    w.answers = [ok({ attachment_id: 12 }, 201), ok({ version: 5 })];
    w.sent = [];
    w.ms += 400_000;
    await drain(w);
    expect(w.sent.map((s) => s.key)).toEqual(['p2', 'k']);
    expect((w.sent[1]?.body as { given: object }).given).toMatchObject({ photo_before: ['11'], photo_after: ['12'] });
    expect((await entries(w.rows, 'tan'))[0]?.photos.map((p) => p.blob)).toEqual([null, null]);
  });

  it('waits longer after each failure, and at once when it is told to', async () => {
    await add(w, step('k', 'sign'));
    for (let i = 0; i < 3; i++) {
      w.answers = [ok({}, 503)];
      expect(await drain(w, true)).toBe('trouble');
    }
    w.sent = [];
    await drain(w);
    expect(w.sent).toEqual([]);
    w.ms += 8000;
    await drain(w);
    expect(w.sent).toHaveLength(1);
  });

  it('stops when the officer is signed out, and never sends what another has done', async () => {
    await add(w, step('k', 'sign'));
    w.answers = [ok({ zh: '请先登录', en: 'Sign in first' }, 401)];
    expect(await drain(w)).toBe('signed-out');
    w.login = 'he';
    w.sent = [];
    expect(await drain(w, true)).toBe('done');
    expect(w.sent).toEqual([]);
    w.login = 'tan';
    expect(await states()).toEqual(['k:waiting']);
  });

  it('a report is heard first and once, then its pictures are sent to it', async () => {
    await add(w, { id: 'e', kind: 'event', title: 't', at: '', photos: [photo('p')], event: { title: 't' } });
    w.answers = [ok({ event_id: 31, state: 'created' }, 201), 'no network'];
    expect(await drain(w)).toBe('offline');
    w.answers = [ok({ attachment_id: 4 }, 201)];
    expect(await drain(w, true)).toBe('done');
    expect(w.sent.map((s) => s.url)).toEqual(['/api/v1/events', '/api/v1/attachments', '/api/v1/attachments']);
    expect((w.sent[2]?.body as FormData).get('event_id')).toBe('31');
    expect(await states()).toEqual(['e:sent']);
  });

  it('what is asked of the server names the thing done', () => {
    const [url, init] = request({ id: 'r', noticeId: 9, photos: [] } as unknown as Entry);
    expect([url, init.body]).toEqual(['/api/v1/notices/9/read', '{}']);
  });
});

describe('a case ahead of the server', () => {
  const spec = (key: string, to = '', needs: string[] = []): StepSpec => ({ key, to, needs, title: { zh: key, en: key } });
  const steps = { forwarded: [spec('sign', 'handling'), spec('return', 'accepted', ['reason'])], handling: [spec('finish', 'verified', ['result']), spec('arrive', '', ['place']), spec('pass_down', '', ['region'])], verified: [] };
  const mine = (progress: MyCase['progress'] = []): MyCase => ({ record: item({ id: 7 }), case_id: 7, version: 4, by: 'officer', description: '', address: '', stage: 'forwarded', hold: '', asked: '', department: null, officer: 'x', steps, progress });
  const queued = (key: string, to: string, state: Entry['state'] = 'waiting'): Entry => ({ id: key, seq: 1, login: 'tan', kind: 'step', title: key, at: '', state, tries: 0, notBefore: 0, photos: [], step: { caseId: 7, version: 4, key, to, given: {} } });

  it('goes on from stage to stage with what waits on the phone', () => {
    expect(ahead(mine(), []).main?.key).toBe('sign');
    const signed = ahead(mine(), [queued('sign', 'handling')]);
    expect([signed.stage, signed.main?.key, signed.rest.map((s) => s.key)]).toEqual(['handling', 'arrive', ['finish']]);
    const there = ahead(mine(), [queued('sign', 'handling'), queued('arrive', '')]);
    expect([there.main?.key, there.arrived]).toEqual(['finish', true]);
    const done = ahead(mine(), [queued('sign', 'handling'), queued('finish', 'verified')]);
    expect([done.stage, done.main]).toEqual(['verified', undefined]);
  });

  it('an arrival stays through what others do in the stage, and is asked for again in the next round', () => {
    const did = (key: string, stage: string): MyCase['progress'][number] => ({ ...({} as MyCase['progress'][number]), step: key, stage });
    const at = (...progress: MyCase['progress']): MyCase => ({ ...mine(progress), stage: 'handling' });
    const there = [did('sign', 'handling'), did('arrive', 'handling')];
    expect(ahead(at(...there, did('ask_extension', 'handling'), did('urge', 'handling')), []).main?.key).toBe('finish');
    expect(ahead(at(...there, did('finish', 'verified'), did('rework', 'handling')), []).main?.key).toBe('arrive');
  });

  it('what was refused or sent moves nothing', () => {
    expect(ahead(mine(), [queued('sign', 'handling', 'refused')]).stage).toBe('forwarded');
    expect(ahead(mine(), [queued('sign', 'handling', 'sent')]).stage).toBe('forwarded');
  });

  it('distances are those of the sphere', () => {
    expect(metres({ lon: 111, lat: 21 }, { lon: 111, lat: 21.001 })).toBeCloseTo(111.2, 0);
    expect([distance(0.2), distance(380.4), distance(2440), distance(28_400)]).toEqual(['1 m', '380 m', '2.4 km', '28 km']);
  });
});
