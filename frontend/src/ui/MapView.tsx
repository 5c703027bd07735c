import * as React from 'react';
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
    ioc_map?: MapModule;
    iocMaps?: Record<string, MapHandle>;
  }
}

const own = document.currentScript instanceof HTMLScriptElement ? document.currentScript.src : '';

/** Address of a sibling of this script, fingerprint (ioc_ui.v1m2.js) included: it is cached for good. */
export function sibling(file: string, ext: string, script = own): string {
  return script.replace(/ioc_ui((?:\.v[\w-]+m[0-9a-f]+)?)\.js(\?.*)?$/, `${file}$1.${ext}`);
}

let loading: Promise<MapModule> | null = null;

export function loadMap(): Promise<MapModule> {
  loading ??= new Promise<MapModule>((resolve, reject) => {
    if (window.ioc_map) {
      resolve(window.ioc_map);
      return;
    }
    const script = document.createElement('script');
    script.src = sibling('ioc_map', 'js');
    script.onload = () => (window.ioc_map ? resolve(window.ioc_map) : reject(new Error('map bundle is empty')));
    script.onerror = () => {
      loading = null;
      reject(new Error('map bundle did not load'));
    };
    document.head.appendChild(script);
  });
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

function options(p: PageContext, name: string, variant: 'wall' | 'desk' | 'embed', labels: boolean, fault: (text: string) => void): Parameters<MapModule['create']>[2] {
  return {
    name,
    variant,
    labels,
    page: p,
    workerUrl: new URL(sibling('maplibre-gl-worker', 'mjs'), location.href).href,
    fault: (what) => fault(what ? word(what, p.lang) : ''),
  };
}
