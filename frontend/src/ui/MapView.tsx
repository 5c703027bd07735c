import * as React from 'react';
import { sibling, thisScript } from '../core/bundle';
import { page, type PageContext } from '../core/page';
import { word } from '../core/words';
import type { MapConfig, MapHandle, MapModule, MapState } from '../map/types';
import { cx, type Base } from './hooks';

interface Props extends Base {
  config?: MapConfig;
  state?: MapState;
  variant?: 'wall' | 'desk' | 'embed';
  labels?: boolean;
}

declare global {
  interface Window {
    iocMaps?: Record<string, MapHandle>;
  }
}

const own = thisScript();

let loading: Promise<MapModule> | null = null;
let failures = 0;

export function loadMap(): Promise<MapModule> {
  // A module does not hold back the page's load event, as a script element would. A browser may remember that a module failed:
  // the next try has an address of its own.
  const url = sibling(own, 'ioc_map', 'js') + (failures ? `?try=${failures}` : '');
  loading ??= (import(/* @vite-ignore */ url) as Promise<MapModule>).then(
    (module) => {
      module.warm(new URL(sibling(own, 'maplibre-gl-worker', 'mjs'), location.href).href);
      return module;
    },
    (error: unknown) => {
      loading = null;
      failures++;
      throw error;
    },
  );
  return loading;
}

// A page with a place for a map starts loading its bundle before Dash has drawn anything.
if (own && document.querySelector('.mapbox,[data-map]')) loadMap().catch((e: unknown) => console.error(e));

const RETRY_MS = 5000;

export function MapView(props: Props): React.ReactElement {
  const p = page();
  const el = React.useRef<HTMLDivElement>(null);
  const map = React.useRef<MapHandle | null>(null);
  const [failed, setFailed] = React.useState('');
  const name = props.id ?? 'map';
  const variant = props.variant ?? p.surface;
  React.useState(() => p.ready.need(name));
  React.useEffect(() => {
    let gone = false;
    let retry: ReturnType<typeof setTimeout> | undefined;
    const start = (): void => {
      if (!canDraw()) {
        // Everything beside the map goes on; what the map would show, lists and panels say too.
        setFailed(word('noWebgl', p.lang));
        p.ready.done(name);
        return;
      }
      loadMap().then(
        (module) => {
          if (gone || !el.current || !props.config) return;
          map.current = module.create(el.current, props.config, options(p, name, variant, props.labels !== false, setFailed));
          (window.iocMaps ??= {})[name] = map.current;
          if (props.state) map.current.setState(props.state);
        },
        (error: unknown) => {
          console.error(error);
          retry = setTimeout(start, RETRY_MS);
        },
      );
    };
    start();
    return () => {
      gone = true;
      clearTimeout(retry);
      map.current?.destroy();
      if (window.iocMaps) delete window.iocMaps[name];
    };
    // The map is made once; later props go through the effects below.
  }, []);
  React.useEffect(() => {
    if (props.config) map.current?.setConfig(props.config);
  }, [props.config]);
  React.useEffect(() => {
    if (props.state) map.current?.setState(props.state);
  }, [props.state]);
  return (
    <div id={props.id} className={cx('ioc-map', `on-${variant}`, props.className)} style={props.style} data-map="">
      <div ref={el} className="ioc-map-gl" />
      {failed ? <p className="map-fault">{failed}</p> : null}
    </div>
  );
}

let drawing: boolean | null = null;

/** Whether this browser draws maps at all: WebGL 2, which a policy or a broken driver can take away. */
function canDraw(): boolean {
  if (drawing === null) {
    const gl = document.createElement('canvas').getContext('webgl2');
    drawing = gl !== null;
    gl?.getExtension('WEBGL_lose_context')?.loseContext();
  }
  return drawing;
}

function options(p: PageContext, name: string, variant: 'wall' | 'desk' | 'embed', labels: boolean, fault: (text: string) => void): Parameters<MapModule['create']>[2] {
  return {
    name,
    variant,
    labels,
    page: p,
    fault: (what) => fault(what ? word(what, p.lang) : ''),
  };
}
