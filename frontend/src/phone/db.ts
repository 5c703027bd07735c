/** What the phone keeps: IndexedDB behind the few calls the page needs. Five stores, each keyed by `id`. */

export type Store = 'queue' | 'draft' | 'kept' | 'walk' | 'track';
const STORES: readonly Store[] = ['queue', 'draft', 'kept', 'walk', 'track'];
const VERSION = 2;

export interface Row {
  id: string;
}

export interface Rows {
  get<T extends Row>(store: Store, id: string): Promise<T | undefined>;
  put(store: Store, row: Row): Promise<void>;
  del(store: Store, id: string): Promise<void>;
  all<T extends Row>(store: Store): Promise<T[]>;
}

/** Opens the phone's own store. Rejects where the browser has none (private windows of some): the page says so. */
export function openRows(name = 'ioc-phone'): Promise<Rows> {
  return new Promise((done, failed) => {
    const asked = indexedDB.open(name, VERSION);
    asked.onupgradeneeded = () => {
      // a phone that has an earlier page's store keeps what is in it
      for (const store of STORES) if (!asked.result.objectStoreNames.contains(store)) asked.result.createObjectStore(store, { keyPath: 'id' });
    };
    asked.onerror = () => failed(asked.error ?? new Error('IndexedDB'));
    asked.onsuccess = () => {
      // another tab with a newer page may bring the store up to date
      asked.result.onversionchange = () => asked.result.close();
      done(rows(asked.result));
    };
  });
}

function rows(db: IDBDatabase): Rows {
  const run = <T>(store: Store, mode: IDBTransactionMode, ask: (s: IDBObjectStore) => IDBRequest<T>): Promise<T> =>
    new Promise((done, failed) => {
      // written means on the disk: a phone may be switched off a moment later
      const work = db.transaction(store, mode, { durability: mode === 'readwrite' ? 'strict' : 'default' });
      const request = ask(work.objectStore(store));
      work.oncomplete = () => done(request.result);
      work.onabort = () => failed(work.error ?? new Error('IndexedDB'));
    });
  return {
    get: (store, id) => run(store, 'readonly', (s) => s.get(id)),
    put: async (store, row) => void (await run(store, 'readwrite', (s) => s.put(row))),
    del: (store, id) => run(store, 'readwrite', (s) => s.delete(id)),
    all: (store) => run(store, 'readonly', (s) => s.getAll()),
  };
}

/** A key nobody else makes; `crypto.randomUUID` is missing on pages without TLS. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
}
