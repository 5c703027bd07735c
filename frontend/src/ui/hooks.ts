import * as React from 'react';
import type { Signal } from '../core/emit';
import { page } from '../core/page';

export function useSignal<T>(signal: Signal<T>): T {
  return React.useSyncExternalStore(
    React.useCallback((fn: () => void) => signal.on(fn), [signal]),
    () => signal.value,
    () => signal.value,
  );
}

/** Version of the record store; the component re-renders when rows change. */
export function useRows(): number {
  const { live } = page();
  return React.useSyncExternalStore(
    React.useCallback((fn: () => void) => live.store.onChange(fn), [live]),
    () => live.store.version,
    () => live.store.version,
  );
}

/** Server time in ms, once a second (or every `everyS`). */
export function useNow(everyS = 1): number {
  const { clock } = page();
  const [now, set] = React.useState(() => clock.now());
  React.useEffect(
    () =>
      clock.onTick((ms) => {
        if (everyS === 1 || Math.floor(ms / 1000) % everyS === 0) set(ms);
      }),
    [clock, everyS],
  );
  return now;
}

/** Listens to a window event of the bundle. */
export function useEvent<T>(name: string, fn: (detail: T, event: CustomEvent<T>) => void): void {
  const ref = React.useRef(fn);
  ref.current = fn;
  React.useEffect(() => {
    const on = (e: Event): void => ref.current((e as CustomEvent<T>).detail, e as CustomEvent<T>);
    window.addEventListener(name, on);
    return () => window.removeEventListener(name, on);
  }, [name]);
}

export interface Base {
  id?: string;
  className?: string;
  style?: React.CSSProperties;
  setProps?: (props: Record<string, unknown>) => void;
}

export const cx = (...names: (string | false | null | undefined)[]): string => names.filter(Boolean).join(' ');
