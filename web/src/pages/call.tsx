import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { App } from '../app';
import { t } from '../i18n';
import { type EndCode, endCode } from '../model/end';
import { codeOf } from '../model/fault';
import { Lobby, type Outcome } from '../model/lobby';
import { screenCapture } from '../model/local';
import { enterRoom, markInside, wasInside } from '../model/session';
import { cleanName, savingOf } from '../model/settings';
import { urlOf } from '../router';
import { Button } from '../ui/button';
import { announce } from '../ui/live';
import { toast } from '../ui/toast';
import { EndPage } from './end';
import { LobbyView } from './lobby';
import { NameField } from './prejoin';
import { Shell } from './shell';

type Step = { at: 'before' } | { at: 'entering' } | { at: 'inside'; lobby: Lobby } | { at: 'over'; code: EndCode };

/** A lobby: a name, then who is online, then a call. No device is touched before a call is accepted. */
export function CallPage({ app, room }: { app: App; room: string }): JSX.Element {
  const step = useSignal<Step>({ at: 'before' });
  const outcome = useSignal<Outcome | null>(null);
  const attempt = useRef<AbortController | null>(null);
  const path = urlOf({ page: 'call', room }, app.root).pathname;

  const over = (code: string) => {
    markInside(null);
    step.value = { at: 'over', code: endCode(code, app.token.peek() !== undefined) };
  };
  const ended = (result: Outcome) => {
    const now = step.peek();
    const text = t(result.key, { name: result.name });
    if (now.at === 'inside' && now.lobby.stage.peek()) {
      toast(text, result.tone === 'warn' ? 'warn' : 'info', { ms: 20_000 });
    } else {
      outcome.value = result;
      announce(text);
    }
  };
  const enter = async () => {
    const control = new AbortController();
    attempt.current = control;
    step.value = { at: 'entering' };
    try {
      const joined = await enterRoom(app, 'call', room, control.signal);
      if (control.signal.aborted) return void joined.leave().catch(() => undefined);
      markInside(path);
      step.value = {
        at: 'inside',
        lobby: new Lobby(joined, app.media, screenCapture(), ended, savingOf(app.settings)),
      };
    } catch (error) {
      if (!control.signal.aborted) over(codeOf(error));
    }
  };
  useEffect(() => {
    if (wasInside(path) && cleanName(app.settings.peek().name)) void enter();
    return () => {
      attempt.current?.abort();
      const now = step.peek();
      if (now.at === 'inside') void now.lobby.leave();
    };
  }, []);

  const now = step.value;
  switch (now.at) {
    case 'before':
    case 'entering':
      return <EnterLobby app={app} room={room} busy={now.at === 'entering'} onEnter={() => void enter()} />;
    case 'inside':
      return <LobbyView app={app} room={room} lobby={now.lobby} outcome={outcome} onOver={over} />;
    case 'over':
      return (
        <EndPage
          app={app}
          code={now.code}
          onRetry={() => {
            step.value = { at: 'before' };
          }}
        />
      );
  }
}

function EnterLobby({
  app,
  room,
  busy,
  onEnter,
}: {
  app: App;
  room: string;
  busy: boolean;
  onEnter(): void;
}): JSX.Element {
  const named = cleanName(app.settings.value.name) !== '';
  return (
    <Shell app={app} narrow>
      <form
        class="card enter"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (named && !busy) onEnter();
        }}
      >
        <div>
          <h1>{t('call.title')}</h1>
          <p class="room-code">{t('call.lobby', { room })}</p>
        </div>
        <p class="lead">{t('call.enter.lead')}</p>
        <NameField settings={app.settings} required />
        <Button tone="accent" large type="submit" disabled={!named} busy={busy}>
          {t('call.enter')}
        </Button>
      </form>
    </Shell>
  );
}
