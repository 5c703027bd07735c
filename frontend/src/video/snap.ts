/** 抓拍 beside an incident: what the pane shows becomes a picture in its log, with whose picture it is and how far that is proven. */
import { clockTime } from '../core/format';
import type { PageContext } from '../core/page';
import { call, Refused, type State } from './api';
import { h } from './dom';
import { say } from './words';

interface Pane {
  readonly el: HTMLElement;
  readonly viewId: number;
  readonly state: State;
  readonly camera: { name: string } | null;
  picture(): Promise<Blob | null>;
}

/** A button in the corner of the pane. */
export function snapper(pane: Pane, caseId: number, page: PageContext): HTMLButtonElement {
  const { lang } = page;
  const button = h('button', { type: 'button', class: 'btn s cam-snap', title: say('snapshot_log', lang) }, say('snapshot', lang));
  button.addEventListener('click', () => {
    button.disabled = true;
    void snapshot(pane, caseId, page)
      .then(() => tell(say('snapshot_logged', lang), true))
      .catch((error: unknown) => tell(error instanceof Refused ? error.words[lang] : say('failed', lang), false))
      .finally(() => (button.disabled = false));
  });
  return button;
}

/** Raises Refused, also where there is no picture that may be shown. */
async function snapshot(pane: Pane, caseId: number, page: PageContext): Promise<void> {
  const { viewId, state } = pane;
  const picture = await pane.picture();
  if (!viewId || !picture) throw new Refused(0, { zh: say('snapshot_none', 'zh'), en: say('snapshot_none', 'en') }, 'covered');
  const at = page.clock.now();
  const kept = await call<{ attachment_id: number }>('POST', `views/${viewId}/snapshot`, picture);
  const text = [say('snapshot', page.lang), pane.camera?.name ?? '', say(state, page.lang), clockTime(at, page.clock.zone())].filter(Boolean).join(' · ');
  const answer = await fetch(`/api/v1/incidents/${caseId}/acts`, {
    method: 'POST',
    credentials: 'same-origin',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': `snapshot-${kept.attachment_id}` },
    body: JSON.stringify({ act: 'log', given: { text, photos: [kept.attachment_id] } }),
  });
  if (answer.ok) return;
  const said = (await answer.json().catch(() => ({}))) as { zh?: string; en?: string };
  throw new Refused(answer.status, { zh: said.zh ?? say('failed', 'zh'), en: said.en ?? say('failed', 'en') }, '');
}

/** Where the page of an incident says what was done. */
function tell(text: string, good: boolean): void {
  window.dispatchEvent(new CustomEvent('ioc:command-say', { detail: { text, good } }));
}
