import * as React from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import golden from '../../tests/golden/shell.json';
import { page, type PageProps } from '../src/core/page';
import { CountRow } from '../src/ui/counters';
import { LiveList } from '../src/ui/LiveList';
import { Clock } from '../src/ui/status';

const components: Record<string, React.ComponentType<never>> = { LiveList, CountRow, Clock } as never;

/** What differs on purpose: the time element's machine time, focus of a live list, the width-dependent first row count. */
const same = (html: string): string => html.replace(/ datetime="[^"]*"/i, '').replace(/ tabindex="0"/, '').replaceAll('&quot;', '"').replaceAll('&#x27;', "'");

describe('first HTML of Python and of the browser', () => {
  const context = page({ ...(golden.page as PageProps) });
  for (const [name, c] of Object.entries(golden.cases))
    it(name, () => {
      context.live.store.replace((c.props as { rows?: never[] }).rows ?? []);
      const html = renderToStaticMarkup(React.createElement(components[c.type]!, c.props as never));
      expect(same(html)).toBe(same(c.html));
    });
});
