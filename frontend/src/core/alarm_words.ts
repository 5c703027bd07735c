/** Words of the alarm desk: the same file Python reads (ioc/words/alarmdesk.json). Words about data come from the server. */
import words from '../../../ioc/words/alarmdesk.json';
import type { Lang } from './types';

type Key = keyof typeof words;
export type AlarmWord = Key extends `alarm.${infer Name}` ? Name : never;

export function say(key: AlarmWord, lang: Lang, values: Record<string, string | number> = {}): string {
  return words[`alarm.${key}`][lang].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
}

/** Name of a parameter of a rule; one that has no word keeps its own. */
export function paramName(name: string, lang: Lang): string {
  return (words as Record<string, { zh: string; en: string }>)[`alarm.param.${name}`]?.[lang] ?? name;
}
