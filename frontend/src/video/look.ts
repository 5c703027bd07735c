/** What a pane sees of its own picture: a small copy to prove it by, a signature to feel a jump of the scene.
 *
 * Pixels are read in one worker for all panes. Reading a playing picture back through a canvas makes the page wait for whatever draws it
 * (measured: a tenth of a second a look where no graphics card is, 16 panes a page that never answers); a frame that is handed over does not. */
import { cells, HIGH, shrink, WIDE } from './grey';

export interface Seen {
  /** 256 grey values. */
  signature: Float32Array;
  /** A grey JPEG of 176 x 144; null where it was not asked for. */
  copy: Blob | null;
}

interface Task {
  id: number;
  picture: VideoFrame | ImageBitmap;
  copy: boolean;
}

interface Done {
  id: number;
  signature?: Float32Array;
  copy?: Blob | null;
  fault?: string;
}

type Shrink = typeof shrink;
type Cells = typeof cells;

/** The worker: a frame comes in, its grey copy goes out. */
function work(small: Shrink, average: Cells, wide: number, high: number): void {
  const canvas = new OffscreenCanvas(wide, high);
  const ink = canvas.getContext('2d', { willReadFrequently: true });
  let planes = new Uint8Array(0);

  /** Brightness of the picture: its own plane where it is coded so, else drawn and weighed. */
  const grey = async (picture: VideoFrame | ImageBitmap, step: number): Promise<Uint8ClampedArray<ArrayBuffer>> => {
    if ('copyTo' in picture && /^(I4|NV12)/.test(picture.format ?? '') && !/P1[02]$/.test(picture.format ?? '')) {
      const size = picture.allocationSize();
      if (planes.length < size) planes = new Uint8Array(size);
      const [y] = await picture.copyTo(planes);
      const box = picture.visibleRect;
      if (y && box) return small(planes, box.width, box.height, y.stride, y.offset, picture.colorSpace.fullRange === true, step);
    }
    if (!ink) throw new Error('no canvas');
    ink.drawImage(picture, 0, 0, wide, high);
    const { data } = ink.getImageData(0, 0, wide, high);
    const out = new Uint8ClampedArray(wide * high);
    for (let i = 0; i < out.length; i++) out[i] = 0.3 * (data[4 * i] ?? 0) + 0.59 * (data[4 * i + 1] ?? 0) + 0.11 * (data[4 * i + 2] ?? 0);
    return out;
  };

  const jpeg = async (values: Uint8ClampedArray): Promise<Blob | null> => {
    if (!ink) return null;
    const shown = ink.createImageData(wide, high);
    for (let i = 0; i < values.length; i++) {
      const v = values[i] ?? 0;
      shown.data.set([v, v, v, 255], 4 * i);
    }
    ink.putImageData(shown, 0, 0);
    return canvas.convertToBlob({ type: 'image/jpeg', quality: 0.85 });
  };

  const one = async (task: Task): Promise<void> => {
    try {
      const values = await grey(task.picture, task.copy ? 1 : 2); // a jump of the scene shows in a quarter of its pixels
      const done: Done = { id: task.id, signature: average(values), copy: task.copy ? await jpeg(values) : null };
      postMessage(done);
    } catch (error) {
      postMessage({ id: task.id, fault: String(error) } satisfies Done);
    } finally {
      task.picture.close();
    }
  };
  // One after the other: they share a canvas.
  let last = Promise.resolve();
  addEventListener('message', (event: MessageEvent<Task>) => {
    last = last.then(() => one(event.data));
  });
}

/** The page's one worker of this kind. */
class Workshop {
  private worker: Worker | null = null;
  private last = 0;
  private readonly open = new Map<number, (done: Done) => void>();

  see(picture: VideoFrame | ImageBitmap, copy: boolean): Promise<Done> {
    const worker = (this.worker ??= this.start());
    const id = ++this.last;
    return new Promise((done) => {
      this.open.set(id, done);
      worker.postMessage({ id, picture, copy } satisfies Task, [picture]);
    });
  }

  private start(): Worker {
    const text = `(${String(work)})(${String(shrink)},${String(cells)},${WIDE},${HIGH})`;
    const url = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
    const worker = new Worker(url);
    URL.revokeObjectURL(url);
    const end = (fault: string): void => {
      worker.terminate();
      this.worker = null;
      const waiting = [...this.open];
      this.open.clear();
      for (const [id, done] of waiting) done({ id, fault });
    };
    worker.addEventListener('message', (event: MessageEvent<Done>) => {
      this.open.get(event.data.id)?.(event.data);
      this.open.delete(event.data.id);
    });
    worker.addEventListener('error', (event) => end(event.message));
    return worker;
  }
}

const workshop = new Workshop();

export class Looker {
  private busy: Promise<Seen | null> | null = null;
  private freed = false;

  constructor(private readonly video: HTMLVideoElement) {}

  /** The picture shown now; null: there is none, or it cannot be read. One look at a time: who asks meanwhile gets none. */
  async see(copy: boolean): Promise<Seen | null> {
    if (this.busy) {
      const other = await this.busy;
      if (!copy) return other;
    }
    if (this.freed || this.busy || !this.video.videoWidth || this.video.readyState < 2) return null;
    this.busy = this.read(copy);
    try {
      return await this.busy;
    } finally {
      this.busy = null;
    }
  }

  private async read(copy: boolean): Promise<Seen | null> {
    try {
      // Frames are handed over where the page is secure (https, this computer); elsewhere a bitmap, which costs the page more.
      const picture = typeof VideoFrame === 'undefined' ? await createImageBitmap(this.video) : new VideoFrame(this.video);
      const done = await workshop.see(picture, copy);
      if (done.fault) console.warn(done.fault);
      return done.signature && !this.freed ? { signature: done.signature, copy: done.copy ?? null } : null;
    } catch (error) {
      if (!(error instanceof DOMException)) console.warn(error); // InvalidStateError: the picture went away just now
      return null;
    }
  }

  /** The whole picture as a JPEG, for a snapshot or a reference. */
  async full(): Promise<Blob | null> {
    if (!this.video.videoWidth) return null;
    const canvas = document.createElement('canvas');
    canvas.width = this.video.videoWidth;
    canvas.height = this.video.videoHeight;
    canvas.getContext('2d')?.drawImage(this.video, 0, 0);
    return new Promise((done) => canvas.toBlob(done, 'image/jpeg', 0.88));
  }

  free(): void {
    this.freed = true;
  }
}

/** How alike two signatures are: their correlation, -1 to 1. */
export function likeness(a: Float32Array, b: Float32Array): number {
  let ma = 0;
  let mb = 0;
  for (let i = 0; i < a.length; i++) {
    ma += a[i]!;
    mb += b[i]!;
  }
  ma /= a.length;
  mb /= b.length;
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    ab += (a[i]! - ma) * (b[i]! - mb);
    aa += (a[i]! - ma) ** 2;
    bb += (b[i]! - mb) ** 2;
  }
  return aa && bb ? ab / Math.sqrt(aa * bb) : aa === bb ? 1 : 0;
}

/** Below this the scene is another: covered until the server has looked. Cars and people stay far above. */
export const JUMP = 0.55;
