/** The desk's sound: tones made here (no files), one tab of a browser sounds, nothing before the officer has allowed it. */
import { decide, MUTE_MAX_MS, NOTHING, TONES, type Heard, type Tone } from '../core/alarm_sound';
import type { Row } from '../core/alarms';
import { Signal } from '../core/emit';
import type { Said } from './alarm_said';

/** `wait`: the officer must press once, browsers make no sound before; `else`: another tab of this browser sounds. */
export type SoundState = 'wait' | 'on' | 'off' | 'else' | 'none';
export interface Mute {
  until: number;
  by: string;
}

const WANTED = 'ioc.alarm.sound';
const MUTE = 'ioc.alarm.mute';
const HEARD = 'ioc.alarm.heard';
const LEASE = 'ioc.alarm.lease';
const LOCK = 'ioc-alarm-sound';
/** Hidden tabs run a timer once a minute. */
const LEASE_MS = 70_000;

/** [Hz, start s, length s] of each tone: three rising and falling, two, one. */
export const SHAPE: Record<Tone, readonly (readonly [number, number, number])[]> = {
  urgent: [
    [988, 0, 0.22],
    [1319, 0.26, 0.22],
    [988, 0.52, 0.34],
  ],
  high: [
    [784, 0, 0.2],
    [988, 0.26, 0.28],
  ],
  medium: [[659, 0, 0.3]],
};

function read<T>(key: string, instead: T): T {
  try {
    const text = localStorage.getItem(key);
    return text ? (JSON.parse(text) as T) : instead;
  } catch {
    // Storage that is blocked or broken: this page's own memory must do.
    return instead;
  }
}

function write(key: string, value: unknown): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Storage is full or blocked; the setting holds for this page.
  }
}

export class AlarmSound {
  readonly state = new Signal<SoundState>('wait');
  readonly mute = new Signal<Mute | null>(null);
  private context: AudioContext | null = null;
  private heard: Heard = read<Heard>(HEARD, NOTHING);
  private leader = false;
  private release: (() => void) | null = null;
  private asking: AbortController | null = null;
  private readonly me = crypto.getRandomValues(new Uint32Array(2)).join('-');
  private readonly channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel(LOCK);

  constructor(
    private readonly rows: () => readonly Row[],
    /** Server time: a muted tab and a slow PC mean the same two minutes. */
    private readonly now: () => number,
    private readonly ready: () => boolean,
    /** What the officer did with the sound, for the journal. */
    private readonly say: (entry: Said, seconds?: number) => void = () => undefined,
  ) {
    const muted = read<Mute | null>(MUTE, null);
    this.mute.set(muted && muted.until > now() ? muted : null);
    if (this.channel) this.channel.onmessage = () => this.shared();
    window.addEventListener('storage', (e) => (e.key === WANTED || e.key === MUTE) && this.shared());
    window.addEventListener('pagehide', () => this.stepDown());
    // Allowed once, a later page needs only any press of its own, where the browser needs one at all.
    for (const kind of ['pointerdown', 'keydown']) window.addEventListener(kind, () => this.state.value === 'wait' && this.wanted() && void this.resume(), true);
    if (typeof AudioContext === 'undefined') this.state.set('none');
    else if (read<string>(WANTED, '') === 'off') this.state.set('off');
    else if (this.wanted()) void this.resume();
  }

  private wanted(): boolean {
    return read<string>(WANTED, '') === 'on';
  }

  /** The officer's one click at the start of a shift. */
  async enable(): Promise<void> {
    if (!this.wanted() || this.state.value === 'off') this.say('sound_on');
    write(WANTED, 'on');
    this.channel?.postMessage('setting');
    await this.resume();
  }

  disable(): void {
    this.say('sound_off');
    write(WANTED, 'off');
    this.stepDown();
    this.state.set('off');
    this.channel?.postMessage('setting');
  }

  /** Silences repeats, for two minutes at most, and says who did. */
  setMute(by: string, ms = MUTE_MAX_MS): void {
    const mute = { until: this.now() + Math.min(ms, MUTE_MAX_MS), by };
    this.say('mute', Math.round(Math.min(ms, MUTE_MAX_MS) / 1000));
    write(MUTE, mute);
    this.mute.set(mute);
    this.channel?.postMessage('mute');
  }

  clearMute(): void {
    this.say('unmute');
    write(MUTE, null);
    this.mute.set(null);
    this.channel?.postMessage('mute');
    this.check();
  }

  private shared(): void {
    const muted = read<Mute | null>(MUTE, null);
    this.mute.set(muted && muted.until > this.now() ? muted : null);
    const wish = read<string>(WANTED, '');
    if (wish === 'off' && this.state.value !== 'off') {
      this.stepDown();
      this.state.set('off');
    } else if (wish === 'on' && this.state.value === 'off') {
      this.state.set('wait');
      void this.resume();
    }
  }

  private async resume(): Promise<void> {
    if (this.state.value === 'none') return;
    this.context ??= new AudioContext();
    // A blocked context answers never, not with a fault.
    await Promise.race([this.context.resume(), new Promise((done) => setTimeout(done, 400))]);
    if (this.context.state !== 'running') return this.state.set('wait');
    this.lead();
  }

  /** One tab sounds: only one that can make sound asks to be it. */
  private lead(): void {
    if (this.leader) return this.state.set('on');
    if (!this.asking) this.state.set('else');
    if (navigator.locks) {
      if (this.asking) return;
      this.asking = new AbortController();
      navigator.locks
        .request(LOCK, { signal: this.asking.signal }, () => new Promise<void>((done) => this.crown(done)))
        .catch((error: unknown) => {
          if (!(error instanceof DOMException)) throw error;
        });
    } else {
      // Plain http in an office network has no locks: a lease in the storage all tabs share.
      const lease = read<{ id: string; until: number } | null>(LEASE, null);
      if (!lease || lease.id === this.me || lease.until < Date.now()) this.crown(() => write(LEASE, null));
    }
  }

  private crown(release: () => void): void {
    this.leader = true;
    this.release = release;
    this.heard = read<Heard>(HEARD, this.heard);
    if (!navigator.locks) write(LEASE, { id: this.me, until: Date.now() + LEASE_MS });
    this.state.set('on');
    this.check();
  }

  private stepDown(): void {
    this.asking?.abort();
    this.asking = null;
    this.release?.();
    this.release = null;
    this.leader = false;
  }

  /** Called with every change of the alarms and once a second. */
  check(): void {
    const mute = this.mute.value;
    if (mute && mute.until <= this.now()) this.mute.set(null);
    if (this.context && this.state.value === 'on' && this.context.state !== 'running') {
      this.stepDown();
      this.state.set('wait');
    }
    if (!navigator.locks && this.state.value === 'else') this.lead();
    if (!this.leader || !this.ready()) return;
    if (!navigator.locks) write(LEASE, { id: this.me, until: Date.now() + LEASE_MS });
    const next = decide(this.heard, this.rows(), this.now(), this.mute.value?.until ?? 0);
    const changed = next.tone !== null || JSON.stringify(next.heard.known) !== JSON.stringify(this.heard.known);
    this.heard = next.heard;
    if (changed) write(HEARD, this.heard);
    if (next.tone) this.play(next.tone);
  }

  test(): void {
    let at = 0;
    for (const tone of [...TONES].reverse()) {
      this.play(tone, at);
      at += 1.2;
    }
  }

  private play(tone: Tone, after = 0): void {
    const context = this.context;
    if (!context) return;
    for (const [hz, start, length] of SHAPE[tone]) {
      const at = context.currentTime + after + start + 0.02;
      const source = context.createOscillator();
      const level = context.createGain();
      source.type = tone === 'urgent' ? 'square' : 'triangle';
      source.frequency.value = hz;
      // Ramps: a hard edge is a click, and a click startles without telling anything.
      level.gain.setValueAtTime(0.0001, at);
      level.gain.exponentialRampToValueAtTime(tone === 'urgent' ? 0.22 : 0.3, at + 0.02);
      level.gain.setValueAtTime(tone === 'urgent' ? 0.22 : 0.3, at + length - 0.05);
      level.gain.exponentialRampToValueAtTime(0.0001, at + length);
      source.connect(level);
      level.connect(context.destination);
      source.start(at);
      source.stop(at + length + 0.02);
    }
  }
}
