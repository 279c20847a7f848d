import './css/stage.css';
import './css/tile.css';
import './css/controls.css';
import './css/panel.css';
import { useComputed, useSignalEffect } from '@preact/signals';
import { useCallback, useEffect, useMemo, useRef } from 'preact/hooks';
import { layoutForScreens } from './arrange.js';
import { Banners } from './Banners.js';
import { ChatPanel } from './ChatPanel.js';
import { useSize } from './hooks.js';
import { Invite } from './Invite.js';
import type { Size } from './layout.js';
import { PeoplePanel } from './PeoplePanel.js';
import { Sound } from './Sound.js';
import { StatsPanel } from './StatsPanel.js';
import { Tiles } from './Tiles.js';
import { Toolbar } from './Toolbar.js';
import { TopBar } from './TopBar.js';
import type { Layout, StageModel, StageProps, Translate } from './types.js';

/** `flat`: a phone on its side, where height is dear and the controls stand at the edge. */
type Form = 'desk' | 'phone' | 'flat';

function formOf(size: Size): Form {
  if (size.height < 480 && size.width > size.height) return 'flat';
  return size.width < 840 ? 'phone' : 'desk';
}

/** Everything one sees and does during a conversation. */
export function Stage({ model, t, locale }: StageProps) {
  const root = useRef<HTMLElement>(null);
  const form = formOf(useSize(root, { width: innerWidth, height: innerHeight }));
  const compact = form !== 'desk';
  const panel = model.ui.panel.value;
  const covered = compact && panel !== null;
  const close = useClosePanel(model, root);
  useShortcuts(model, close);
  useScreenLayout(model);
  return (
    <main
      class="st-stage"
      ref={root}
      aria-label={t('stage.label')}
      data-form={form}
      data-panel={panel ?? 'none'}
      data-mode={model.mode}
    >
      <div class="st-view" inert={covered}>
        <TopBar model={model} t={t} compact={compact} />
        <div class="st-main">
          <Tiles model={model} t={t} />
          <Nobody model={model} t={t} />
          <Banners model={model} t={t} />
          <Sound model={model} t={t} />
        </div>
      </div>
      {panel === 'chat' && <ChatPanel model={model} t={t} locale={locale} close={close} />}
      {panel === 'people' && <PeoplePanel model={model} t={t} close={close} />}
      {panel === 'stats' && <StatsPanel model={model} t={t} locale={locale} close={close} />}
      <Toolbar model={model} t={t} compact={compact} />
      <Announcer model={model} t={t} />
    </main>
  );
}

/** Words over an empty room. */
function Nobody({ model, t }: { model: StageModel; t: Translate }) {
  const tiles = model.tiles.value;
  if (tiles.some((tile) => !tile.isLocal)) return null;
  if (model.mode === 'broadcast-viewer') {
    return (
      <div class="st-nobody" data-over={tiles.length > 0}>
        <p class="st-nobody-title">{t('stage.viewer.waiting')}</p>
        <p class="st-dim">{t('stage.viewer.hint')}</p>
      </div>
    );
  }
  // Viewers and people who only listen are here too, without a tile.
  if (!model.invite || model.people.list.value.some((person) => !person.isLocal)) return null;
  return (
    <div class="st-nobody" data-over={tiles.length > 0}>
      <p class="st-nobody-title">{t('stage.alone')}</p>
      <p class="st-dim">{t('stage.alone.hint')}</p>
      <Invite invite={model.invite} t={t} />
    </div>
  );
}

/** Tells what is heard but not seen: the model's news, and the state that a keyboard shortcut has changed. */
function Announcer({ model, t }: { model: StageModel; t: Translate }) {
  const mic = useComputed(() => t(model.local.value.mic ? 'announce.mic.on' : 'announce.mic.off'));
  const camera = useComputed(() => t(model.local.value.camera ? 'announce.camera.on' : 'announce.camera.off'));
  const publishes = model.allowed.value.publish;
  return (
    <div class="st-hidden" aria-live="polite" aria-atomic="false">
      <p>{model.announcement.value}</p>
      {publishes && <p>{mic}</p>}
      {publishes && <p>{camera}</p>}
    </div>
  );
}

/** Closes the panel and gives the focus back to the button that opened it. */
function useClosePanel(model: StageModel, root: { current: HTMLElement | null }): () => void {
  return useCallback(() => {
    const panel = model.ui.panel.value;
    model.ui.panel.value = null;
    const find = (opens: string) => root.current?.querySelector<HTMLElement>(`.st-bar [data-opens="${opens}"]`);
    (find(panel ?? '') ?? find('popover'))?.focus();
  }, [model, root]);
}

/** Ctrl+D microphone, Ctrl+E camera, Escape closes the panel. */
function useShortcuts(model: StageModel, close: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing || event.repeat) return;
      if (event.key === 'Escape' && model.ui.panel.value !== null && !document.querySelector('dialog[open]')) {
        close();
        return;
      }
      if (!event.ctrlKey || event.altKey || event.shiftKey || event.metaKey || !model.allowed.value.publish) return;
      const action = ({ KeyD: 'toggleMic', KeyE: 'toggleCamera' } as const)[event.code];
      if (!action) return;
      event.preventDefault();
      void model.actions[action]();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [model, close]);
}

/** A shared screen is shown large by itself; see layoutForScreens. */
function useScreenLayout(model: StageModel): void {
  const before = useMemo<{ layout: Layout | null }>(() => ({ layout: null }), []);
  const screens = useComputed(() => model.tiles.value.filter((tile) => tile.kind === 'screen' && !tile.isLocal).length);
  useSignalEffect(() => {
    const { layout } = model.ui;
    const [now, kept] = layoutForScreens(before.layout, layout.peek(), screens.value);
    before.layout = kept;
    layout.value = now;
  });
}
