/** Components for Dash, on `window.ioc_ui` (docs/ui.md). */
import { installCameras, loadVideo } from './core/cameras';
import { patchFetch } from './core/past';
import { Ready } from './core/ready';
import { installRefocus } from './core/refocus';
import { drawsInSoftware } from './map/gpu';
import { AlarmBar } from './ui/AlarmBar';
import { AlarmList } from './ui/AlarmList';
import { AlarmRules } from './ui/AlarmRules';
import { AlarmWall } from './ui/AlarmWall';
import { CountRow, Timeline } from './ui/counters';
import { Keys, SearchBox, Svg } from './ui/dialogs';
import { LayerPanel } from './ui/LayerPanel';
import { LiveList } from './ui/LiveList';
import { MapView } from './ui/MapView';
import { Page } from './ui/Page';
import { Clock, ConnStrip, FreshRing, LangSwitch, ThemeSwitch } from './ui/status';

patchFetch();
window.iocReady ??= new Ready();
installCameras();
installRefocus();
// where the processor draws the page, what blinks does so in steps: sixty whole pictures a second are more than a core
requestIdleCallback(() => drawsInSoftware() && (document.documentElement.dataset['lean'] = ''));
Object.assign(window, {
  ioc_ui: { Page, MapView, LiveList, CountRow, ConnStrip, Clock, FreshRing, Timeline, LayerPanel, SearchBox, Keys, LangSwitch, ThemeSwitch, Svg, AlarmBar, AlarmList, AlarmRules, AlarmWall },
  ioc_video: { load: loadVideo },
});
