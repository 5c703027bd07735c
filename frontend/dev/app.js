// Mounts the components as Dash would.
const p = JSON.parse(document.getElementById('props').textContent);
const h = React.createElement;
const U = window.ioc_ui;
window.sets = [];
window.dash_clientside = { set_props: (id, props) => window.sets.push([id, props.data]) };
const desk = () =>
  h('main', { className: 'desk' },
    h(U.Page, { surface: p.surface, lang: p.lang, theme: p.theme, timezone: 'Asia/Shanghai', now: p.now, still: p.still }),
    h(U.ConnStrip, { variant: 'strip' }),
    h('header', { className: 'topb' }, h('span', { style: { flex: 1 } }), h(U.SearchBox, {}), h('span', { style: { flex: 1 } }), h(U.LangSwitch), h(U.ThemeSwitch), h(U.Clock, { className: 'clk' })),
    h('section', { className: 'main dev-main' },
      h('section', { className: 'col' }, h('div', { className: 'flt' }, h(U.CountRow, { variant: 'desk-cases', counts: p.counts })), h(U.LiveList, { id: 'list', variant: 'desk' })),
      h('section', { className: 'mapbox', id: 'map' },
        h(U.MapView, { id: 'm', config: p.config }),
        h(U.LayerPanel, { layers: p.config.layers }),
        h('div', { className: 'tl' }, h('span', {}, '实时'), h(U.Timeline, { counts: p.counts }), h('span')))),
    h('footer', { className: 'sta' }, h(U.ConnStrip, { variant: 'status' }), h(U.FreshRing, { asOf: p.now, intervalS: 30 })),
    h(U.Keys, {}));
const wall = () =>
  h('main', { className: 'wall' },
    h(U.Page, { surface: 'wall', lang: p.lang, theme: 'dark', timezone: 'Asia/Shanghai', now: p.now, still: p.still }),
    h(U.ConnStrip, { variant: 'strip' }),
    h('header', { className: 'top' }, h('div', { className: 'l' }, h(U.Clock, { format: 'date' })), h('h1', {}, 'IOC'), h('div', { className: 'r' }, h(U.Clock, { className: 'clock' }))),
    h('section', { className: 'mapbox p-map', id: 'map' }, h(U.MapView, { id: 'm', config: p.config }), h('div', { className: 'ov-tl' }, h(U.LayerPanel, { variant: 'wall', layers: p.config.layers })),
      h('div', { className: 'replay' }, h('div', { className: 'live' }, h('b', {}, '实时')), h(U.Timeline, { counts: p.counts }), h('div'))),
    h('section', { className: 'pane p-ev' }, h('div', { className: 'hd' }, h('h2', {}, '在办')), h(U.CountRow, { counts: p.counts }), h(U.LiveList, { id: 'list', limit: 8 })));
ReactDOM.createRoot(document.getElementById('root')).render((p.surface === 'wall' ? wall : desk)());
