import { type Signal, useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Call, Participant } from 'veche-client';
import { type App, copyText, inviteUrl } from '../app';
import { startRinging } from '../devices/ring';
import { lang, t } from '../i18n';
import type { CallStage } from '../model/callstage';
import type { Lobby, Outcome } from '../model/lobby';
import { Stage } from '../stage/index.js';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Switch } from '../ui/field';
import { Icon } from '../ui/icons';
import { announce } from '../ui/live';
import { useWakeLock } from '../ui/wakelock';
import { Shell } from './shell';

export interface LobbyProps {
  app: App;
  room: string;
  lobby: Lobby;
  outcome: Signal<Outcome | null>;
  onOver(code: string): void;
}

export function LobbyView({ app, room, lobby, outcome, onOver }: LobbyProps): JSX.Element {
  const ended = lobby.ended.value;
  useEffect(() => {
    if (ended !== null) onOver(ended);
  }, [ended]);
  const stage = lobby.stage.value;
  if (stage) return <Talking key={stage.call.id} stage={stage} />;
  return (
    <Shell app={app}>
      <div class="lobby">
        <section class="lobby-people">
          <div class="lobby-head">
            <div>
              <h1>{t('call.title')}</h1>
              <p class="room-code">{t('call.lobby', { room })}</p>
            </div>
            <Button icon="door" onClick={() => void lobby.leave()}>
              {t('call.leave')}
            </Button>
          </div>
          {lobby.connection.value === 'reconnecting' ? (
            <p class="note note-warn" role="status">
              <span class="spinner" aria-hidden="true" />
              {t('banner.reconnecting')}
            </p>
          ) : null}
          <OutcomeCard lobby={lobby} outcome={outcome} />
          <Online lobby={lobby} onRing={() => (outcome.value = null)} />
        </section>
        <Sharing app={app} room={room} lobby={lobby} />
      </div>
      <Ringing lobby={lobby} />
    </Shell>
  );
}

function Talking({ stage }: { stage: CallStage }): JSX.Element {
  useWakeLock();
  return <Stage model={stage} t={t} locale={lang.value} />;
}

/** What became of the last call; it stays until it is closed or another begins. */
function OutcomeCard({ lobby, outcome }: { lobby: Lobby; outcome: Signal<Outcome | null> }): JSX.Element | null {
  const result = outcome.value;
  if (!result) return null;
  const { again, tone, name } = result;
  const online = again !== undefined && lobby.online.value.some((one) => one.id === again);
  return (
    <div class={`outcome outcome-${tone}`}>
      <Icon name={tone === 'warn' ? 'phoneDown' : 'info'} />
      <p>{t(result.key, { name })}</p>
      {online ? (
        <Button
          tone="quiet"
          onClick={() => {
            outcome.value = null;
            void lobby.ring(again, true);
          }}
        >
          {t('call.again')}
        </Button>
      ) : null}
      <button type="button" class="icon-button" aria-label={t('call.dismiss')} onClick={() => (outcome.value = null)}>
        <Icon name="close" size={18} />
      </button>
    </div>
  );
}

function Online({ lobby, onRing }: { lobby: Lobby; onRing(): void }): JSX.Element {
  const video = useSignal(true);
  const people = lobby.online.value;
  return (
    <>
      <div class="lobby-bar">
        <h2>
          {t('call.online')} <span class="count">{t('call.people', { n: people.length })}</span>
        </h2>
        <Switch label={t('call.video')} checked={video.value} onChange={(on) => (video.value = on)} />
      </div>
      {people.length === 0 ? (
        <div class="card empty">
          <span class="end-icon">
            <Icon name="people" size={28} />
          </span>
          <p class="empty-title">{t('call.nobody')}</p>
          <p>{t('call.nobody.hint')}</p>
        </div>
      ) : (
        <ul class="people">
          {people.map((one) => (
            <PersonRow
              key={one.id}
              one={one}
              onCall={() => {
                onRing();
                void lobby.ring(one.id, video.peek());
              }}
            />
          ))}
        </ul>
      )}
    </>
  );
}

function PersonRow({ one, onCall }: { one: Participant; onCall(): void }): JSX.Element {
  return (
    <li class="card person">
      <Avatar name={one.name} />
      <span class="person-name">
        <strong>{one.name}</strong>
        <span class="person-id">{one.connected ? one.id.slice(0, 8) : t('call.away')}</span>
      </span>
      <Button tone="ok" icon="phone" aria-label={t('call.call', { name: one.name })} onClick={onCall}>
        <span class="person-call">{t('call.call.short')}</span>
      </Button>
    </li>
  );
}

export function Avatar({ name, large }: { name: string; large?: boolean }): JSX.Element {
  const letters = name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => [...word][0] ?? '')
    .join('')
    .toUpperCase();
  return (
    <span class={large ? 'avatar avatar-large' : 'avatar'} aria-hidden="true">
      {letters}
    </span>
  );
}

function Sharing({ app, room, lobby }: { app: App; room: string; lobby: Lobby }): JSX.Element {
  const { me } = lobby;
  const url = inviteUrl(app, { page: 'call', room });
  return (
    <aside class="card sharing">
      <div class="sharing-me">
        <Avatar name={me.name} />
        <strong>{me.name}</strong>
      </div>
      <CopyLine label={t('call.link')} text={url} button={t('call.copy')} />
      <CopyLine label={t('call.id')} text={me.id} button={t('call.copy.id')} />
      <Switch
        label={t('join.relay')}
        hint={t('join.relay.hint')}
        checked={app.settings.value.relayOnly}
        onChange={(relayOnly) => {
          app.settings.value = { ...app.settings.peek(), relayOnly };
          lobby.hideAddress(relayOnly);
        }}
      />
    </aside>
  );
}

/** A text that is short enough to be read out, and a button that copies it. */
function CopyLine({ label, text, button }: { label: string; text: string; button: string }): JSX.Element {
  const copied = useSignal(false);
  const shown = useRef<HTMLElement>(null);
  const copy = async () => {
    if (!(await copyText(text))) {
      // No clipboard on an insecure page: the text is selected, so that the person copies it.
      if (shown.current) getSelection()?.selectAllChildren(shown.current);
      return;
    }
    copied.value = true;
    announce(t('call.copied'));
    setTimeout(() => {
      copied.value = false;
    }, 2000);
  };
  return (
    <div class="copy-line">
      <p class="copy-label">{label}</p>
      <code ref={shown} class="copy-text">
        {text}
      </code>
      <Button icon={copied.value ? 'check' : 'copy'} onClick={() => void copy()}>
        {button}
      </Button>
    </div>
  );
}

function Ringing({ lobby }: { lobby: Lobby }): JSX.Element | null {
  const incoming = lobby.incoming.value;
  const outgoing = lobby.outgoing.value;
  if (incoming) return <Incoming key={incoming.id} call={incoming} lobby={lobby} />;
  if (outgoing) return <Outgoing key={outgoing.id} call={outgoing} lobby={lobby} />;
  return null;
}

function Incoming({ call, lobby }: { call: Call; lobby: Lobby }): JSX.Element {
  const title = t('call.incoming', { name: call.peer.name });
  useEffect(() => {
    const stop = startRinging('incoming');
    const before = document.title;
    document.title = `☎ ${title}`;
    return () => {
      stop();
      document.title = before;
    };
  }, [title]);
  const accepting = lobby.accepting.value;
  return (
    <Dialog title={title} alert onDismiss={() => void lobby.decline()}>
      <div class="ringing">
        <span class="ringing-avatar">
          <Avatar name={call.peer.name} large />
        </span>
        <p>{t(call.video ? 'call.incoming.video' : 'call.incoming.audio')}</p>
        <p class="field-hint" role="status">
          {t(accepting ? 'call.permission' : 'call.incoming.hint')}
        </p>
      </div>
      <div class="ringing-actions">
        <Button tone="danger" large icon="phoneDown" onClick={() => void lobby.decline()}>
          {t('call.decline')}
        </Button>
        <Button tone="ok" large icon="phone" busy={accepting} onClick={() => void lobby.accept()}>
          {t('call.accept')}
        </Button>
      </div>
    </Dialog>
  );
}

function Outgoing({ call, lobby }: { call: Call; lobby: Lobby }): JSX.Element {
  useEffect(() => startRinging('outgoing'), []);
  return (
    <Dialog title={t('call.outgoing', { name: call.peer.name })} onDismiss={() => void lobby.cancel()}>
      <div class="ringing">
        <span class="ringing-avatar">
          <Avatar name={call.peer.name} large />
        </span>
        <p class="field-hint">{t('call.outgoing.hint')}</p>
      </div>
      <div class="ringing-actions">
        <Button tone="danger" large icon="phoneDown" onClick={() => void lobby.cancel()}>
          {t('call.cancel')}
        </Button>
      </div>
    </Dialog>
  );
}
