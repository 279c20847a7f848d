/** Starts the app: chooses the language and the colours, and shows the page of the address. */
import './theme/tokens.css';
import './theme/base.css';
import './theme/ui.css';
import './theme/pages.css';
import './theme/lobby.css';
import { effect } from '@preact/signals';
import { type JSX, render } from 'preact';
import { type App, createApp } from './app';
import { unable } from './env';
import { startLang, t } from './i18n';
import { CallPage } from './pages/call';
import { EndPage } from './pages/end';
import { RoomPage } from './pages/room';
import { StartPage } from './pages/start';
import type { Route } from './router';
import { LiveRegion } from './ui/live';
import { Toasts } from './ui/toast';

function Page({ app, route }: { app: App; route: Route }): JSX.Element {
  switch (route.page) {
    case 'start':
      return <StartPage app={app} />;
    case 'missing':
      return <EndPage app={app} code="missing" />;
    default:
      break;
  }
  if (unable()) return <EndPage app={app} code="unsupported" />;
  const key = `${route.page}/${route.room}`;
  if (route.page === 'call') return <CallPage key={key} app={app} room={route.room} />;
  return <RoomPage key={key} app={app} page={route.page} room={route.room} />;
}

function Root({ app }: { app: App }): JSX.Element {
  return (
    <>
      <Page app={app} route={app.router.route.value} />
      <Toasts />
      <LiveRegion />
    </>
  );
}

function titleOf(route: Route): string {
  switch (route.page) {
    case 'start':
    case 'missing':
      return 'Veche';
    case 'call':
      return `${t('call.title')} · Veche`;
    default:
      return `${route.room} · Veche`;
  }
}

startLang();
const app = createApp();
effect(() => {
  document.title = titleOf(app.router.route.value);
});
effect(() => {
  const { theme } = app.settings.value;
  const light = theme === 'light' || (theme === 'system' && matchMedia('(prefers-color-scheme: light)').matches);
  document.documentElement.dataset.theme = light ? 'light' : 'dark';
});
const place = document.getElementById('app');
if (place) render(<Root app={app} />, place);
