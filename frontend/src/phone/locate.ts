/** Where the phone is: the exact way first, then the rough one, then what it last knew; and in words why not. */
import type { Place } from './types';

/** Epoch ms of the moment it was so. */
export interface Fix extends Place {
  accuracy_m: number;
  at: number;
}

export type Trouble = 'denied' | 'timeout' | 'unavailable' | 'insecure' | 'unsupported';

/** `fix` null: nothing; then `trouble` says why and `last` may be offered with its age. */
export interface Found {
  fix: Fix | null;
  trouble: Trouble | null;
  last: Fix | null;
}

export interface Device {
  geolocation: Pick<Geolocation, 'getCurrentPosition'> | undefined;
  secure: boolean;
  now: () => number;
}

/** Beyond this a place between houses is a guess: the officer is asked to set it right. */
export const COARSE_M = 100;
/** A place older than this says nothing about where somebody stands now. */
const LAST_MAX_MS = 2 * 3_600_000;
const EXACT: PositionOptions = { enableHighAccuracy: true, timeout: 12_000, maximumAge: 10_000 };
const ROUGH: PositionOptions = { enableHighAccuracy: false, timeout: 8_000, maximumAge: 60_000 };
const DENIED = 1;
const UNAVAILABLE = 2;

export function fixOf(p: GeolocationPosition): Fix {
  return { lon: p.coords.longitude, lat: p.coords.latitude, accuracy_m: Math.max(1, Math.round(p.coords.accuracy)), at: p.timestamp };
}

/** `rough` is called when the exact way has failed and the other is tried. */
export async function locate(device: Device, last: Fix | null, rough: () => void = () => undefined): Promise<Found> {
  const known = last && device.now() - last.at <= LAST_MAX_MS ? last : null;
  const none = (trouble: Trouble): Found => ({ fix: null, trouble, last: known });
  if (!device.secure) return none('insecure');
  if (!device.geolocation) return none('unsupported');
  let trouble: Trouble = 'unavailable';
  for (const options of [EXACT, ROUGH]) {
    if (options === ROUGH) rough();
    const got = await ask(device.geolocation, options, device.now);
    if (typeof got !== 'string') return { fix: got, trouble: null, last: known };
    trouble = got;
    if (got === 'denied') break; // asking again changes nothing
  }
  return none(trouble);
}

function ask(geolocation: Pick<Geolocation, 'getCurrentPosition'>, options: PositionOptions, now: () => number): Promise<Fix | Trouble> {
  return new Promise((done) => {
    // some phones never answer at all while the permission bubble is open or the receiver sleeps
    const late = setTimeout(() => done('timeout'), (options.timeout ?? 10_000) + 3000);
    const answer = (value: Fix | Trouble): void => {
      clearTimeout(late);
      done(value);
    };
    geolocation.getCurrentPosition(
      (p) => answer({ ...fixOf(p), at: Math.min(p.timestamp, now()) || now() }),
      (e) => answer(e.code === DENIED ? 'denied' : e.code === UNAVAILABLE ? 'unavailable' : 'timeout'),
      options,
    );
  });
}
