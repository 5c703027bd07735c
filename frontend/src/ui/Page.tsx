import * as React from 'react';
import { installActions } from '../core/actions';
import { fillCounts } from '../core/counts';
import { page, type PageProps } from '../core/page';
import { installWatchdog } from '../core/watchdog';
import type { Base } from './hooks';
import { installReplay } from './replay';

let installed = false;

/** Boots the page's singletons before its siblings render; draws nothing. */
export function Page(props: Base & PageProps): React.ReactElement | null {
  React.useState(() => {
    const p = page(props);
    if (!installed) {
      installed = true;
      installActions(p);
      installReplay(p);
      // Once a second too: a panel that Python has just rendered anew carries the numbers of its own moment.
      p.live.counts.on((c) => fillCounts(document, c));
      p.clock.onTick(() => fillCounts(document, p.live.counts.value));
      if (p.surface === 'wall') installWatchdog(p);
    }
  });
  React.useEffect(() => {
    // Siblings mount in the same commit or right after; two frames let late ones register their need.
    const p = page();
    const id = requestAnimationFrame(() => requestAnimationFrame(() => p.ready.arm()));
    return () => cancelAnimationFrame(id);
  }, []);
  return null;
}
