import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import type { App } from '../app';
import { lang, t } from '../i18n';
import type { Conference } from '../model/conference';
import { type EndCode, endCode } from '../model/end';
import { codeOf } from '../model/fault';
import { enterRoom, markInside, openConference, wasInside } from '../model/session';
import { type RoomPage as Page, urlOf } from '../router';
import { Stage } from '../stage/index.js';
import { Button } from '../ui/button';
import { useWakeLock } from '../ui/wakelock';
import { EndPage } from './end';
import { PreJoin } from './prejoin';
import { Shell } from './shell';

type Step =
  | { at: 'before' }
  | { at: 'joining' }
  | { at: 'inside'; conference: Conference }
  | { at: 'over'; code: EndCode };

/** A meeting or a broadcast from before it to after it. */
export function RoomPage({ app, page, room }: { app: App; page: Exclude<Page, 'call'>; room: string }): JSX.Element {
  const path = urlOf({ page, room }, app.root).pathname;
  // A click on the start page, or a reload of a conversation, leads straight in: no preview opens the devices first.
  const straight = useMemo(() => (app.direct ? { mic: true, camera: true } : wasInside(path)), []);
  const step = useSignal<Step>({ at: straight ? 'joining' : 'before' });
  const muted = useSignal(false);
  const attempt = useRef<AbortController | null>(null);

  const over = (code: string) => {
    markInside(null);
    step.value = { at: 'over', code: endCode(code, app.token.peek() !== undefined) };
  };
  const enter = async (open: { mic: boolean; camera: boolean } | undefined) => {
    const control = new AbortController();
    attempt.current?.abort();
    attempt.current = control;
    step.value = { at: 'joining' };
    const opening = open && page !== 'watch' ? app.media.open(open) : undefined;
    try {
      const joined = await enterRoom(app, page, room, control.signal);
      if (control.signal.aborted) return void joined.leave().catch(() => undefined);
      const conference = openConference(app, page, joined);
      step.value = { at: 'inside', conference };
      void opening; // the conference sends each track as soon as it is there
    } catch (error) {
      if (control.signal.aborted) return;
      app.media.closeAll();
      over(codeOf(error));
    }
  };
  useEffect(() => {
    app.direct = false;
    if (straight) void enter(straight);
    return () => {
      attempt.current?.abort();
      if (step.peek().at === 'inside') (step.peek() as { conference: Conference }).conference.leave();
      else app.media.closeAll();
    };
  }, []);

  const now = step.value;
  switch (now.at) {
    case 'before':
      return <PreJoin app={app} page={page} room={room} muted={muted} onJoin={() => void enter(undefined)} />;
    case 'joining':
      return <Joining app={app} onCancel={() => cancel()} />;
    case 'inside':
      return <Inside conference={now.conference} path={path} onOver={over} />;
    case 'over':
      return <EndPage app={app} code={now.code} onRetry={() => retry()} />;
  }

  function cancel(): void {
    attempt.current?.abort();
    app.media.closeAll();
    step.value = { at: 'before' };
  }

  function retry(): void {
    step.value = { at: 'before' };
  }
}

function Joining({ app, onCancel }: { app: App; onCancel(): void }): JSX.Element {
  return (
    <Shell app={app} narrow>
      <section class="end" aria-busy="true">
        <span class="spinner spinner-large" aria-hidden="true" />
        <h1>{t('join.busy')}</h1>
        <Button onClick={onCancel}>{t('join.cancel')}</Button>
      </section>
    </Shell>
  );
}

function Inside({
  conference,
  path,
  onOver,
}: {
  conference: Conference;
  path: string;
  onOver(code: string): void;
}): JSX.Element {
  const ended = conference.ended.value;
  const { mic, camera } = conference.local.value;
  // At once, not after the next frame: a reload may come first, and somebody muted must not come back heard.
  useLayoutEffect(() => {
    if (ended !== null) onOver(ended);
    else markInside(path, { mic, camera });
  }, [ended, mic, camera]);
  useWakeLock();
  return <Stage model={conference} t={t} locale={lang.value} />;
}
