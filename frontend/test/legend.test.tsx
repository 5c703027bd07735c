import * as React from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { PageContext } from '../src/core/page';
import type { LayerEntry } from '../src/core/types';
import { LayerPanel } from '../src/ui/LayerPanel';
import { DeviceDisc, DeviceDot } from '../src/ui/marks';

describe('legend of the layer panel', () => {
  const layer = (key: string, legend: string[]): LayerEntry => ({ key, title: key, theme: 't', icon: 'camera', count: null, visible: true, order: 1, legend: legend.map((s) => ({ swatch: s as never, text: s })) });
  it('draws the marks of lists and map', () => {
    window.iocPage = new PageContext({ mode: 'off', lang: 'zh' });
    const html = renderToStaticMarkup(<LayerPanel layers={[layer('case', ['critical', 'urgent', 'routine']), layer('camera', ['online', 'offline', 'fault', 'exceeded'])]} />);
    const box = document.body.appendChild(document.createElement('div'));
    box.innerHTML = html;
    expect([...box.querySelectorAll('.lgs .ug')].map((e) => e.getAttribute('class'))).toEqual(['ug ug2', 'ug ug1', 'ug ug0']);
    expect(box.querySelectorAll('.lgs .dd')).toHaveLength(4);
    expect(html).not.toContain('sw-');
  });
  it('tells four states apart without colour', () => {
    const draw = (state: 'on' | 'off' | 'fault' | 'ex'): string => renderToStaticMarkup(<DeviceDot state={state} />);
    const all = (['on', 'off', 'fault', 'ex'] as const).map(draw);
    expect(new Set(all).size).toBe(4);
    expect(draw('fault')).toContain('stroke-dasharray="2 1.6"');
    expect(draw('off')).not.toContain('stroke-dasharray');
    const discs = (['on', 'off', 'fault', 'ex'] as const).map((s) => renderToStaticMarkup(<DeviceDisc icon="sensor" state={s} />));
    expect(new Set(discs).size).toBe(4);
    expect(draw('ex')).toContain('var(--dev-bg)');
  });
});
