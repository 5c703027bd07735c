/** The officer's page `/m`: which screen is shown, and drawing it anew when something changes. */
import { App } from './app';
import { CaseView } from './case';
import { openRows } from './db';
import { h } from './dom';
import { applyTheme, chosenLang } from './look';
import { inboxView, meView } from './me';
import { strip } from './parts';
import { MapView } from './place';
import { ReportView } from './report';
import { VisitView } from './visit';
import { PastView, walkBar, walksView, WalkView } from './walks';
import { warnBar } from './warn';
import { word, type Word } from './words';
import { workView } from './work';

applyTheme();

interface Screen {
  nodes: HTMLElement[];
  update(): void;
  leave?(): void;
}

class Page {
  private screen: Screen | null = null;
  private route = '';
  private readonly view = document.getElementById('view')!;
  private readonly strip = document.getElementById('strip')!;
  private readonly warn = document.getElementById('warn')!;
  private readonly walk = document.getElementById('walk')!;

  constructor(private readonly app: App) {
    app.on(() => this.draw());
    window.addEventListener('hashchange', () => this.open());
    window.addEventListener('ioc:lang', () => this.open(true));
    window.addEventListener('pagehide', () => this.screen?.leave?.());
  }

  open(anew = false): void {
    const route = location.hash.replace(/^#\/?/, '');
    if (route === this.route && this.screen && !anew) return;
    this.screen?.leave?.();
    const moved = this.route !== route;
    this.route = route;
    this.screen = this.make(route);
    this.view.replaceChildren(...this.screen.nodes);
    this.tabs();
    this.draw();
    if (moved) this.view.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true });
  }

  private make(route: string): Screen {
    const { app } = this;
    const [name, id] = route.split('/');
    if (name === 'case' && /^\d+$/.test(id ?? '')) return new CaseView(app, Number(id));
    if (name === 'report') return new ReportView(app);
    if (name === 'walk' && !id) return new WalkView(app);
    if (name === 'walk') return new PastView(app, id ?? '');
    const own = app.walks.mine.some((w) => w.key === id);
    if (name === 'finding' && own) return new ReportView(app, id);
    if (name === 'visit' && own) return new VisitView(app, id ?? '');
    if (name === 'map') return new MapView(app, /^\d+$/.test(id ?? '') ? `case:${id}` : (id ?? ''));
    return this.listed(name === 'me' ? () => meView(app) : name === 'inbox' ? () => inboxView(app) : ['walks', 'finding', 'visit'].includes(name ?? '') ? () => walksView(app) : () => workView(app));
  }

  /** A screen without anything to write in is drawn anew as a whole; its place and the field in use stay. */
  private listed(make: () => HTMLElement[]): Screen {
    const screen: Screen = {
      nodes: make(),
      update: () => {
        const at = this.view.querySelector('[data-scroll]')?.scrollTop ?? 0;
        const field = document.activeElement instanceof HTMLInputElement ? document.activeElement : null;
        const [name, caret] = [field?.dataset['keep'], field?.selectionStart ?? 0];
        screen.nodes = make();
        this.view.replaceChildren(...screen.nodes);
        const box = this.view.querySelector('[data-scroll]');
        if (box) box.scrollTop = at;
        const again = name ? this.view.querySelector<HTMLInputElement>(`[data-keep="${name}"]`) : null;
        again?.focus();
        again?.setSelectionRange(caret, caret);
      },
    };
    return screen;
  }

  private draw(): void {
    this.screen?.update();
    this.bar(this.strip, strip(this.app));
    this.bar(this.warn, warnBar(this.app));
    this.bar(this.walk, this.route === 'walk' ? null : walkBar(this.app));
    document.body.dataset['net'] = this.app.net;
  }

  /** Read aloud when it changes, not every fifteen seconds; what has the focus keeps it. */
  private bar(box: HTMLElement, line: HTMLElement | null): void {
    const held = box.contains(document.activeElement);
    if (box.textContent !== (line?.textContent ?? '') || Boolean(line) === box.hidden) {
      box.replaceChildren(...(line ? [line] : []));
      if (held) line?.focus();
    }
    box.hidden = !line;
  }

  private tabs(): void {
    const current = this.route.split('/')[0] ?? '';
    const home = !['report', 'map', 'me'].includes(current);
    for (const tab of document.querySelectorAll<HTMLAnchorElement>('[data-tab]')) {
      const on = tab.dataset['tab'] === current || (tab.dataset['tab'] === '' && home);
      tab.classList.toggle('on', on);
      if (on) tab.setAttribute('aria-current', 'page');
      else tab.removeAttribute('aria-current');
      const label = tab.querySelector('span');
      if (label) label.textContent = word(tab.dataset['word'] as Word, this.app.lang);
    }
    document.body.dataset['screen'] = current || 'work';
  }
}

/** The shell opens without a network where the browser may keep it: only over TLS or on the machine itself. */
async function keepShell(): Promise<void> {
  if (!('serviceWorker' in navigator)) return;
  await navigator.serviceWorker.register('/m/sw.js', { scope: '/m' });
  const ready = await navigator.serviceWorker.ready;
  const urls = [...document.querySelectorAll<HTMLLinkElement | HTMLScriptElement>('link[rel=stylesheet],script[src]')].map((el) => (el instanceof HTMLLinkElement ? el.href : el.src));
  const fonts = performance.getEntriesByType('resource').map((r) => r.name).filter((n) => n.startsWith(location.origin) && /\.woff2/.test(n));
  ready.active?.postMessage({ type: 'keep', urls: [...new Set([`${location.origin}/m`, ...urls, ...fonts])] });
}

async function boot(): Promise<void> {
  const lang = chosenLang();
  document.documentElement.lang = lang === 'en' ? 'en' : 'zh-CN';
  let app: App;
  try {
    app = new App(await openRows());
  } catch (error) {
    console.error(error);
    document.getElementById('view')?.replaceChildren(h('p', { class: 'none2' }, h('b', {}, word('noStore', lang))));
    return;
  }
  app.lang = lang;
  await app.remembered(); // before a screen is made: one opened by its address shows the draft that is kept for it
  const page = new Page(app);
  page.open();
  document.body.dataset['ready'] = 'true';
  void app.watch(false);
  keepShell().catch((e: unknown) => console.error(e));
  await app.start();
}

if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', () => void boot());
else void boot();
