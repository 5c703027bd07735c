/** Addresses of the files that are built together with a script. */

/** Address of the script being run now; empty outside of a classic script. */
export function thisScript(): string {
  return document.currentScript instanceof HTMLScriptElement ? document.currentScript.src : '';
}

/** Address of a sibling of our script, fingerprint (ioc_ui.v1m2.js) included: it is cached for good. */
export function sibling(script: string, file: string, ext: string): string {
  return script.replace(/ioc_ui((?:\.v[\w-]+m[0-9a-f]+)?)\.js(\?.*)?$/, `${file}$1.${ext}`);
}
