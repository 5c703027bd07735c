/** Which layers are on: the address decides, else the layers' own defaults. */
import type { LayerEntry } from './types';

export function visibleLayers(entries: readonly LayerEntry[], fromUrl: readonly string[] | null): string[] {
  const allowed = entries.filter((e) => e.ok !== false);
  if (fromUrl) return allowed.filter((e) => fromUrl.includes(e.key)).map((e) => e.key);
  return allowed.filter((e) => e.visible).map((e) => e.key);
}

export function toggled(entries: readonly LayerEntry[], fromUrl: readonly string[] | null, key: string): string[] {
  const now = visibleLayers(entries, fromUrl);
  return now.includes(key) ? now.filter((k) => k !== key) : [...now, key];
}

/** Themes in the order of their first layer; the server sends layers in the order people look for them. */
export function byTheme<T>(entries: readonly T[], name: (e: T) => string): [string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const e of entries) {
    const key = name(e);
    groups.set(key, [...(groups.get(key) ?? []), e]);
  }
  return [...groups];
}
