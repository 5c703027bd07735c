/** Shapes of the server's JSON (docs/live.md, tests/golden). Nothing here is computed: the server sends labels and times. */

export type Lang = 'zh' | 'en';
export interface Text {
  zh: string;
  en: string;
}

export type Urgency = 'routine' | 'urgent' | 'critical';

/** A row of the work list: case, incident or event. */
export interface Item {
  key: string;
  type: 'case' | 'event';
  id: number;
  number: string;
  flow: string;
  flow_text: Text;
  title: string;
  place: string;
  place_short: string;
  urgency: Urgency;
  level: number | null;
  provisional: boolean;
  stage_text: Text;
  stage_index: number;
  stage_count: number;
  stages: Text[];
  due_at: string | null;
  due_kind: 'countdown' | 'date' | 'none';
  due_label: Text | null;
  source: string;
  source_text: string | Text;
  icon: string;
  lon: number | null;
  lat: number | null;
  region_id: number;
  region_code: string;
  region_ids: number[];
  occurred_at: string;
  opened_at: string;
  closed: boolean;
  /** Of what is over and still waits for the reader: for what. */
  awaits?: Text;
  suspected: boolean;
  /** Keys of grid topics; `other` for a category of none. */
  topics: string[];
  origin: string;
  version: number;
}

export interface Counts {
  open: number;
  critical: number;
  urgent: number;
  routine: number;
  overdue: number;
  incidents: Record<string, number>;
  provisional: Record<string, number>;
  today: number;
  closed_today: number;
  hours: (number | null)[];
  hours_last_week: number[];
  devices: Record<string, number>;
}

export interface Snapshot {
  v: number;
  feed: { epoch: string | number; last_no: number };
  now: string;
  counts: Counts;
  rows: Item[];
  /** Open rows in all, and where the next page of them begins. */
  total?: number;
  next?: string | null;
}

export interface Change {
  v: number;
  no: number;
  topic: string;
  op: string;
  key: string;
  region_id: number | null;
  at: string;
  record: unknown;
}

export interface Beat {
  now: string;
  last_no: number;
  lag_ms: number | null;
  store: 'ok' | 'down';
}

export type Conn = 'connecting' | 'open' | 'lost' | 'signed-out' | 'off';

export interface LegendItem {
  /** 疑似: the same mark, hollow and dashed. */
  suspected?: boolean;
  swatch: 'ramp' | 'line' | 'icon' | 'fill' | 'warning' | 'ahead' | Urgency | 'online' | 'offline' | 'fault' | 'exceeded' | 'alarm1' | 'alarm2' | 'alarm3' | 'alarm4' | 'alarm_unack' | 'hazard1' | 'hazard2' | 'hazard3' | 'hazard4';
  text: string;
  icon?: string;
  steps?: number[];
}

export interface LayerEntry {
  key: string;
  title: string | Text;
  theme: string | Text;
  icon: string;
  count: number | null;
  visible: boolean;
  order: number;
  legend?: LegendItem[];
  ok?: boolean;
  unit?: string | Text;
  /** What its areas can be coloured by. */
  colours?: { key: string; title: string }[];
}

/** Text in the page's language; a plain string is already in it. */
export function pick(text: string | Text | null | undefined, lang: Lang): string {
  if (text == null) return '';
  return typeof text === 'string' ? text : (text[lang] ?? text.zh);
}
