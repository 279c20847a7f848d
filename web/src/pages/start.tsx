import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { type App, giveToken } from '../app';
import { type TextKey, t } from '../i18n';
import { newCode, parseCode, type RoomPage } from '../router';
import { Button } from '../ui/button';
import { Field } from '../ui/field';
import { Icon, type IconName } from '../ui/icons';
import { Shell } from './shell';

const starts: readonly { page: RoomPage; icon: IconName; title: TextKey; hint: TextKey }[] = [
  { page: 'r', icon: 'people', title: 'start.new', hint: 'start.new.hint' },
  { page: 'call', icon: 'phone', title: 'start.call', hint: 'start.call.hint' },
  { page: 'b', icon: 'broadcast', title: 'start.broadcast', hint: 'start.broadcast.hint' },
];

export function StartPage({ app }: { app: App }): JSX.Element {
  const info = app.info.value;
  return (
    <Shell app={app}>
      <div class="start">
        <div class="start-hero">
          <h1>{t('start.title')}</h1>
          <p class="lead">{t('start.lead')}</p>
          <JoinForm app={app} />
        </div>
        <section class="start-actions" aria-label={t('start.actions')}>
          {starts.map(({ page, icon, title, hint }) => (
            <button
              key={page}
              type="button"
              class="start-card"
              onClick={() => {
                app.token.value = undefined;
                app.router.open({ page, room: newCode() });
              }}
            >
              <span class="start-icon">
                <Icon name={icon} size={24} />
              </span>
              <span class="start-words">
                <strong>{t(title)}</strong>
                <span>{t(hint)}</span>
              </span>
              <Icon name="arrow" />
            </button>
          ))}
          {info && !info.openRooms ? <p class="note">{t('start.tokens')}</p> : null}
        </section>
      </div>
      {info?.version ? <p class="footer">{t('start.version', { version: info.version })}</p> : null}
    </Shell>
  );
}

function JoinForm({ app }: { app: App }): JSX.Element {
  const info = app.info.value;
  // Where an invitation is needed, the demo's room would not open.
  const demoRoom = info?.openRooms ? info.demoRoom : undefined;
  const code = useSignal('');
  const error = useSignal<string | undefined>(undefined);
  useEffect(() => {
    if (demoRoom && code.peek() === '') code.value = demoRoom;
  }, [demoRoom, code]);
  const join = () => {
    const found = parseCode(code.peek(), app.root);
    if (!found.ok) {
      error.value = t(`start.code.${found.why}`);
      return;
    }
    giveToken(app, found.route, found.token);
    // In the demo this click is the only one: devices open and the room is entered at once.
    app.direct = found.route.page === 'r' && found.route.room === demoRoom;
    app.router.open(found.route);
  };
  return (
    <form
      class="start-join"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        join();
      }}
    >
      <Field
        label={t('start.code')}
        placeholder={t('start.code.example')}
        value={code.value}
        error={error.value}
        hint={demoRoom ? t('start.demo') : undefined}
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        enterkeyhint="go"
        onValue={(value) => {
          code.value = value;
          error.value = undefined;
        }}
        after={
          <Button tone="accent" large type="submit">
            {t('join')}
          </Button>
        }
      />
    </form>
  );
}
