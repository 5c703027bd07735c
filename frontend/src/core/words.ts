/** Words of the browser's own parts: the same file Python reads (ioc/words/ui.json). Words about data come from the server. */
import words from '../../../ioc/words/ui.json';
import type { Lang } from './types';

type Key = keyof typeof words;
export type Word = Key extends `ui.${infer Name}` ? Name : never;

export function word(key: Word, lang: Lang, values: Record<string, string | number> = {}): string {
  const text = words[`ui.${key}`][lang];
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
}

export const ROMAN = ['', 'Ⅰ', 'Ⅱ', 'Ⅲ', 'Ⅳ'] as const;
export const WEEKDAYS: Record<Lang, readonly string[]> = {
  zh: ['周日', '周一', '周二', '周三', '周四', '周五', '周六'],
  en: ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'],
};
