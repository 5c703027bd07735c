import { describe, expect, it } from 'vitest';
import { kept } from '../src/map/imagery';

describe('imagery', () => {
  it('is off until it was switched on, and keeps how much is seen', () => {
    expect(kept(null)).toEqual({ on: false, percent: 70 });
    expect(kept('1:35')).toEqual({ on: true, percent: 35 });
    expect(kept('0:100')).toEqual({ on: false, percent: 100 });
    for (const bad of ['1:0', '1:x', '1:', '1:400', '1']) expect(kept(bad)).toEqual({ on: true, percent: 70 });
  });
});
