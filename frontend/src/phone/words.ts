/** Words of the officer's page: ioc/words/phone*.json, which Python reads too. */
import field from '../../../ioc/words/phone_field.json';
import page from '../../../ioc/words/phone.json';
import type { Lang } from '../core/types';

const words = { ...page, ...field };
type Key = keyof typeof words;
export type Word = Key extends `phone.${infer Name}` ? Name : never;

export function word(key: Word, lang: Lang, values: Record<string, string | number> = {}): string {
  return words[`phone.${key}`][lang].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
}
