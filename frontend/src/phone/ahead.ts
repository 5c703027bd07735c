/** A case as it stands with what this phone has done and not sent yet. Which step leads where comes from the server. */
import type { Entry, MyCase, Photo, StepSpec } from './types';

const FORWARD = ['sign', 'begin', 'arrive', 'finish'];
/** Steps that need what only the desk has (lists of departments and regions, a call-back). */
const AT_DESK = new Set(['department', 'region', 'satisfaction', 'place']);

export interface Ahead {
  stage: string;
  steps: StepSpec[];
  main: StepSpec | undefined;
  rest: StepSpec[];
  arrived: boolean;
  unsent: Entry[];
}

export function ahead(c: MyCase, queue: readonly Entry[]): Ahead {
  const unsent = queue.filter((e) => e.step?.caseId === c.case_id && e.state !== 'sent');
  const live = unsent.filter((e) => e.state !== 'refused');
  const stage = live.reduce((at, e) => e.step?.to || at, c.stage);
  const steps = c.steps[stage] ?? [];
  // where the stage was entered last: 催办, 延期 and remarks afterwards do not take the arrival back
  const entered = c.progress.map((p, i) => p.stage === stage && c.progress[i - 1]?.stage !== stage).lastIndexOf(true);
  const arrived = live.some((e) => e.step?.key === 'arrive') || c.progress.slice(Math.max(entered, 0)).some((p) => p.step === 'arrive' && p.stage === stage);
  const usable = steps.filter((s) => s.key === 'arrive' || !s.needs.some((n) => AT_DESK.has(n)));
  const main = FORWARD.map((key) => usable.find((s) => s.key === key)).find((s) => s && !(s.key === 'arrive' && arrived));
  return { stage, steps: usable, main, rest: usable.filter((s) => s !== main), arrived, unsent };
}

/** Pictures a step is sent with: all of the draft, for the steps that tell of work. */
export function photosOf(step: StepSpec, photos: readonly Photo[]): Photo[] {
  return ['finish', 'self_handle', 'note'].includes(step.key) ? [...photos] : [];
}

/** Metres between two places on the sphere (mean radius 6371.0 km). */
export function metres(a: { lon: number; lat: number }, b: { lon: number; lat: number }): number {
  const rad = Math.PI / 180;
  const s = Math.sin(((b.lat - a.lat) * rad) / 2) ** 2 + Math.cos(a.lat * rad) * Math.cos(b.lat * rad) * Math.sin(((b.lon - a.lon) * rad) / 2) ** 2;
  return 2 * 6_371_000 * Math.asin(Math.min(1, Math.sqrt(s)));
}

/** `380 m`, `2.4 km`. */
export function distance(m: number): string {
  return m < 1000 ? `${Math.max(1, Math.round(m))} m` : `${(m / 1000).toFixed(m < 10_000 ? 1 : 0)} km`;
}
