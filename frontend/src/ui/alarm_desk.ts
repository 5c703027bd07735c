/** The page's one feed of alarms and its sound, and what people do with an alarm. */
import * as React from 'react';
import { say } from '../core/alarm_words';
import type { Action, Alarm, Flood, Row } from '../core/alarms';
import { Signal } from '../core/emit';
import { page, setStore } from '../core/page';
import type { Lang, Text } from '../core/types';
import { AlarmFeed } from '../live/alarms';
import { SeatJournal } from '../live/alarm_said';
import { AlarmSound } from '../live/alarm_sound';

/** What the server says of the asker and of the choices (ioc/screens/alarms.py). */
export interface AlarmSetup {
  rights: string[];
  who: string;
  shelf: number[];
  shelfMax: number;
  causes: [string, Text][];
  flows: [string, Text][];
}

export const NO_SETUP: AlarmSetup = { rights: [], who: '', shelf: [], shelfMax: 0, causes: [], flows: [] };

const RIGHT: Record<Action, string> = {
  ack: 'alarm.ack',
  shelve: 'alarm.shelve',
  unshelve: 'alarm.shelve',
  false_alarm: 'alarm.ack',
  out_of_service: 'alarm.service',
  in_service: 'alarm.service',
  case: 'case.accept',
};

export interface Asked {
  action: Action;
  row: Alarm;
}

class AlarmDesk {
  readonly feed: AlarmFeed;
  readonly sound: AlarmSound | null;
  readonly journal: SeatJournal | null;
  readonly asked = new Signal<Asked | null>(null);
  /** What the last action at once (acknowledging, putting back) was answered with when it was refused. */
  readonly said = new Signal<string>('');
  setup: AlarmSetup = NO_SETUP;
  private busy = new Set<string>();

  constructor(priority: string, silent: boolean) {
    const p = page();
    this.feed = new AlarmFeed(p.live, () => p.url.value.region, priority);
    const journal = silent ? null : new SeatJournal(() => p.clock.now());
    this.journal = journal;
    this.sound = journal && new AlarmSound(() => this.feed.sorted(), () => p.clock.now(), () => this.feed.loaded, (entry, seconds) => journal.say(entry, seconds));
    if (this.sound) {
      this.feed.onChange(() => this.sound?.check());
      p.clock.onTick(() => this.sound?.check());
    }
    this.feed.start();
  }

  may(row: Row, action: Action): boolean {
    const { rights } = this.setup;
    return row.may.includes(action) && (rights.includes('*') || rights.includes(RIGHT[action]));
  }

  /** Acknowledging and putting back need no word: they are done at once, everything else is asked for. */
  act(row: Row, action: Action): void {
    if (!this.may(row, action)) return;
    if (row.type === 'alarm_group') void this.ackGroup(row);
    else if (action === 'ack' || action === 'unshelve' || action === 'in_service') void this.now(row, action);
    else this.asked.set({ action, row });
  }

  private async now(row: Alarm, action: Action): Promise<void> {
    if (this.busy.has(row.key)) return;
    this.busy.add(row.key);
    const answer = await post(`/api/v1/alarms/${row.id}/${action}`, { version: row.version });
    this.busy.delete(row.key);
    this.settle(row, answer);
    this.tellRefusal(answer.said ? `${row.title[page().lang]}${page().lang === 'zh' ? '：' : ': '}${answer.said}` : '');
  }

  private async ackGroup(row: Flood): Promise<void> {
    if (this.busy.has(row.key)) return;
    this.busy.add(row.key);
    const answer = await post(`/api/v1/alarm-groups/${row.id}/ack`, {});
    this.busy.delete(row.key);
    this.tellRefusal(answer.said);
    this.feed.refresh();
    this.redraw(row.key);
  }

  private tellRefusal(text: string): void {
    this.said.set('');
    this.said.set(text);
  }

  settle(row: Alarm, answer: Answer): void {
    if (answer.alarm) this.feed.take(answer.alarm);
    else this.feed.refresh();
    window.dispatchEvent(new CustomEvent('ioc:alarms-changed'));
    this.redraw(row.key);
  }

  private redraw(key: string): void {
    if (page().url.value.sel === key) setStore('st-sel', key);
  }
}

let desk: AlarmDesk | null = null;

export function alarmDesk(options: { priority?: string; silent?: boolean } = {}): AlarmDesk {
  return (desk ??= new AlarmDesk(options.priority ?? '', options.silent ?? page().surface !== 'desk'));
}

export interface Answer {
  alarm: Alarm | null;
  said: string;
  conflict: boolean;
  caseId: number | null;
}

/** Sends and reads the server's own words; a line that is down is told apart from a refusal. */
export async function post(url: string, body: unknown, lang: Lang = page().lang): Promise<Answer> {
  try {
    const response = await fetch(url, { method: 'POST', credentials: 'same-origin', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
    const given = (await response.json()) as Record<string, unknown>;
    if (response.ok) return { alarm: given['key'] ? (given as unknown as Alarm) : null, said: '', conflict: false, caseId: (given['case'] as { case_id?: number } | undefined)?.case_id ?? null };
    return { alarm: null, said: refusal(given, lang), conflict: response.status === 409, caseId: null };
  } catch (error) {
    if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
    return { alarm: null, said: say('offline', lang), conflict: false, caseId: null };
  }
}

export function refusal(given: Record<string, unknown>, lang: Lang): string {
  const reasons = ((given['reasons'] as (Text & { field: string })[] | undefined) ?? []).map((r) => r[lang]);
  return [String(given[lang] ?? given['zh'] ?? ''), ...reasons].filter(Boolean).join(lang === 'en' ? '; ' : '；');
}

export function useAlarms(): AlarmDesk {
  const d = alarmDesk();
  React.useSyncExternalStore(
    React.useCallback((fn: () => void) => d.feed.onChange(fn), [d]),
    () => d.feed.version,
    () => d.feed.version,
  );
  return d;
}
