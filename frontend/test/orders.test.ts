import { describe, expect, it } from 'vitest';
import { orderAhead } from '../src/phone/orders';
import { blocked, request } from '../src/phone/queue';
import type { Entry, Order } from '../src/phone/types';

const order: Order = {
  task_id: 9, what: '疏散', detail: '', state: 'issued', due_at: null, version: 1,
  where: { geometry: null, address: '金山村' }, incident: { number: 'TF1', title: '火情', exercise: false, over: false },
};
const entry = (id: string, seq: number, step: string, o: Partial<Entry> = {}): Entry => ({
  id, seq, login: 'tan', kind: 'task', title: step, at: '2026-11-22T06:00:00.000Z', state: 'waiting', tries: 0, notBefore: 0, photos: [],
  task: { taskId: 9, step, given: {} }, ...o,
});

describe('an order on the phone', () => {
  it('offers what comes next, also after answers that are not sent yet', () => {
    expect(orderAhead(order, []).steps).toEqual(['sign', 'unable']);
    const signed = [entry('a', 1, 'sign')];
    expect(orderAhead(order, signed)).toMatchObject({ state: 'signed', steps: ['start', 'unable'] });
    const started = [...signed, entry('b', 2, 'start')];
    expect(orderAhead(order, started).steps).toEqual(['done', 'unable']);
    expect(orderAhead(order, [...started, entry('c', 3, 'done')]).steps).toEqual([]);
    expect(orderAhead(order, [entry('a', 1, 'sign', { state: 'refused' })]).state).toBe('issued');
    expect(orderAhead({ ...order, state: 'signed' }, [entry('a', 1, 'sign', { state: 'sent' })]).state).toBe('signed');
  });

  it('goes out once, in its order, with the time it was done and its pictures', () => {
    const queue = [entry('a', 1, 'sign'), entry('b', 2, 'start'), { ...entry('x', 3, 'sign'), task: { taskId: 8, step: 'sign', given: {} } }];
    expect(blocked(queue[1]!, queue)?.id).toBe('a');
    expect(blocked(queue[2]!, queue)).toBeUndefined();
    const done = entry('c', 4, 'done', { photos: [{ key: 'p', slot: 'other', blob: null, at: '', sent: '31' }], task: { taskId: 9, step: 'done', given: { text: '已疏散' } } });
    const [url, init] = request(done);
    expect(url).toBe('/api/v1/tasks/9/steps');
    expect((init.headers as Record<string, string>)['Idempotency-Key']).toBe('c');
    expect(JSON.parse(init.body as string)).toEqual({ step: 'done', given: { text: '已疏散', photos: ['31'], done_at: '2026-11-22T06:00:00.000Z' } });
  });
});
