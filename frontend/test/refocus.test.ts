import { beforeAll, beforeEach, expect, it } from 'vitest';
import { installRefocus } from '../src/core/refocus';

const settled = () => new Promise((r) => setTimeout(r, 20));
let version = 0;
const panel = (...words: string[]) => words.map((w) => `<li><button data-do="go" data-step='{"version":${++version}}'>${w}</button></li>`).join('');

beforeAll(installRefocus);
beforeEach(() => {
  document.body.innerHTML = `<section id="part"><ul id="list">${panel('甲', '乙', '乙')}</ul></section><button id="other"></button>`;
});
const focused = () => document.activeElement?.textContent ?? '';
const buttons = () => [...document.querySelectorAll<HTMLElement>('#part button')];
const again = (...words: string[]) => {
  document.getElementById('part')!.innerHTML = `<ul id="list">${panel(...words)}</ul>`;
};

it('goes over to the same control of a part that is made anew', async () => {
  buttons()[2]!.focus();
  again('丙', '乙', '乙');
  await settled();
  expect(document.activeElement).toBe(buttons()[2]);
  again('乙', '乙', '丁');
  await settled();
  expect(document.activeElement).toBe(buttons()[1]);
});

it('does nothing where the control is gone', async () => {
  buttons()[0]!.focus();
  again('乙');
  await settled();
  expect(document.activeElement).toBe(document.body);
});

it('takes the focus from nobody, and gives none to what was left', async () => {
  buttons()[0]!.focus();
  document.getElementById('other')!.focus();
  again('甲');
  await settled();
  expect(document.activeElement?.id).toBe('other');
  buttons()[0]!.focus();
  expect(focused()).toBe('甲');
  buttons()[0]!.blur();
  await settled();
  again('甲');
  await settled();
  expect(document.activeElement).toBe(document.body);
});
