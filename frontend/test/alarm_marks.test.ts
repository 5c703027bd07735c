import { describe, expect, it } from 'vitest';
import { SeatJournal, type SaidWorld } from '../src/live/alarm_said';
import { alarmLine, alarmOf } from '../src/map/alarms';
import { joined } from '../src/ui/AlarmJournal';

const TEXTS = { priorities: ['紧急告警', '高告警', '中告警', '低告警'], states: ['未确认', '已恢复未确认', '已确认'], rules: { gas_high: '燃气浓度超限' } };
const at = { lon: 1, lat: 2 };

describe('the alarm of a mark', () => {
  it('is read from the tile and named in words', () => {
    expect(alarmOf({ ...at, al: 1, as: 3, ar: 'gas_high' })).toEqual({ rank: 1, state: 3, rule: 'gas_high' });
    expect(alarmLine({ ...at, al: 1, as: 3, ar: 'gas_high' }, TEXTS)).toBe('紧急告警 · 燃气浓度超限 · 已确认');
    expect(alarmLine({ ...at, al: 2, as: 1, ar: 'gone_rule' }, TEXTS)).toBe('高告警 · 未确认');
  });
  it('is none where the tile says none, or what nobody knows', () => {
    for (const row of [at, { ...at, al: 0, as: 1 }, { ...at, al: 5, as: 1 }, { ...at, al: 1, as: 9 }]) expect(alarmOf(row)).toBeNull();
    expect(alarmLine({ ...at, al: 1, as: 1 }, null)).toBe('');
  });
});

class World implements SaidWorld {
  kept = new Map<string, string>();
  sent: { entry: string; seat: string; seconds: number | null; at: string }[] = [];
  answers: (number | 'down')[] = [];
  timers: (() => void)[] = [];
  storage = { getItem: (k: string) => this.kept.get(k) ?? null, setItem: (k: string, v: string) => void this.kept.set(k, v) };
  send = async (line: World['sent'][number]): Promise<Response> => {
    const answer = this.answers.shift() ?? 200;
    if (answer === 'down') throw new TypeError('network');
    if (answer === 200) this.sent.push(line);
    return { ok: answer === 200, status: answer } as Response;
  };
  private turn: Promise<void> = Promise.resolve();
  alone = (work: () => Promise<void>): Promise<void> => (this.turn = this.turn.then(work));
  later = (fn: () => void): number => this.timers.push(fn);
}
const settled = (): Promise<void> => new Promise((done) => setTimeout(done, 5));

describe('what a seat says of its sound', () => {
  it('waits in the browser until the server has it, also over a reload, and once only', async () => {
    const world = new World();
    world.answers = ['down', 503];
    const first = new SeatJournal(() => 1_000, world);
    first.say('mute', 120);
    await settled();
    expect(world.sent).toEqual([]);
    const again = new SeatJournal(() => 9_000, world);
    await settled();
    world.timers.forEach((fn) => fn());
    await settled();
    expect(world.sent.map((l) => [l.entry, l.seconds, l.at])).toEqual([['mute', 120, '1970-01-01T00:00:01.000Z']]);
    expect(again.waiting()).toEqual([]);
    expect(again.seat).toBe(first.seat);
    again.rename('  一号席 ');
    again.say('unmute');
    await settled();
    expect(world.sent[1]).toMatchObject({ entry: 'unmute', seat: '一号席', seconds: null });
    expect([first.sent.value, again.sent.value]).toEqual([1, 1]);
  });
  it('lets go of a line the server will never take', async () => {
    const world = new World();
    world.answers = [422];
    const seat = new SeatJournal(() => 1_000, world);
    seat.say('sound_on');
    await settled();
    seat.say('sound_off');
    await settled();
    expect(world.sent.map((l) => l.entry)).toEqual(['sound_off']);
  });
});

describe('pages of the journal', () => {
  const line = (id: number) => ({ id }) as Parameters<typeof joined>[0][number];
  it('the newest page goes before what was read, each line once', () => {
    expect(joined([line(5), line(4), line(3)], [line(7), line(6), line(5)]).map((l) => l.id)).toEqual([7, 6, 5, 4, 3]);
    expect(joined([], []).length).toBe(0);
  });
});
