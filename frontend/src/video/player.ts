/** One live picture: HTTP-FLV or MPEG-TS by mpegts.js, HLS by hls.js, torn down to nothing when it ends. Silent: no audio is decoded. */
import Hls from 'hls.js/light';
import mpegts from 'mpegts.js';
import { mux } from './mux';

export type Kind = 'flv' | 'ts' | 'hls';

/** Why nothing comes any more; its words are `video.fault_*`. */
export type Fault = 'ended' | 'network' | 'media';

export interface Player {
  readonly kind: Kind;
  /** Pictures decoded since the player began. */
  frames(): number;
  destroy(): void;
}

mpegts.LoggingControl.applyConfig({ ...mpegts.LoggingControl.getConfig(), enableAll: false, enableError: false, enableWarn: false, enableInfo: false, enableDebug: false, enableVerbose: false });

/** What this browser can play of what the platform offers; the quickest first. */
export function playable(kinds: readonly Kind[]): Kind[] {
  const live = mpegts.getFeatureList().mseLivePlayback;
  return (['flv', 'ts', 'hls'] as const).filter((k) => kinds.includes(k) && (k === 'hls' ? Hls.isSupported() : live));
}

/** `base()`: the address that is good now; it is another one every few seconds. `ended` is called once, when nothing comes any more. */
export function open(video: HTMLVideoElement, kind: Kind, view: number, base: () => string, ended: (why: Fault) => void): Player {
  let over = false;
  const end = (why: Fault): void => {
    if (over) return;
    over = true;
    ended(why);
  };
  const stop = kind === 'hls' ? hls(video, base, end) : stream(video, kind, view, end);
  void video.play().catch(() => undefined); // starts by itself once there is a picture
  return {
    kind,
    frames: () => video.getVideoPlaybackQuality().totalVideoFrames,
    destroy: () => {
      over = true;
      stop();
      video.removeAttribute('src');
      video.load();
    },
  };
}

/** A loader of mpegts.js that hears one view of the page's connection. */
class MuxLoader extends mpegts.BaseLoader {
  private off: (() => void) | null = null;
  private received = 0;

  constructor() {
    super('mux');
    this._needStash = true;
  }

  override open(source: { url: string }): void {
    this._status = mpegts.LoaderStatus.kConnecting;
    this.off = mux.hear(Number(new URL(source.url).hash.slice(1)), (data) => {
      if (!data) {
        this._status = mpegts.LoaderStatus.kComplete;
        this.onComplete(0, this.received - 1);
        return;
      }
      this._status = mpegts.LoaderStatus.kBuffering;
      const start = this.received;
      this.received += data.byteLength;
      this.onDataArrival(data, start, this.received);
    });
  }

  override abort(): void {
    this.off?.();
    this.off = null;
    this._status = mpegts.LoaderStatus.kComplete;
  }

  override destroy(): void {
    this.abort();
    super.destroy();
  }
}

function stream(video: HTMLVideoElement, kind: 'flv' | 'ts', view: number, end: (why: Fault) => void): () => void {
  const url = new URL(`/video/mux/#${view}`, location.href).href;
  const player = mpegts.createPlayer(
    { type: kind === 'flv' ? 'flv' : 'mpegts', isLive: true, hasAudio: false, hasVideo: true, url },
    {
      enableWorker: false, // a worker made of a blob would need no more of the CSP, but 16 of them cost more than they save
      customLoader: MuxLoader as unknown as mpegts.CustomLoaderConstructor,
      enableStashBuffer: false,
      liveBufferLatencyChasing: true,
      liveBufferLatencyMaxLatency: 3,
      liveBufferLatencyMinRemain: 0.6,
      autoCleanupSourceBuffer: true,
      autoCleanupMaxBackwardDuration: 12,
      autoCleanupMinBackwardDuration: 6,
    },
  );
  player.on(mpegts.Events.ERROR, (type: string, detail: string) => end(fault(type, detail)));
  player.on(mpegts.Events.LOADING_COMPLETE, () => end('ended'));
  player.attachMediaElement(video);
  player.load();
  return () => {
    player.off(mpegts.Events.ERROR, () => undefined);
    player.unload();
    player.detachMediaElement();
    player.destroy();
  };
}

/** What a library calls its fault, for the console; the pane says it in its own words. */
function fault(type: string, detail: string): Fault {
  console.warn('stream', type, detail);
  return /network/i.test(type) ? 'network' : 'media';
}

function hls(video: HTMLVideoElement, base: () => string, end: (why: Fault) => void): () => void {
  const player = new Hls({
    enableWorker: false,
    liveSyncDurationCount: 2,
    liveMaxLatencyDurationCount: 6,
    backBufferLength: 8,
    maxBufferLength: 12,
    // the playlist is asked for again and again: by the address that is good then
    xhrSetup: (xhr, url) => xhr.open('GET', renewed(url, base()), true),
  });
  player.on(Hls.Events.ERROR, (_event, data) => {
    if (data.fatal) end(fault(data.type, data.details));
  });
  player.loadSource(new URL(`${base()}/hls/index.m3u8`, location.href).href);
  player.attachMedia(video);
  return () => player.destroy();
}

/** The same thing under the address that is good now: `/video/<view>/<token>/rest`. */
export function renewed(url: string, base: string): string {
  return url.replace(/\/video\/\d+\/[^/]+(?=\/)/, base);
}
