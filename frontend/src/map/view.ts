/** The map: MapLibre below, deck.gl layers between its lines and its labels, live rows from the page's store. */
import type { Layer } from '@deck.gl/core';
import { MapLibreOverlay } from '@deck.gl/maplibre';
import * as maplibregl from 'maplibre-gl';
import { visibleLayers } from '../core/layers';
import { ofTopics } from '../core/order';
import type { LayerEntry } from '../core/types';
import { word } from '../core/words';
import { alarmLayers } from './alarms';
import { Atlas } from './atlas';
import { Camera } from './camera';
import { activeSpecs, tileZoom } from './bands';
import { colouredAreas, colouredSpecs, topicSpecs } from './grids';
import { resolution, scaleText, ScaleBar, tools } from './controls';
import { plainLayer } from './converter';
import { sizes, type Sizes } from './draw';
import { Focus } from './focus';
import { drawsInSoftware, type DrawnOn, sameBuffer } from './gpu';
import { flatPrograms, noSky } from './lean';
import { Plates } from './plates';
import { Pointer } from './pointer';
import { addProtocols } from './protocols';
import { headOf, works, workLayers, type Work } from './records';
import { regionLayers } from './region';
import * as roles from './roles';
import { type Shape, shapeLayers } from './shapes';
import { sketchLayers } from './sketch';
import { Sources } from './sources';
import { lighter, scaleStyle, WALL_TEXT, withFonts } from './style';
import { Imagery } from './imagery';
import { Tilt } from './tilt';
import type { TileSource } from './tiles';
import { warnings } from './warnings';
import { MapReady, type Waiting } from './ready';
import { readTokens, type Tokens } from './tokens';
import type { IocKey, LayerSpec, MapConfig, MapHandle, MapOptions, MapState } from './types';

const HIDDEN_RATIO = 0.05;
const WORK_LAYERS = new Set(['event', 'event_suspected', 'case']);

interface Shown {
  spec: LayerSpec;
  layers: () => Layer[];
}

export class IocMap implements MapHandle {
  readonly stats = { renders: 0, contexts: 0 };
  map!: maplibregl.Map;
  overlay!: MapLibreOverlay;
  private config: MapConfig;
  private state: MapState = {};
  private holder!: HTMLElement;
  private styled = false;
  private atlas!: Atlas;
  private tokens!: Tokens;
  private sizes!: Sizes;
  private readonly sources: Sources;
  private readonly tops = new Map<string, number>();
  /** Spec drawn for a layer: stays until the next band's tiles are complete. */
  private current = new Map<string, Shown>();
  private readonly focus: Focus;
  private readonly camera: Camera;
  private readonly tilt: Tilt;
  private imagery: Imagery | null = null;
  private workList: Work[] = [];
  private workKey = '';
  /** Vertices of an area somebody is drawing (assets/fence.js). */
  private sketch: [number, number][] = [];
  private shapes: Shape[] = [];
  private plates!: Plates;
  private pointer: Pointer | null = null;
  private scale: ScaleBar | null = null;
  private toolbox: HTMLElement | null = null;
  private readonly off: (() => void)[] = [];
  private frame = 0;
  private destroyed = false;
  private observer: ResizeObserver;
  private rebuild: ReturnType<typeof setTimeout> | null = null;
  private readonly interactive: boolean;
  private readonly still: boolean;
  /** Drawn by the processor: no smoothing, no glow, no fading. */
  private readonly lean: boolean;
  private lastZoom = -1;
  private readonly ready: MapReady;

  constructor(
    private readonly el: HTMLElement,
    config: MapConfig,
    private readonly options: MapOptions,
  ) {
    this.config = config;
    this.interactive = options.variant !== 'wall';
    this.still = options.page.still || config.deterministic === true;
    this.ready = new MapReady({
      still: this.still,
      waiting: () => this.waiting(),
      show: (visible) => this.showCanvas(visible),
      done: () => options.page.ready.done(options.name),
    });
    this.camera = new Camera({
      el,
      map: () => this.map,
      config: () => this.config,
      unit: () => this.tokens.u,
      region: () => this.focus.region?.bbox,
      wanted: () => (this.interactive ? options.page.url.value.view : null),
      jumps: () => this.still || !this.ready.visible,
    });
    this.tilt = new Tilt({
      map: () => this.map,
      colour: () => this.tokens.css['h3'],
      buildings: () => this.hasBuildings(),
      region: () => this.options.page.url.value.region,
      beforeId: () => this.firstSymbol(),
      lean: () => this.lean,
      jumps: () => this.still || matchMedia('(prefers-reduced-motion: reduce)').matches,
      changed: (on) => this.toolbox?.querySelector('.tilt')?.setAttribute('aria-pressed', String(on)),
      said: (text, values) => this.sayTilt(text ? word(text, options.page.lang, values) : ''),
    });
    this.focus = new Focus({
      page: options.page,
      changed: this.invalidate,
      fit: (shape) => (shape ? this.camera.fit(shape.bbox) : this.camera.home()),
      show: (at) => this.camera.show(at),
    });
    this.sources = new Sources(() => this.config, this.invalidate);
    // Pictures for comparison are drawn in full everywhere.
    this.lean = !this.still && drawsInSoftware();
    if (this.lean) {
      document.documentElement.dataset['lean'] = '';
      flatPrograms();
    }
    addProtocols(maplibregl);
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(el);
    this.build(null);
    this.listen();
  }

  // ---------------------------------------------------------------- life

  private build(view: { center: maplibregl.LngLatLike; zoom: number } | null): void {
    this.stats.contexts++;
    this.holder = this.el.appendChild(document.createElement('div'));
    this.holder.className = 'ioc-map-holder';
    this.measure();
    const wall = this.options.variant === 'wall';
    try {
      this.map = new maplibregl.Map({
        container: this.holder,
        style: this.style(),
        ...(view ?? this.camera.firstView()),
        interactive: this.interactive,
        attributionControl: false,
        fadeDuration: this.still || this.lean ? 0 : 200,
        localIdeographFontFamily: this.tokens.font,
        maxCanvasSize: [16384, 16384],
        ...(wall || this.still ? { pixelRatio: 1 } : {}),
        dragRotate: false,
        pitchWithRotate: false,
        touchPitch: false,
        refreshExpiredTiles: true,
        canvasContextAttributes: { antialias: !this.lean, powerPreference: 'high-performance' },
      });
    } catch (error) {
      console.error(error);
      this.options.fault('mapFailed');
      this.options.page.ready.done(this.options.name);
      return;
    }
    this.map.touchZoomRotate.disableRotation();
    noSky(this.map);
    this.overlay = new MapLibreOverlay({
      interleaved: true,
      layers: [],
      pickingRadius: 5,
      useDevicePixels: !(wall || this.still),
      onHover: (i) => this.pointer?.hovered(i),
      onAfterRender: () => this.ready.paint(),
      onError: (e) => console.error('deck.gl', e),
      getCursor: ({ isDragging, isHovering }) => (isDragging ? 'grabbing' : isHovering ? 'pointer' : 'grab'),
    });
    // The overlay takes its place under the labels only in a "loaded" style, which to MapLibre includes every tile: a base map
    // that is slow, or silent, must not hold back our own layers. The style document is what it needs.
    Object.assign(this.map, { isStyleLoaded: () => this.styled });
    this.map.addControl(this.overlay as unknown as maplibregl.IControl);
    this.map.on('error', (e) => console.error('map', e.error?.message ?? e));
    this.map.on('movestart', (e) => {
      if ((e as { originalEvent?: Event }).originalEvent) this.camera.choose();
    });
    // A wheel moves the map in a later frame, and the move no longer knows why.
    this.map.on('wheel', () => this.camera.choose());
    this.map.on('style.load', () => {
      this.styled = true;
      this.camera.refit();
      this.tilt.again();
      this.imagery?.apply();
      this.invalidate();
    });
    this.map.on('move', () => this.moved());
    this.map.on('moveend', () => this.settled());
    this.map.on('idle', () => this.ready.check());
    this.map.on('render', () => this.ready.rendered());
    this.map.on('resize', () => sameBuffer(this.map, (this.overlay as unknown as { _deck?: DeckInside })._deck?.device));
    this.map.on('click', (e) => void this.pointer?.clicked(e));
    this.map.getCanvas().addEventListener('webglcontextlost', () => this.lostContext());
    this.furniture();
    this.ready.begin();
  }

  private furniture(): void {
    const { page, variant } = this.options;
    this.plates = new Plates(this.holder, page);
    if (!this.interactive) return;
    this.pointer = new Pointer(this.holder, {
      page,
      map: this.map,
      overlay: this.overlay,
      config: () => this.config,
      visible: () => this.visible(),
      fly: (lon, lat, zoom) => this.camera.fly(lon, lat, zoom),
    });
    this.toolbox = tools(this.holder, page.lang, {
      in: () => this.camera.zoom(1),
      out: () => this.camera.zoom(-1),
      home: () => this.camera.home(),
      full: () => void fullscreen(this.el.closest('.mapbox') ?? this.el),
      tilt: () => this.tilt.toggle(),
    });
    this.offerTilt();
    if (this.config.imagery && variant !== 'embed') this.imagery = new Imagery(this.toolbox, this.holder, this.config.imagery, page.lang, () => this.map);
    this.scale = new ScaleBar(this.holder, this.config.note ?? '');
    if (variant === 'embed') this.toolbox.classList.add('small');
  }

  /** Buildings that the asker may see and that could stand up. */
  private hasBuildings(): boolean {
    return (this.entry('building')?.count ?? 0) > 0;
  }

  /** One line over the map, as long as it is tilted and there is something to say. */
  private sayTilt(text: string): void {
    let line = this.el.querySelector<HTMLElement>('.tiltsaid');
    if (!line) {
      if (!text) return;
      line = this.el.appendChild(document.createElement('p'));
      line.className = 'tiltsaid num';
      line.setAttribute('role', 'status');
    }
    if (line.textContent !== text) line.textContent = text;
    line.hidden = !text;
  }

  private offerTilt(): void {
    const button = this.toolbox?.querySelector<HTMLElement>('.tilt');
    if (button) button.hidden = !this.hasBuildings() && !this.tilt.tilted;
  }

  private tear(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.pointer?.destroy();
    this.plates?.destroy();
    this.map?.remove();
    this.holder.remove();
    this.styled = false;
    this.current.clear();
  }

  /** A lost context may never come back by itself: everything is built anew, tiles and rows are kept. */
  private lostContext(): void {
    if (this.destroyed || this.rebuild) return;
    this.options.fault('mapLost');
    const center = this.map.getCenter();
    const zoom = this.map.getZoom();
    this.rebuild = setTimeout(() => {
      this.rebuild = null;
      if (this.destroyed) return;
      this.tear();
      this.build({ center, zoom });
      this.options.fault(null);
    }, 300);
  }

  destroy(): void {
    this.destroyed = true;
    if (this.rebuild) clearTimeout(this.rebuild);
    this.ready.stop();
    for (const fn of this.off) fn();
    this.sources.destroy();
    this.observer.disconnect();
    this.tear();
  }

  private listen(): void {
    const { page } = this.options;
    this.off.push(
      page.live.store.onChange(() => {
        this.focus.follow();
        this.invalidate();
      }),
      page.live.onChange((c) => this.sources.heard(c, this.map.getZoom())),
      page.live.onResync(() => this.sources.refreshAll()),
      page.theme.on(() => void this.themed()),
      page.clock.onTick((ms) => {
        if (Math.floor(ms / 1000) % 10 === 0) this.plates.set(this.workList, this.map.getZoom());
      }),
    );
    let last = page.url.value;
    this.off.push(
      page.url.state.on((s) => {
        if (s.region !== last.region) void this.focus.drill(s.region, s.view === null);
        if (s.sel !== last.sel) void this.focus.select(s.sel);
        if (s.layers !== last.layers || s.colour !== last.colour || s.list.topic.join() !== last.list.topic.join()) this.invalidate();
        if (s.view && s.view !== last.view && this.interactive) this.camera.follow(s.view);
        last = s;
      }),
    );
    const fly = (e: Event): void => {
      const [lon, lat, zoom] = (e as CustomEvent<[number, number, number | null]>).detail;
      this.camera.fly(lon, lat, zoom ?? Math.max(this.map.getZoom(), 14));
    };
    this.off.push(page.colour.changed.on(() => this.specs().forEach((s) => s.ioc?.coloured && typeof s.data === 'string' && this.sources.get(s.data).refresh())));
    window.addEventListener('ioc:fly', fly);
    const sketch = (e: Event): void => {
      this.sketch = (e as CustomEvent<[number, number][]>).detail;
      this.invalidate();
    };
    const shapes = (e: Event): void => {
      this.shapes = (e as CustomEvent<Shape[]>).detail;
      this.invalidate();
    };
    window.addEventListener('ioc:sketch', sketch);
    window.addEventListener('ioc:shapes', shapes);
    this.off.push(() => window.removeEventListener('ioc:shapes', shapes));
    this.off.push(() => window.removeEventListener('ioc:sketch', sketch));
    this.off.push(() => window.removeEventListener('ioc:fly', fly));
    if (page.url.value.region) void this.focus.drill(page.url.value.region, page.url.value.view === null);
    if (page.url.value.sel) void this.focus.select(page.url.value.sel);
  }

  // ---------------------------------------------------------------- props

  setConfig(config: MapConfig): void {
    if (config === this.config) return;
    const old = this.config;
    this.config = config;
    this.sources.prune();
    this.measure();
    this.offerTilt();
    if (JSON.stringify(old.style) !== JSON.stringify(config.style)) this.map.setStyle(this.style(), { diff: true });
    this.invalidate();
  }

  setState(state: MapState): void {
    const old = this.state;
    this.state = state;
    const url = this.options.page.url.value; // heard already
    if (state.sel !== undefined && state.sel !== (old.sel ?? url.sel)) void this.focus.select(state.sel);
    if (state.region !== undefined && state.region !== (old.region ?? url.region)) void this.focus.drill(state.region, true);
    if (state.fly && state.fly !== old.fly) this.camera.fly(...state.fly);
    this.invalidate();
  }

  private async themed(): Promise<void> {
    const { page, variant } = this.options;
    const q = new URLSearchParams({ surface: variant, theme: page.theme.value, lang: page.lang, region: page.url.value.region });
    try {
      const response = await fetch(`/api/v1/map/config?${q.toString()}`, { credentials: 'same-origin' });
      if (response.ok) {
        const next = (await response.json()) as MapConfig;
        this.setConfig({ ...this.config, style: next.style });
      }
    } catch (error) {
      // The marks change at once; the base map follows with the next page.
      if (!(error instanceof TypeError)) throw error;
    }
    this.measure();
    this.invalidate();
  }

  // ---------------------------------------------------------------- view

  private resized(): void {
    if (this.destroyed || !this.map) return;
    const u = this.tokens.u;
    this.measure();
    this.map.resize();
    if (u !== this.tokens.u) this.map.setStyle(this.style(), { diff: true });
    // A wall that changed its size shows the same place again.
    if (!this.interactive || u !== this.tokens.u) this.camera.home();
    else this.camera.refit();
    this.invalidate();
  }

  private measure(): void {
    this.tokens = readTokens(this.holder, this.config.colors);
    this.sizes = sizes(this.options.variant === 'wall', this.tokens.u);
    const ratio = this.ratio();
    const key = `${this.tokens.dark}|${this.tokens.u}|${ratio}`;
    if (this.atlas && this.atlasKey === key) return;
    this.atlasKey = key;
    this.atlas = new Atlas(ratio);
  }

  private style(): maplibregl.StyleSpecification {
    const { u, font } = this.tokens;
    const full = withFonts(this.config.style, font);
    const style = this.lean ? lighter(full) : full;
    return this.options.variant === 'wall' ? scaleStyle(style, WALL_TEXT * u, u) : style;
  }

  private atlasKey = '';

  private moved(): void {
    this.position();
    const zoom = this.map.getZoom();
    this.pointer?.moved();
    if (Math.floor(zoom * 2) !== Math.floor(this.lastZoom * 2)) this.invalidate();
  }

  private settled(): void {
    const c = this.map.getCenter();
    // On a wall nobody pans, and an untouched view fits every screen by itself: such addresses stay short.
    if (this.interactive && this.styled && !this.still && this.camera.chosen) this.options.page.url.replace({ view: { lon: c.lng, lat: c.lat, zoom: this.map.getZoom() } });
    this.invalidate();
  }

  // ---------------------------------------------------------------- drawing

  /** Draw in the next frame. */
  private invalidate = (): void => {
    if (this.frame || this.destroyed) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.render();
    });
  };

  private entry(key: string): LayerEntry | undefined {
    return this.config.layers.find((l) => l.key === key);
  }

  /** What can be drawn: outlines of grid cells, or the cells coloured as the address says. */
  private specs(): LayerSpec[] {
    const { colour, list } = this.options.page.url.value;
    return topicSpecs(colouredSpecs(this.config.spec.layers, colour), list.topic);
  }

  private visible(): Set<string> {
    const on = new Set(visibleLayers(this.config.layers, this.options.page.url.value.layers));
    for (const [key, show] of Object.entries(this.state.visible ?? {})) if (show) on.add(key);
      else on.delete(key);
    return on;
  }

  private scene(zoom: number): roles.Scene {
    return {
      atlas: this.atlas,
      tokens: this.tokens,
      sizes: this.sizes,
      lang: this.options.page.lang,
      zone: this.options.page.clock.zone(),
      brief: this.options.variant === 'embed',
      zoom,
      selected: this.focus.selected?.key ?? this.options.page.url.value.sel,
      interactive: this.interactive,
      beforeId: this.firstSymbol(),
      tops: this.tops,
    };
  }

  private firstSymbol(): string | undefined {
    return this.map.getStyle()?.layers.find((l) => l.type === 'symbol')?.id;
  }

  private render(): void {
    if (!this.styled || this.destroyed) return;
    this.camera.refit();
    this.stats.renders++;
    const zoom = this.map.getZoom();
    this.lastZoom = zoom;
    const b = this.map.getBounds();
    const bounds: [number, number, number, number] = [b.getWest(), b.getSouth(), b.getEast(), b.getNorth()];
    const visible = this.visible();
    const scene = this.scene(zoom);
    const order = (s: LayerSpec): number => (s.ioc ? (this.entry(s.ioc.layer)?.order ?? 50) : 0);
    const active = activeSpecs(this.specs(), visible, zoom).sort((a, b2) => order(a) - order(b2));
    const tiled: { layer: string; data: import('./mvt').ParsedTile }[] = [];
    const layers: Layer[] = [];
    if (this.focus.region) layers.push(...regionLayers(scene, this.focus.region));
    layers.push(...shapeLayers(scene, this.shapes));
    const next = new Map<string, Shown>();
    for (const spec of active) this.drawSpec(spec, scene, bounds, zoom, next, tiled);
    this.keepOld(next, active, visible);
    for (const s of [...next.values()].sort((x, y) => order(x.spec) - order(y.spec))) layers.push(...s.layers());
    this.current = next;
    layers.push(...this.drawWork(scene, tiled, visible));
    if (this.sketch.length) layers.push(...sketchLayers(scene, this.sketch));
    this.overlay.setProps({ layers });
    this.plates.set(this.options.labels ? this.workList : [], zoom);
    this.position();
    this.report(zoom);
    this.ready.check();
  }

  /** One spec: its tiles are asked for; it enters `next` when they can be drawn. */
  private drawSpec(spec: LayerSpec, scene: roles.Scene, bounds: [number, number, number, number], zoom: number, next: Map<string, Shown>, tiled: { layer: string; data: import('./mvt').ParsedTile }[]): void {
    const ioc = spec.ioc;
    if (!ioc?.role) {
      next.set(spec.id, { spec, layers: () => [plainLayer(spec, scene.beforeId)] });
      return;
    }
    if (typeof spec.data !== 'string') {
      if (Array.isArray(spec.data)) next.set(spec.id, { spec, layers: () => [plainLayer(spec, scene.beforeId)] });
      return;
    }
    const source = this.sources.get(spec.data);
    source.view(bounds, tileZoom(ioc.role, zoom));
    if (WORK_LAYERS.has(ioc.layer) && ioc.role !== 'heat' && ioc.role !== 'density') {
      if (source.z >= 0 && !tiled.some((t) => t.data === source.data)) tiled.push({ layer: ioc.layer, data: source.data });
      if (ioc.role === 'pins' && source.data.pins.length) next.set(spec.id, { spec, layers: () => roles.pins(scene, spec, ioc, source.data, '') });
      return;
    }
    if (source.z >= 0 && (source.complete || this.current.has(spec.id) || source.z === tileZoom(ioc.role, zoom))) {
      next.set(spec.id, { spec, layers: () => [...this.roleLayers(scene, spec, ioc, source), ...alarmLayers(scene, spec, ioc, source.data)] });
    }
  }

  private roleLayers(scene: roles.Scene, spec: LayerSpec, ioc: IocKey, source: TileSource): Layer[] {
    const icon = ioc.icon ?? this.entry(ioc.layer)?.icon ?? 'pin';
    const inner = { ...scene, beforeId: spec.beforeId && this.map.getLayer(spec.beforeId) ? spec.beforeId : scene.beforeId };
    switch (ioc.role) {
      case 'density':
      case 'heat':
        return roles.density(inner, spec, ioc, source.data, source.z);
      case 'pins':
        return roles.pins(inner, spec, ioc, source.data, icon);
      case 'icons':
        return roles.icons(inner, spec, ioc, source.data, icon);
      case 'areas':
      case 'lines':
        if (ioc.layer === 'warning') return warnings(inner, spec, source.data);
        if (ioc.coloured) return colouredAreas(inner, spec, source.data);
        return roles.shapes(inner, spec, ioc, source.data, ioc.role);
      default:
        return roles.marks(inner, spec, ioc, source.data, icon);
    }
  }

  /** Layers replace each other: the old band of a layer stays only until its new one can be drawn. */
  private keepOld(next: Map<string, Shown>, active: readonly LayerSpec[], visible: ReadonlySet<string>): void {
    const drawn = new Set([...next.values()].map((s) => s.spec.ioc?.layer));
    const waiting = new Set(active.map((s) => s.ioc?.layer));
    for (const [id, old] of this.current) {
      const layer = old.spec.ioc?.layer;
      if (layer && !next.has(id) && visible.has(layer) && waiting.has(layer) && !drawn.has(layer)) next.set(id, old);
    }
  }

  private drawWork(scene: roles.Scene, tiled: readonly { layer: string; data: import('./mvt').ParsedTile }[], visible: ReadonlySet<string>): Layer[] {
    const store = this.options.page.live.store;
    const only = new Set([...WORK_LAYERS].filter((k) => visible.has(k)));
    if (!only.size) {
      this.workList = [];
      this.workKey = '';
      return [];
    }
    const topics = this.options.page.url.value.list.topic;
    const key = [store.version, scene.selected, topics.join(), [...only].join(), ...tiled.map((t) => `${t.layer}${dataId(t.data)}`)].join('|');
    if (key !== this.workKey) {
      this.workKey = key;
      this.workList = works(headOf(store.sorted().filter((i) => ofTopics(i, topics)), store.get(scene.selected)), (k) => store.get(k), tiled, only);
    }
    return workLayers(scene, this.workList, true);
  }

  private position(): void {
    const view = { w: this.holder.clientWidth, h: this.holder.clientHeight };
    this.plates.position((lon, lat) => this.map.project([lon, lat]), view, this.sizes, this.focus.selected);
  }

  private report(zoom: number): void {
    const c = this.map.getCenter();
    this.scale?.set(c.lat, zoom, this.tokens.u);
    const tops = Object.fromEntries([...this.tops].filter(([k]) => !k.includes(':')));
    window.dispatchEvent(new CustomEvent('ioc:map', { detail: { zoom, scale: scaleText(resolution(c.lat, zoom), this.options.page.lang), tops, lon: c.lng, lat: c.lat } }));
  }

  // ---------------------------------------------------------------- ready

  idle(): boolean {
    return this.ready.idle();
  }

  private showCanvas(visible: boolean): void {
    this.map.getCanvas().style.visibility = visible ? '' : 'hidden';
    // Tiles, shaders and layers are made ready on a canvas of a few pixels.
    if (this.lean) this.map.setPixelRatio(visible ? this.ratio() : HIDDEN_RATIO);
    // A map that has nothing more to draw would never say that it was drawn in view.
    if (visible) this.map.triggerRepaint();
  }

  /** Device pixels of a CSS pixel that are drawn. */
  private ratio(): number {
    return this.options.variant === 'wall' || this.still ? 1 : Math.max(1, Math.min(3, window.devicePixelRatio || 1));
  }

  /** Why the map is not idle, by name. */
  waiting(): Waiting {
    if (!this.map || !this.styled) return { style: true };
    const deck = (this.overlay as unknown as { _deck?: DeckInside })._deck;
    const url = this.options.page.url.value;
    const visible = this.visible();
    const zoom = this.map.getZoom();
    const open = activeSpecs(this.specs(), visible, zoom).filter((s) => typeof s.data === 'string' && s.ioc?.role && !this.sources.get(s.data).complete);
    return {
      map: !this.map.loaded() || !this.map.areTilesLoaded(),
      moving: this.map.isMoving(),
      frame: this.frame !== 0,
      tiles: open.map((s) => s.id).join(),
      region: !this.focus.has(url.region),
      deck: !deck?.isInitialized || deck.needsRedraw({ clearRedrawFlags: false }) !== false,
      layers: (deck?.layerManager?.getLayers() ?? []).filter((l) => !l.isLoaded).map((l) => l.id).join(),
    };
  }
}

interface DeckInside {
  device?: DrawnOn;
  isInitialized: boolean;
  needsRedraw(o: { clearRedrawFlags: boolean }): false | string;
  layerManager: { getLayers(): { id: string; isLoaded: boolean }[] } | null;
}

let ids = 0;
const dataIds = new WeakMap<object, number>();
function dataId(o: object): number {
  let n = dataIds.get(o);
  if (n === undefined) dataIds.set(o, (n = ++ids));
  return n;
}

async function fullscreen(el: Element): Promise<void> {
  if (document.fullscreenElement) await document.exitFullscreen();
  else await el.requestFullscreen();
}
