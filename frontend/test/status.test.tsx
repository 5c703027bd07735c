import * as React from 'react';
import { createRoot } from 'react-dom/client';
import { act } from 'react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { PageContext } from '../src/core/page';
import { Ready } from '../src/core/ready';
import { ConnStrip } from '../src/ui/status';
import type { Conn } from '../src/core/types';

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

function fresh(mode: 'sse' | 'off' = 'sse'): PageContext {
  document.body.innerHTML = '';
  delete document.body.dataset['ready'];
  delete (window as { iocReady?: Ready }).iocReady;
  delete (window as { iocPage?: PageContext }).iocPage;
  vi.stubGlobal('fetch', () => new Promise(() => undefined));
  const p = new PageContext({ mode, lang: 'zh' });
  window.iocPage = p;
  p.boot();
  p.ready.arm();
  return p;
}

const frames = async (): Promise<void> => {
  for (let i = 0; i < 8; i++) await new Promise((r) => requestAnimationFrame(r));
};

afterEach(() => {
  window.iocPage?.live.stop();
  vi.unstubAllGlobals();
});

describe('data-ready and the push connection', () => {
  for (const state of ['open', 'lost', 'signed-out'] as Conn[])
    it(`waits until the connection is known: ${state}`, async () => {
      const p = fresh();
      await frames();
      expect(p.ready.waiting()).toEqual(['push']);
      expect(document.body.dataset['ready']).toBeUndefined();
      p.live.conn.set(state);
      await frames();
      expect(document.body.dataset['ready']).toBe('true');
    });
  it('does not wait where nothing is pushed', async () => {
    fresh('off');
    await frames();
    expect(document.body.dataset['ready']).toBe('true');
  });
});

describe('connection status', () => {
  it('keeps the place of the delay before the first beat and marks it as of this moment', () => {
    const p = fresh();
    const box = document.body.appendChild(document.createElement('div'));
    const root = createRoot(box);
    act(() => root.render(<ConnStrip variant="status" />));
    expect(box.querySelector('.lag')).toBeNull();
    act(() => p.live.conn.set('open'));
    expect(box.querySelector('.lag')?.textContent).toBe('');
    act(() => p.live.beat.set({ now: '2026-10-03T06:32:08Z', last_no: 1, lag_ms: 3.4, store: 'ok' }));
    expect(box.querySelector('.lag[data-volatile]')?.textContent).toBe('· 延迟 3 ms');
    expect(box.textContent).not.toContain('连接中');
    act(() => root.unmount());
  });
});
