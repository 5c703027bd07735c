/** Words of the camera wall: the same file Python reads. Loaded with this module only. */
import words from '../../../ioc/words/video.json';
import type { Lang } from '../core/types';

type Key = keyof typeof words;
export type VideoWord = Key extends `video.${infer Name}` ? Name : never;

export function say(key: VideoWord, lang: Lang, values: Record<string, string | number> = {}): string {
  return words[`video.${key}`][lang].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
}
