import { Popover, Tool } from './Button.js';
import { DeviceMenu } from './DeviceMenu.js';
import { Icon } from './Icon.js';
import { Invite } from './Invite.js';
import type { Layout, Panel, StageModel, Translate } from './types.js';

interface Props {
  readonly model: StageModel;
  readonly t: Translate;
}

/** `compact`: a phone. What is not needed every minute moves into "More". */
export function Toolbar({ model, t, compact }: Props & { compact: boolean }) {
  const allowed = model.allowed.value;
  return (
    <footer class="st-bar">
      <section class="st-tools" aria-label={t('stage.toolbar')}>
        {allowed.publish && <MediaTools model={model} t={t} />}
        {!compact && <ShareTools model={model} t={t} />}
        {allowed.chat && <PanelTool panel="chat" model={model} t={t} />}
        {compact ? <MoreMenu model={model} t={t} /> : <ViewTools model={model} t={t} />}
        <LeaveTool model={model} t={t} />
      </section>
    </footer>
  );
}

function MediaTools({ model, t }: Props) {
  const local = model.local.value;
  return (
    <>
      <Tool
        icon={local.mic ? 'mic' : 'micOff'}
        label={t('stage.mute')}
        pressed={!local.mic}
        tone={local.mic ? undefined : 'off'}
        note={local.micProblem}
        warn={local.micProblem !== undefined}
        keys="Control+D"
        run={() => model.actions.toggleMic()}
      />
      <Tool
        icon={local.camera ? 'camera' : 'cameraOff'}
        label={t('stage.camera')}
        pressed={local.camera}
        tone={local.camera ? undefined : 'off'}
        note={local.cameraProblem}
        warn={local.cameraProblem !== undefined}
        keys="Control+E"
        run={() => model.actions.toggleCamera()}
      />
    </>
  );
}

function ShareTools({ model, t }: Props) {
  const allowed = model.allowed.value;
  const local = model.local.value;
  return (
    <>
      {allowed.screen && (
        <Tool
          icon="screen"
          label={t('stage.screen')}
          pressed={local.screen}
          tone={local.screen ? 'on' : undefined}
          run={() => model.actions.toggleScreen()}
        />
      )}
      {allowed.hand && (
        <Tool
          icon="hand"
          label={t('stage.hand')}
          pressed={local.hand}
          tone={local.hand ? 'on' : undefined}
          run={() => model.actions.toggleHand()}
        />
      )}
    </>
  );
}

function PanelTool({ panel, model, t }: Props & { panel: Panel }) {
  const open = model.ui.panel.value === panel;
  const unread = panel === 'chat' && !open ? model.chat.unread.value : 0;
  const hands = panel === 'people' && model.allowed.value.moderate ? raised(model) : 0;
  return (
    <Tool
      icon={panel}
      label={t(`stage.${panel}`)}
      pressed={open}
      tone={open ? 'on' : undefined}
      badge={unread || hands}
      note={unread ? t('stage.unread', { n: unread }) : hands ? t('stage.hands', { n: hands }) : undefined}
      opens={panel}
      run={() => {
        model.ui.panel.value = open ? null : panel;
      }}
    />
  );
}

/** Hands of others that are up. */
function raised(model: StageModel): number {
  return model.people.list.value.filter((person) => !person.isLocal && person.state.hand).length;
}

function ViewTools({ model, t }: Props) {
  const allowed = model.allowed.value;
  return (
    <>
      {allowed.people && <PanelTool panel="people" model={model} t={t} />}
      <PanelTool panel="stats" model={model} t={t} />
      <Popover icon={model.ui.layout.value} label={t('stage.layout')} face="tool">
        {(close) => <LayoutChoice model={model} t={t} done={close} />}
      </Popover>
      <Popover icon="devices" label={t('stage.devices')} face="tool">
        {() => <DeviceMenu devices={model.devices} publish={allowed.publish} t={t} />}
      </Popover>
    </>
  );
}

function LayoutChoice({ model, t, done }: Props & { done(): void }) {
  const { layout, pinned } = model.ui;
  const choose = (wanted: Layout) => {
    layout.value = wanted;
    if (wanted === 'grid') pinned.value = null;
    done();
  };
  const now = pinned.value ? 'speaker' : layout.value;
  const saving = model.saving.value;
  return (
    <>
      <div class="st-choice">
        {(['grid', 'speaker'] as const).map((wanted) => (
          <button key={wanted} type="button" aria-pressed={now === wanted} onClick={() => choose(wanted)}>
            <Icon name={wanted} />
            {t(`stage.layout.${wanted}`)}
          </button>
        ))}
      </div>
      <Entry icon="sound" label={t('stage.saving')} on={saving} run={() => void model.actions.toggleSaving()} />
    </>
  );
}

function MoreMenu({ model, t }: Props) {
  const allowed = model.allowed.value;
  const local = model.local.value;
  const { screen, hand, people } = allowed;
  return (
    <Popover icon="more" label={t('stage.more')} face="tool">
      {(close) => {
        const open = (panel: Panel) => () => {
          close();
          model.ui.panel.value = panel;
        };
        const toggle = (action: 'toggleScreen' | 'toggleHand') => () => {
          void model.actions[action]();
          close();
        };
        return (
          <div class="st-more">
            {screen && <Entry icon="screen" label={t('stage.screen')} on={local.screen} run={toggle('toggleScreen')} />}
            {hand && <Entry icon="hand" label={t('stage.hand')} on={local.hand} run={toggle('toggleHand')} />}
            {people && <Entry icon="people" label={t('stage.people')} run={open('people')} />}
            <Entry icon="stats" label={t('stage.stats')} run={open('stats')} />
            <LayoutChoice model={model} t={t} done={close} />
            <DeviceMenu devices={model.devices} publish={allowed.publish} t={t} />
            {model.invite && <Invite invite={model.invite} t={t} />}
          </div>
        );
      }}
    </Popover>
  );
}

interface EntryProps {
  readonly icon: 'screen' | 'hand' | 'people' | 'stats' | 'sound';
  readonly label: string;
  readonly on?: boolean;
  run(): void;
}

function Entry({ icon, label, on, run }: EntryProps) {
  return (
    <button type="button" class="st-entry" aria-pressed={on} onClick={run}>
      <Icon name={icon} />
      {label}
    </button>
  );
}

function LeaveTool({ model, t }: Props) {
  const call = model.mode === 'call';
  return (
    <Tool
      icon={call ? 'hangup' : 'leave'}
      label={t(call ? 'stage.hangup' : 'stage.leave')}
      tone="leave"
      run={() => model.actions.leave()}
    />
  );
}
