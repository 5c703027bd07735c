// A stand-in for the product's server, to look at the bundle alone: synthetic tiles, rows and a stream.
//   node dev/server.mjs [--port 8055] [--css DIR]     then http://127.0.0.1:8055/?surface=desk
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromGeojsonVt } from '@maplibre/vt-pbf';
import * as h3 from 'h3-js';

const here = path.dirname(fileURLToPath(import.meta.url));
const arg = (name, fallback) => {
  const i = process.argv.indexOf(`--${name}`);
  return i > 0 ? process.argv[i + 1] : fallback;
};
const port = Number(arg('port', 8055));
const css = arg('css', path.resolve(here, '../../assets'));
const dist = path.resolve(here, '../../ioc/ui/dist');
const CSP = "default-src 'self'; script-src 'self'; worker-src 'self' blob:; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; connect-src 'self'";

// ------------------------------------------------------------ a made-up town on a coast
const CENTER = [10.6, 50.2];
let seed = 7;
const rnd = () => ((seed = (seed * 16807) % 2147483647) / 2147483647);
const ring = (cx, cy, r, n = 120) => Array.from({ length: n + 1 }, (_, i) => {
  const a = ((i % n) / n) * 2 * Math.PI;
  const k = r * (0.78 + 0.13 * Math.sin(3 * a + 1) + 0.07 * Math.sin(11 * a) + 0.04 * Math.sin(23 * a + 2));
  return [cx + k * Math.cos(a) * 1.45, cy + k * Math.sin(a)];
});
const CITY = ring(CENTER[0], CENTER[1], 0.42);
const counties = [[10.35, 50.33, 0.16, 'North'], [10.85, 50.3, 0.15, 'East'], [10.4, 50.08, 0.14, 'West'], [10.75, 50.06, 0.13, 'South']];
const cores = [[10.62, 50.2, 9], [10.3, 50.32, 6], [10.9, 50.3, 5], [10.4, 50.05, 5], [10.8, 50.03, 4], [10.6, 50.42, 3]];
const gauss = () => Math.sqrt(-2 * Math.log(rnd() + 1e-9)) * Math.cos(2 * Math.PI * rnd());
const things = Array.from({ length: Number(arg('n', 20000)) }, (_, i) => {
  const c = cores[Math.floor(rnd() ** 1.6 * cores.length)];
  const s = 0.012 + 0.006 * c[2] * rnd();
  const lon = c[0] + gauss() * s * 1.4;
  const lat = c[1] + gauss() * s;
  return { id: i + 1, cls: i % 5 ? 'camera' : 'sensor', lon, lat, s: rnd() < 0.04 ? 'offline' : 'online', ex: i % 5 === 0 && rnd() < 0.05 ? 1 : 0, az: Math.floor(rnd() * 360), fov: 60 };
});
for (const t of things) t.h10 = h3.latLngToCell(t.lat, t.lon, 10);

const FLOWS = { grid: ['网格', 'Grid', 6], hotline: ['12345', '12345', 6], urban: ['城管', 'Urban', 6], incident: ['突发', 'Incident', 5] };
const STAGES = { incident: ['接报', '研判', '启动响应', '处置', '终止'], grid: ['上报', '受理', '流转', '处置', '核查', '办结'] };
const ICONS = ['flame', 'gas', 'users', 'car', 'drop', 'warn', 'broom', 'camera', 'lamp', 'boat'];
const now0 = Date.now();
const iso = (ms) => new Date(ms).toISOString().replace(/\.\d+Z/, 'Z');
let nextId = 1;
function row(o = {}) {
  const id = nextId++;
  const flow = o.flow ?? ['grid', 'hotline', 'urban'][id % 3];
  const c = cores[id % cores.length];
  const stages = STAGES[flow] ?? STAGES.grid;
  const minutes = o.minutes ?? Math.floor(rnd() * 300) - 15;
  return {
    key: `case:${id}`, type: 'case', id, number: `SJ-${id}`, flow, flow_text: { zh: FLOWS[flow][0], en: FLOWS[flow][1] },
    title: o.title ?? ['路灯成片不亮', '井盖破损下陷', '供水管爆裂，路面冒水', '集市占道经营', '果皮箱破损'][id % 5], place: '示例区 示例街道 7 号网格', place_short: '示例·街道',
    urgency: o.urgency ?? (id % 40 === 0 ? 'urgent' : 'routine'), level: o.level ?? null, provisional: o.provisional ?? false,
    stage_text: { zh: stages[o.stage ?? 1], en: 'Handling' }, stage_index: o.stage ?? 1 + (id % 3), stage_count: stages.length, stages: stages.map((s) => ({ zh: s, en: s })),
    due_at: iso(now0 + minutes * 60000), due_kind: o.due_kind ?? 'countdown', due_label: o.label ? { zh: o.label, en: 'Report' } : null,
    source: 'dev', source_text: flow === 'hotline' ? '12345' : '视频 AI', icon: o.icon ?? ICONS[id % 10], lon: o.lon ?? c[0] + gauss() * 0.03, lat: o.lat ?? c[1] + gauss() * 0.02,
    region_id: 1, region_code: '1', region_ids: [1], occurred_at: iso(now0 - id * 60000), opened_at: iso(now0 - id * 60000), closed: false, suspected: false, topics: ['other'], origin: 'demo', version: 1,
  };
}
const rows = [
  row({ flow: 'incident', level: 3, title: '物流仓库火情', stage: 3, minutes: 34, label: '续报', icon: 'flame', lon: 10.72, lat: 50.24 }),
  row({ flow: 'incident', level: 4, provisional: true, title: '渔船失联 40 分', stage: 1, minutes: 20, label: '首报', icon: 'boat', lon: 10.95, lat: 50.05 }),
  row({ urgency: 'critical', title: '燃气浓度超限核查', stage: 1, minutes: 5, icon: 'gas', lon: 10.66, lat: 50.19 }),
  ...['大角湾客流达承载 86%', '高速三车追尾，占两车道', '供水管爆裂，路面冒水', '露天焚烧秸秆', '井盖破损下陷', '水塘野泳劝离'].map((title, i) => row({ urgency: 'urgent', title, minutes: 12 + i * 14, icon: ICONS[i] })),
  ...Array.from({ length: 300 }, () => row()),
];
rows.at(-1).due_kind = 'date';

// ------------------------------------------------------------ feed
let no = 100;
const epoch = 'dev1';
const clients = new Set();
const send = (res, event, data, id) => res.write(`${id ? `id: ${id}\n` : ''}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
function change(topic, key, record, op = 'upsert') {
  no++;
  for (const c of clients) send(c, 'change', { v: 1, no, topic, op, key, region_id: 1, at: iso(Date.now()), record }, `${epoch}-${no}`);
}
const beat = () => {
  for (const c of clients) send(c, 'beat', { now: iso(Date.now()), last_no: no, lag_ms: 12, store: 'ok' });
};
setInterval(beat, 5000);
const counts = () => {
  const open = rows.filter((r) => !r.closed);
  const n = (f) => open.filter(f).length;
  const inc = (p) => Object.fromEntries([1, 2, 3, 4].map((l) => [l, n((r) => r.flow === 'incident' && r.level === l && (!p || r.provisional))]));
  const cases = open.filter((r) => r.flow !== 'incident');
  return { open: cases.length, critical: cases.filter((r) => r.urgency === 'critical').length, urgent: cases.filter((r) => r.urgency === 'urgent').length, routine: cases.filter((r) => r.urgency === 'routine').length,
    overdue: n((r) => Date.parse(r.due_at) < Date.now()), incidents: inc(false), provisional: inc(true), today: 185, closed_today: 138,
    hours: [4, 3, 2, 2, 3, 5, 9, 18, 22, 26, 24, 21, 17, 20, 9, ...Array(9).fill(null)], hours_last_week: Array(24).fill(5), devices: { camera: 50312, sensor: 20006, grid_cell: 1846, resource: 412 } };
};

// ------------------------------------------------------------ tiles
const RES = (z) => (z <= 7 ? 5 : z === 8 ? 6 : z <= 10 ? 7 : z <= 12 ? 8 : 9);
function toTile(lon, lat, z, x, y) {
  const n = 2 ** z;
  const s = Math.sin((lat * Math.PI) / 180);
  return [((lon + 180) / 360) * n * 4096 - x * 4096, (0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)) * n * 4096 - y * 4096].map(Math.floor);
}
const inside = ([x, y]) => x >= 0 && y >= 0 && x < 4096 && y < 4096;
function tile(layer, z, x, y) {
  const out = {};
  const list = things.filter((t) => t.cls === layer);
  if ((layer === 'camera' || layer === 'sensor') && z <= 13) {
    const cells = new Map();
    for (const t of list) {
      const h = h3.cellToParent(t.h10, RES(z));
      const c = cells.get(h) ?? { h, n: 0, off: 0, ex: 0 };
      c.n++; c.off += t.s === 'offline'; c.ex += t.ex;
      cells.set(h, c);
    }
    out[z <= 11 ? 'cells' : 'pins'] = [...cells.values()].flatMap((c) => {
      const [lat, lon] = h3.cellToLatLng(c.h);
      const p = toTile(lon, lat, z, x, y);
      return inside(p) ? [{ type: 1, geometry: [p], tags: c }] : [];
    });
  } else if (layer === 'camera' || layer === 'sensor')
    out.points = list.flatMap((t) => {
      const p = toTile(t.lon, t.lat, z, x, y);
      return inside(p) ? [{ type: 1, geometry: [p], tags: { id: t.id, k: t.cls, s: t.s, ex: t.ex, name: `${t.cls} ${t.id}`, ...(z >= 16 && t.cls === 'sensor' ? { label: `${(t.id % 50) / 10} m`, icon: 'drop' } : {}), ...(z >= 16 && t.cls === 'camera' && t.id % 2 ? { az: t.az, fov: t.fov } : {}) } }] : [];
    });
  else if (layer === 'grid_cell' && z >= 14)
    out.areas = Array.from({ length: 400 }, (_, i) => {
      const [a, b] = [10.6 + (i % 20) * 0.004, 50.18 + Math.floor(i / 20) * 0.003];
      const g = [[a, b], [a + 0.004, b], [a + 0.004, b + 0.003], [a, b + 0.003], [a, b]].map(([lo, la]) => toTile(lo, la, z, x, y));
      return { type: 3, geometry: [g], tags: { id: i, name: `G${i}`, label: `G${i} 张**` } };
    }).filter((f) => f.geometry[0].some(([px, py]) => px > -500 && py > -500 && px < 4600 && py < 4600));
  const layers = Object.fromEntries(Object.entries(out).map(([k, features]) => [k, { features }]));
  return Buffer.from(fromGeojsonVt(layers, { version: 2, extent: 4096 }));
}

// ------------------------------------------------------------ style and pages
const fc = (features) => ({ type: 'FeatureCollection', features });
const poly = (rings, properties = {}) => ({ type: 'Feature', properties, geometry: { type: 'Polygon', coordinates: rings } });
const C = { dark: { sea: '#090D11', land: '#1A2129', out: '#10161B', line: '#46545F', hwy: '#4A5966', label: '#BCC7D1', halo: '#0D1216' }, light: { sea: '#E3EAEF', land: '#FAFBFB', out: '#EFF2F3', line: '#A7B3BE', hwy: '#C2CBD3', label: '#3C4854', halo: '#FFFFFF' } };
function config(theme, surface) {
  const c = C[theme] ?? C.dark;
  const spec = (layer, role, band, extra = {}) => ({ '@@type': 'IconLayer', id: `${layer}-${role}-${band[0]}`, data: `/tiles/${layer}/{z}/{x}/{y}.mvt?region=`, pickable: true, ioc: { layer, role, band, ...extra } });
  const entry = (key, title, theme2, icon, count, visible, order, legend = []) => ({ key, title, theme: theme2, icon, count, visible, order, legend, ok: true });
  return {
    style: {
      version: 8,
      sources: { base: { type: 'geojson', data: fc([poly([CITY], { role: 'land' }), ...counties.map(([x, y, r, name]) => poly([ring(x, y, r)], { role: 'county', name }))]) }, roads: { type: 'geojson', data: fc(cores.slice(1).map((k) => ({ type: 'Feature', properties: {}, geometry: { type: 'LineString', coordinates: [cores[0].slice(0, 2), k.slice(0, 2)] } }))) }, names: { type: 'geojson', data: fc(counties.map(([x, y, , name]) => ({ type: 'Feature', properties: { name: `${name}区` }, geometry: { type: 'Point', coordinates: [x, y] } }))) } },
      layers: [
        { id: 'sea', type: 'background', paint: { 'background-color': c.sea } },
        { id: 'land', type: 'fill', source: 'base', filter: ['==', 'role', 'land'], paint: { 'fill-color': c.land } },
        { id: 'county', type: 'line', source: 'base', paint: { 'line-color': c.line, 'line-width': 1.2 } },
        { id: 'road', type: 'line', source: 'roads', paint: { 'line-color': c.hwy, 'line-width': 1.8 } },
        { id: 'name', type: 'symbol', source: 'names', layout: { 'text-field': ['get', 'name'], 'text-font': ['sans-serif'], 'text-size': 14 }, paint: { 'text-color': c.label, 'text-halo-color': c.halo, 'text-halo-width': 1.5 } },
      ],
    },
    bounds: [10.0, 49.85, 11.2, 50.6], center: CENTER, zoom: 9, note: 'sketch', demo: true,
    layers: [entry('event', '事件', '事件', 'pin', 12, true, 70), entry('case', '办件', '事件', 'check', 612, true, 71), entry('camera', '视频', '感知', 'camera', 50312, true, 40, [{ swatch: 'ramp', text: '视频密度', steps: 4 }, { swatch: 'online', text: '在线' }, { swatch: 'offline', text: '离线' }]), entry('sensor', '传感', '感知', 'sensor', 20006, surface === 'wall', 45, [{ swatch: 'exceeded', text: '超限' }]), entry('grid_cell', '网格', '治理', 'grid', 1846, false, 30)],
    spec: { layers: [
      spec('camera', 'density', [0, 12], { value: 'n', cap: 4 }), spec('camera', 'pins', [12, 14], { second: 'off', icon: 'camera' }), spec('camera', 'marks', [14, 16], {}), spec('camera', 'icons', [16, 25], { icon: 'camera', cone: true }),
      spec('sensor', 'density', [0, 12], { value: 'ex', cap: 4 }), spec('sensor', 'pins', [12, 14], { second: 'ex', icon: 'sensor' }), spec('sensor', 'marks', [14, 16], {}), spec('sensor', 'icons', [16, 25], { icon: 'sensor' }),
      spec('grid_cell', 'areas', [14, 25], { labelZoom: 16 }),
    ] },
  };
}
const page = (q) => {
  const theme = q.get('theme') ?? 'dark';
  const surface = q.get('surface') ?? 'desk';
  return `<!doctype html><html lang="zh-CN" data-theme="${theme}" data-surface="${surface}"><head><meta charset="utf-8"><title>dev</title>
<link rel="stylesheet" href="/css/tokens.css"><link rel="stylesheet" href="/css/ioc.css"><link rel="stylesheet" href="/css/${surface === 'wall' ? 'wall' : 'desk'}.css"><link rel="stylesheet" href="/dist/ioc_ui.css">
<link rel="stylesheet" href="/dev/${surface === 'wall' ? 'wall' : 'desk'}.css"></head><body><div id="root"></div><script type="application/json" id="props">${JSON.stringify({ theme, surface, lang: q.get('lang') ?? 'zh', config: config(theme, surface), still: q.get('still') === '1', now: iso(Date.now()), counts: counts() })}</script>
<script src="/react/react.production.min.js"></script><script src="/react-dom/react-dom.production.min.js"></script><script src="/dist/ioc_ui.js"></script><script src="/dev/app.js"></script></body></html>`;
};

const types = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css', '.woff2': 'font/woff2' };
const roots = { dist, css, dev: here, react: path.resolve(here, '../node_modules/react/umd'), 'react-dom': path.resolve(here, '../node_modules/react-dom/umd') };
let signedOut = false;
http.createServer((req, res) => {
  const url = new URL(req.url, 'http://x');
  const json = (body, status = 200) => { res.writeHead(status, { 'content-type': 'application/json' }); res.end(JSON.stringify(body)); };
  const [, head, ...rest] = url.pathname.split('/');
  if (roots[head]) {
    const file = path.join(roots[head], path.normalize(rest.join('/')).replace(/^(\.\.[/\\])+/, ''));
    if (!fs.existsSync(file)) { res.writeHead(404); res.end(); return; }
    res.writeHead(200, { 'content-type': types[path.extname(file)] ?? 'application/octet-stream' });
    res.end(fs.readFileSync(file));
    return;
  }
  if (head === 'ctl') {
    const what = rest[0];
    if (what === 'new') { const r = row({ urgency: url.searchParams.get('u') ?? 'urgent', title: url.searchParams.get('t') ?? '新到件', minutes: 9 }); rows.push(r); change('case', r.key, r); json(r); return; }
    if (what === 'close') { const r = rows.find((x) => x.key === url.searchParams.get('key')); Object.assign(r, { closed: true, version: r.version + 1 }); change('case', r.key, r); json(r); return; }
    if (what === 'offline') { for (const t of things.slice(0, 4000)) t.s = 'offline'; change('device', 'device:1', { class: 'camera' }); json({}); return; }
    if (what === 'drop') { for (const c of clients) c.destroy(); clients.clear(); json({}); return; }
    if (what === 'sign') { signedOut = url.searchParams.get('out') === '1'; json({}); return; }
    json({}, 404); return;
  }
  if (head === 'tiles') {
    const [layer, z, x, y] = [rest[0], Number(rest[1]), Number(rest[2]), parseInt(rest[3], 10)];
    res.writeHead(200, { 'content-type': 'application/vnd.mapbox-vector-tile', 'cache-control': 'private, no-cache' });
    res.end(tile(layer, z, x, y));
    return;
  }
  if (url.pathname.startsWith('/api') && signedOut) { json({}, 401); return; }
  if (url.pathname === '/api/v1/live/snapshot') { json({ v: 1, feed: { epoch, last_no: no }, now: iso(Date.now()), counts: counts(), rows: rows.filter((r) => !r.closed) }); return; }
  if (url.pathname === '/api/v1/live/counts') { json(counts()); return; }
  if (url.pathname === '/api/v1/identify') { json({ items: [{ key: 'region:1', layer: 'region', title: '东区', sub: '区县', icon: 'map', geometry: 'polygon' }] }); return; }
  if (url.pathname === '/api/v1/search') { json({ groups: [{ type: 'place', items: [{ key: 'region:1', title: '东区', sub: '区县', icon: 'map' }] }, { type: 'device', items: things.slice(0, 5).map((t) => ({ key: `device:${t.id}`, title: `${t.cls} ${t.id}`, sub: '', lon: t.lon, lat: t.lat, icon: 'camera' })) }] }); return; }
  if (url.pathname === '/api/v1/map/config') { json(config(url.searchParams.get('theme'), url.searchParams.get('surface'))); return; }
  if (/regions\/.*\/geometry/.test(url.pathname)) { const [x, y, r, name] = counties[1]; json({ ...poly([ring(x, y, r)], { name }) }); return; }
  if (url.pathname.startsWith('/api/v1/detail/')) { const t = things[Number(url.pathname.split(':')[1] ?? url.pathname.split('%3A')[1]) - 1]; json(t ? { lon: t.lon, lat: t.lat } : {}, t ? 200 : 404); return; }
  if (url.pathname === '/live') {
    if (signedOut) { res.writeHead(401); res.end(); return; }
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    send(res, 'hello', { v: 1, epoch, last_no: no, now: iso(Date.now()) });
    clients.add(res);
    req.on('close', () => clients.delete(res));
    return;
  }
  res.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': CSP });
  res.end(page(url.searchParams));
}).listen(port, '127.0.0.1', () => process.stdout.write(`http://127.0.0.1:${port}/?surface=desk\n`));
