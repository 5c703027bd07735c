/** Keeps the shell of `/m` (page, scripts, styles, font) for the time without a network. Never data: that is the page's. */

interface Waiting extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Fetching extends Waiting {
  request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface Told extends Waiting {
  data: { type?: string; urls?: string[] } | null;
}
interface Worker {
  location: Location;
  clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(name: 'install' | 'activate', fn: (e: Waiting) => void): void;
  addEventListener(name: 'fetch', fn: (e: Fetching) => void): void;
  addEventListener(name: 'message', fn: (e: Told) => void): void;
}

const worker = self as unknown as Worker;
const CACHE = 'ioc-phone-1';
const PAGE = '/m';
const CODE = ['/assets/', '/_dash-component-suites/ioc.ui/'];
/** A page that has not come by then is taken from what is kept. */
const PATIENCE_MS = 4000;

worker.addEventListener('install', (e) => e.waitUntil(worker.skipWaiting()));
worker.addEventListener('activate', (e) => e.waitUntil(worker.clients.claim()));

worker.addEventListener('message', (e) => {
  if (e.data?.type === 'keep' && e.data.urls) e.waitUntil(keep(e.data.urls));
});

worker.addEventListener('fetch', (e) => {
  const url = new URL(e.request.url);
  if (e.request.method !== 'GET' || url.origin !== worker.location.origin) return;
  if (e.request.mode === 'navigate' && url.pathname === PAGE) e.respondWith(shell(e.request));
  else if (CODE.some((p) => url.pathname.startsWith(p))) e.respondWith(code(e.request));
});

/** All of the shell that is not kept yet; what an older page needed goes. */
async function keep(urls: string[]): Promise<void> {
  const cache = await caches.open(CACHE);
  for (const url of urls) {
    if (new URL(url).origin !== worker.location.origin) continue;
    const known = new URL(url).pathname !== PAGE && (await cache.match(url));
    if (!known) store(cache, url, await fetch(url, { credentials: 'same-origin' }));
  }
  const wanted = new Set(urls);
  for (const request of await cache.keys()) if (!wanted.has(request.url) && !/\.(woff2|mjs)/.test(request.url) && !request.url.includes('ioc_phone_map')) await cache.delete(request);
}

/** Only a good answer from here: never the sign-in page in the place of this one. */
function store(cache: Cache, key: string, answer: Response): void {
  if (answer.ok && answer.type === 'basic' && !answer.redirected) void cache.put(key, answer.clone());
}

async function shell(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const key = `${worker.location.origin}${PAGE}`;
  const kept = await cache.match(key);
  const fresh = fetch(request).then((answer) => {
    store(cache, key, answer);
    return answer;
  });
  if (!kept) return fresh;
  const late = new Promise<Response>((done) => setTimeout(() => done(kept), PATIENCE_MS));
  return Promise.race([late, fresh.then((a) => (a.status >= 500 ? kept : a)).catch(() => kept)]);
}

/** Addresses of code carry its version: what is kept is what was asked for. */
async function code(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok) store(cache, request.url, answer);
  return answer;
}
