/** Taking and choosing pictures. A picture is made smaller before it is kept, which also leaves its EXIF behind. */
import { newKey } from './db';
import type { Photo, Slot } from './types';

const SIDE = 1920;
const QUALITY = 0.82;

export async function smaller(file: Blob): Promise<Blob> {
  try {
    const image = await createImageBitmap(file);
    const scale = Math.min(1, SIDE / Math.max(image.width, image.height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.round(image.width * scale);
    canvas.height = Math.round(image.height * scale);
    canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
    image.close();
    return (await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/jpeg', QUALITY))) ?? file;
  } catch (error) {
    // a format this browser cannot read (HEIC): the server looks at it as it is
    if (error instanceof DOMException) return file;
    throw error;
  }
}

/** Opens the camera or the album; an empty list where nothing was taken. */
export function take(slot: Slot, now: () => number, camera: boolean): Promise<Photo[]> {
  return new Promise((done) => {
    const input = document.createElement('input');
    input.type = 'file';
    input.accept = 'image/*';
    input.hidden = true;
    if (camera) input.setAttribute('capture', 'environment');
    else input.multiple = true;
    document.body.append(input);
    input.addEventListener('cancel', () => { input.remove(); done([]); });
    input.addEventListener('change', () => {
      const files = [...(input.files ?? [])];
      input.remove();
      void Promise.all(files.map(async (file): Promise<Photo> => ({ key: newKey(), slot, blob: await smaller(file), at: new Date(now()).toISOString() }))).then(done);
    });
    input.click();
  });
}

const shown = new Map<string, string>();

/** Address of a picture on this phone, made once. */
export function pictureUrl(photo: Photo): string {
  const known = shown.get(photo.key);
  if (known) return known;
  const url = photo.blob ? URL.createObjectURL(photo.blob) : photo.sent ? `/api/v1/attachments/${encodeURIComponent(photo.sent)}` : '';
  shown.set(photo.key, url);
  return url;
}
