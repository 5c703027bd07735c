/** A long list of which only the rows in sight are drawn; all have one height, so nothing is measured. */
import * as React from 'react';
import { Virtualizer, elementScroll, observeElementOffset, observeElementRect } from '@tanstack/virtual-core';

/** Rows drawn beyond what is in sight, on either side. */
const OVERSCAN = 6;

interface Props<T> {
  box: React.RefObject<HTMLDivElement>;
  rows: readonly T[];
  /** Height of a row, px. */
  height: number;
  render: (row: T) => React.ReactElement;
}

/** Brings row `index` into sight, when it is not. */
export function reveal(box: HTMLElement | null, index: number, height: number): void {
  if (!box) return;
  const top = index * height;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + height > box.scrollTop + box.clientHeight) box.scrollTop = top + height - box.clientHeight;
}

export function Windowed<T>({ box, rows, height, render }: Props<T>): React.ReactElement {
  const [, draw] = React.useReducer((n: number) => n + 1, 0);
  const options = {
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => height,
    overscan: OVERSCAN,
    // Before it is measured: what a desk shows, so that the first picture is whole.
    initialRect: { width: 0, height: 900 },
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: draw,
  };
  const [list] = React.useState(() => new Virtualizer<HTMLDivElement, Element>(options));
  list.setOptions(options);
  React.useEffect(() => list._didMount(), [list]);
  React.useLayoutEffect(() => list._willUpdate());
  const seen = list.getVirtualItems();
  const [first, last] = [seen[0]?.index ?? 0, (seen[seen.length - 1]?.index ?? -1) + 1];
  return (
    <>
      {first > 0 ? <div style={{ height: first * height }} aria-hidden="true" /> : null}
      {rows.slice(first, last).map(render)}
      {rows.length > last ? <div style={{ height: (rows.length - last) * height }} aria-hidden="true" /> : null}
    </>
  );
}
