// Builds ioc/ui/dist from frontend/src: a classic script (Dash loads it), the map's module, MapLibre's worker, one style sheet.
import { build } from 'esbuild';
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const out = path.resolve(here, '../ioc/ui/dist');
const verbose = process.argv.includes('--verbose');
fs.mkdirSync(out, { recursive: true });

// React comes from Dash; a second copy would break hooks.
const reactOfDash = {
  name: 'react-of-dash',
  setup(b) {
    b.onResolve({ filter: /^react$/ }, () => ({ path: 'react', namespace: 'dash' }));
    b.onLoad({ filter: /.*/, namespace: 'dash' }, () => ({ contents: 'module.exports = window.React;', loader: 'js' }));
  },
};

const common = {
  bundle: true,
  minify: true,
  format: 'iife',
  target: 'es2022',
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
  charset: 'utf8',
  // Packages ask import.meta for their own address only to find workers, which are named explicitly here.
  define: { 'import.meta.url': '""', 'process.env.NODE_ENV': '"production"' },
  plugins: [reactOfDash],
  loader: { '.woff2': 'file' },
  assetNames: 'inter',
  absWorkingDir: here,
};

const results = await Promise.all([
  build({ ...common, entryPoints: ['src/index.ts'], outfile: path.join(out, 'ioc_ui.js') }),
  build({ ...common, format: 'esm', entryPoints: ['src/map/entry.ts'], outfile: path.join(out, 'ioc_map.js') }),
  build({ ...common, format: 'esm', entryPoints: ['src/draw/index.ts'], outfile: path.join(out, 'ioc_draw.js') }),
  // The players, loaded where a live picture is shown and nowhere else.
  build({ ...common, format: 'esm', entryPoints: ['src/video/entry.ts'], outfile: path.join(out, 'ioc_video.js') }),
  build({ ...common, entryPoints: ['src/phone/index.ts'], outfile: path.join(out, 'ioc_phone.js') }),
  build({ ...common, format: 'esm', entryPoints: ['src/phone/map.ts'], outfile: path.join(out, 'ioc_phone_map.js') }),
  build({ ...common, entryPoints: ['src/phone/sw.ts'], outfile: path.join(out, 'ioc_phone_sw.js') }),
  build({ ...common, entryPoints: ['src/style.css'], outfile: path.join(out, 'ioc_ui.css') }),
]);
const worker = path.resolve(here, 'node_modules/maplibre-gl/dist/maplibre-gl-worker.mjs');
// Written, not copied: a copy would keep the package's old time stamp, which is part of the address browsers cache.
fs.writeFileSync(path.join(out, 'maplibre-gl-worker.mjs'), fs.readFileSync(worker));
const stamp = new Date();
for (const file of fs.readdirSync(out)) fs.utimesSync(path.join(out, file), stamp, stamp);

let total = 0;
for (const file of fs.readdirSync(out).sort()) {
  const raw = fs.readFileSync(path.join(out, file));
  const gz = zlib.gzipSync(raw, { level: 9 }).length;
  total += gz;
  process.stdout.write(`${file.padEnd(28)} ${String((raw.length / 1024) | 0).padStart(6)} KB  ${String((gz / 1024) | 0).padStart(5)} KB gz\n`);
}
process.stdout.write(`${'total'.padEnd(28)} ${''.padStart(9)}  ${String((total / 1024) | 0).padStart(5)} KB gz\n`);
if (verbose) {
  const sizes = {};
  for (const r of results)
    for (const [name, v] of Object.entries(Object.values(r.metafile.outputs)[0].inputs)) {
      const m = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(name);
      const key = m ? m[1] : 'src';
      sizes[key] = (sizes[key] ?? 0) + v.bytesInOutput;
    }
  for (const [k, v] of Object.entries(sizes).sort((a, b) => b[1] - a[1]).slice(0, 24)) process.stdout.write(`  ${k} ${(v / 1024) | 0} KB\n`);
}
