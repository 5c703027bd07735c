/** Language and theme: the phone's own, changed without asking the server, so that it works without one. */
import type { Lang } from '../core/types';
import type { App } from './app';

const YEAR = 'path=/;max-age=31536000;samesite=lax';

function cookie(name: string): string {
  return new RegExp(`(?:^|; )${name}=([^;]*)`).exec(document.cookie)?.[1] ?? '';
}

export function chosenLang(): Lang {
  const asked = new URLSearchParams(location.search).get('lang') ?? cookie('ioc_lang');
  return (asked || document.documentElement.lang).startsWith('en') ? 'en' : 'zh';
}

export function setLang(app: App, lang: Lang): void {
  document.cookie = `ioc_lang=${lang};${YEAR}`;
  document.documentElement.lang = lang === 'en' ? 'en' : 'zh-CN';
  history.replaceState(null, '', location.pathname + location.hash);
  app.lang = lang;
  app.changed();
  window.dispatchEvent(new CustomEvent('ioc:lang'));
}

/** '' follows the phone. */
export function themeChoice(): string {
  const asked = new URLSearchParams(location.search).get('theme') ?? cookie('ioc_theme');
  return asked === 'dark' || asked === 'light' ? asked : '';
}

export function setTheme(theme: string): void {
  document.cookie = theme ? `ioc_theme=${theme};${YEAR}` : 'ioc_theme=;path=/;max-age=0';
  applyTheme();
}

const bright = typeof matchMedia === 'function' ? matchMedia('(prefers-color-scheme: light)') : null;

export function applyTheme(): void {
  document.documentElement.dataset['theme'] = themeChoice() || (bright?.matches ? 'light' : 'dark');
}

bright?.addEventListener('change', applyTheme);
