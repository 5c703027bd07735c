/** Words of the alarm desk: the same file Python reads (ioc/words/alarmdesk.json). Words about data come from the server. */
import words from '../../../ioc/words/alarmdesk.json';
import type { Lang } from './types';

type Key = keyof typeof words;
export type AlarmWord = Key extends `alarm.${infer Name}` ? Name : never;

export function say(key: AlarmWord, lang: Lang, values: Record<string, string | number> = {}): string {
  return words[`alarm.${key}`][lang].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
}

const PARAMS = Object.keys(words).filter((k) => k.startsWith('alarm.param.'));

/** Parameters in the order of the words: what decides first, how it is told last. */
export function inOrder(names: readonly string[]): string[] {
  const place = (n: string): number => (PARAMS.indexOf(`alarm.param.${n}`) + 1 || 99);
  return [...names].sort((a, b) => place(a) - place(b));
}

/** Name of a parameter of a rule; one that has no word keeps its own. */
export function paramName(name: string, lang: Lang): string {
  return (words as Record<string, { zh: string; en: string }>)[`alarm.param.${name}`]?.[lang] ?? name;
}
