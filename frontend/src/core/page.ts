/** The page's singletons, made once by `Page` (or by the first component that needs them). */
import { LiveClient } from '../live/client';
import { ClosedToday } from '../live/closed';
import { Mine } from '../live/mine';
import { ServerClock } from './clock';
import { GridColour } from './colour';
import { Signal, throttle } from './emit';
import { tickFresh } from './fresh';
import { pastOf } from './past';
import { Picked } from './picked';
import { Ready } from './ready';
import type { Change, Item, Lang } from './types';
import { UrlStore } from './url';

export interface PageProps {
  surface?: 'wall' | 'desk' | 'embed';
  lang?: Lang;
  theme?: 'dark' | 'light';
  timezone?: string;
  now?: string | null;
  fixedNow?: string | null;
  region?: string;
  mode?: 'sse' | 'poll' | 'off' | 'past';
  still?: boolean;
  bundle?: string;
  rows?: Item[];
}

declare global {
  interface Window {
    dash_clientside?: { set_props?: (id: string, props: Record<string, unknown>) => void };
    iocReady?: Ready;
    iocPage?: PageContext;
  }
}

/** Sets a dcc.Store; a page without that store is no error. */
export function setStore(id: string, data: unknown): void {
  if (document.getElementById(id) === null && !hasDashId(id)) return;
  window.dash_clientside?.set_props?.(id, { data });
}

/** dcc.Store draws nothing, so the id is looked for in Dash's own table of ids. */
function hasDashId(id: string): boolean {
  const store = (window as unknown as { dash_stores?: { getState: () => { paths?: { strs?: Record<string, unknown> } } }[] }).dash_stores;
  const strs = store?.[0]?.getState().paths?.strs;
  return strs === undefined || id in strs;
}

const CALM_MS = 10_000;
/** What the lists Python draws speak of. */
const LISTED: ReadonlySet<string> = new Set(['case', 'event', 'supervision', 'reload']);

export class PageContext {
  readonly clock: ServerClock;
  readonly url: UrlStore;
  readonly ready: Ready;
  readonly live: LiveClient;
  readonly picked = new Picked();
  readonly mine: Mine;
  readonly closed: ClosedToday;
  readonly colour: GridColour;
  readonly theme: Signal<'dark' | 'light'>;
  surface: 'wall' | 'desk' | 'embed' = 'desk';
  lang: Lang = 'zh';
  still = false;
  bundle = '';
  private readonly kpi = { n: 0, codes: new Set<string>() };
  private readonly liveState = { n: 0, incidents: 0, warnings: 0, sources: 0, resync: 0, day: '' };
  private readonly asked = { duty: 0, views: 0, many: 0, list: 0 };
  /** Panels that are asked for again as a whole: who is on duty, saved views. */
  private readonly sendDuty = throttle(this.calmly(() => setStore('st-duty', ++this.asked.duty)), 500);
  private readonly sendViews = throttle(this.calmly(() => setStore('st-views', ++this.asked.views)), 500);
  private readonly sendPicked = throttle(() => setStore('st-many', { keys: this.picked.list(), n: ++this.asked.many }), 250);
  private readonly sendKpi = throttle(this.calmly(() => this.flushKpi()), 1000);
  private readonly sendLive = throttle(this.calmly(() => setStore('st-live', { ...this.liveState, n: ++this.liveState.n })), 1000);
  /** The page's own list, where Python draws it whole: 督办, the village page. */
  private readonly sendList = throttle(this.calmly(() => setStore('st-list', ++this.asked.list)), 3000);
  /** The open detail, drawn again: what it shows has changed, or may have while nothing was heard. */
  private readonly drawDetail = throttle(this.calmly(() => setStore('st-sel', this.url.value.sel)), 500);
  /** Nothing is fetched anew before the page, made a moment ago, is complete; ten seconds at most. */
  private readonly calm: Promise<void>;

  constructor(props: PageProps) {
    const html = document.documentElement;
    this.surface = props.surface ?? (html.dataset['surface'] as PageContext['surface'] | undefined) ?? 'desk';
    this.lang = props.lang ?? (html.lang.startsWith('en') ? 'en' : 'zh');
    this.theme = new Signal<'dark' | 'light'>(props.theme ?? (html.dataset['theme'] === 'light' ? 'light' : 'dark'));
    this.still = props.still ?? new URLSearchParams(location.search).get('still') === '1';
    this.bundle = props.bundle ?? document.querySelector<HTMLMetaElement>('meta[name="ioc-bundle"]')?.content ?? '';
    this.clock = new ServerClock(props.timezone ?? html.dataset['timezone'] ?? 'UTC');
    const past = pastOf(location.search);
    this.clock.configure({ fixedNow: past || (props.fixedNow ?? html.dataset['fixedNow'] ?? null), now: props.now ?? html.dataset['now'] ?? null });
    this.url = new UrlStore();
    this.colour = new GridColour(this.url, this.lang);
    this.ready = window.iocReady ??= new Ready();
    this.calm = Promise.race([this.ready.first, new Promise<void>((done) => setTimeout(done, CALM_MS))]);
    const region = props.region || this.url.value.region;
    this.live = new LiveClient({ region, mode: past ? 'past' : (props.mode ?? 'sse'), whole: this.surface === 'desk' ? this.calm : null, onServerTime: (now) => this.clock.sync(now) });
    if (props.rows) this.live.store.seed(props.rows);
    this.mine = new Mine(() => this.url.value.region);
    this.closed = new ClosedToday(() => this.url.value.region);
    this.liveState.day = this.clock.today();
    if (this.still) html.dataset['still'] = '';
  }

  boot(): void {
    this.clock.onTick((now) => tickFresh(document, now, this.lang));
    this.clock.onDay((day) => this.newDay(day));
    this.clock.tick();
    this.live.conn.on((c) => (document.body.dataset['conn'] = c));
    document.body.dataset['conn'] = this.live.conn.value;
    // A page that still says "connecting" is not complete: the first answer, or the certainty that none comes, ends it.
    this.ready.need('push');
    this.live.conn.on((c) => c !== 'connecting' && this.ready.done('push'));
    this.live.onChange((change) => this.heard(change));
    this.mine.boot(this.live, this.clock, this.calm);
    this.closed.boot(this.live, this.clock);
    this.live.onResync((reason) => {
      this.liveState.resync++;
      this.liveState.incidents++;
      if (this.url.value.sel) this.drawDetail();
      this.sendLive();
      if (reason !== 'poll') {
        this.kpiChanged([]);
        this.sendDuty();
        this.sendViews();
        this.listChanged();
      }
    });
    window.addEventListener('ioc:duty', () => this.sendDuty());
    window.addEventListener('ioc:list', () => this.listChanged());
    window.addEventListener('ioc:views', () => this.sendViews());
    this.picked.version.on(() => this.sendPicked());
    let last = this.url.value;
    this.url.state.on((s) => {
      if (s.region !== last.region) {
        this.live.setRegion(s.region);
        this.mine.ask();
        setStore('st-region', s.region);
        this.sendDuty();
        if (document.getElementById('sv-list')) this.listChanged();
      }
      if (s.sel !== last.sel) setStore('st-sel', s.sel);
      last = s;
    });
    this.live.start();
  }

  /** `fn` once, when the page is calm; calls until then are one. */
  private calmly(fn: () => void): () => void {
    let waiting = false;
    return () => {
      if (waiting) return;
      waiting = true;
      void this.calm.then(() => {
        waiting = false;
        fn();
      });
    };
  }

  /** Indicator values changed; empty: any of them. */
  kpiChanged(codes: string[]): void {
    this.kpi.n++;
    for (const code of codes.length ? codes : ['*']) this.kpi.codes.add(code);
    this.sendKpi();
  }

  private flushKpi(): void {
    const codes = this.kpi.codes.has('*') ? [] : [...this.kpi.codes];
    this.kpi.codes.clear();
    setStore('st-kpi', { n: this.kpi.n, codes });
  }

  private newDay(day: string): void {
    this.liveState.day = day;
    this.sendLive();
    this.kpiChanged([]);
    this.live.refresh('day');
    window.dispatchEvent(new CustomEvent('ioc:day', { detail: day }));
  }

  /** Asked for again only where the page has such a list. */
  private listChanged(): void {
    if (document.querySelector('#sv-list,#vil-body')) this.sendList();
  }

  private heard(change: Change): void {
    window.dispatchEvent(new CustomEvent('ioc:change', { detail: change }));
    if (LISTED.has(change.topic)) this.listChanged();
    if (change.key === this.url.value.sel) this.drawDetail();
    const record = change.record as { codes?: string[]; flow?: string; state?: string } | null;
    if (change.topic === 'indicator') this.kpiChanged(record?.codes ?? []);
    else if (change.topic === 'warning') this.bump('warnings');
    else if (change.topic === 'source') this.bump('sources');
    else if (change.topic === 'reload') this.bump('resync');
    else if (change.topic === 'notice') window.dispatchEvent(new CustomEvent('ioc:notice'));
    else if (change.topic === 'duty') this.sendDuty();
    else if (change.topic === 'view') this.sendViews();
    else if (change.topic === 'wall') window.dispatchEvent(new CustomEvent('ioc:wall', { detail: change }));
    else if ((change.topic === 'case' || change.topic === 'event') && (record === null || record.flow === 'incident')) this.bump('incidents');
  }

  private bump(what: 'incidents' | 'warnings' | 'sources' | 'resync'): void {
    this.liveState[what]++;
    this.sendLive();
  }
}

/** The page's context; components mounted before `Page` get one from the document's data attributes. */
export function page(props: PageProps = {}): PageContext {
  if (!window.iocPage) {
    window.iocPage = new PageContext(props);
    window.iocPage.boot();
  }
  return window.iocPage;
}
